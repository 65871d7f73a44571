"""The agents' rewards of one period of the event engine."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from twin.engine.ledger import Quantities, agent_rewards, period_profit
from twin.engine.money import DUST, Flows
from twin.network.world import World

Floats = NDArray[np.float64]
LARGEST_TABLE = 100_000
"""Agents times recorded numbers of a period up to which one matrix product is cheaper."""
FLOWS = tuple(field.name for field in fields(Flows))


class PeriodRewards:
    """Prices a finished period.

    Rewards are linear in the flows (an order counts as placed or not), so in small worlds their
    coefficients are read off ``period_profit`` once, and a period is priced by one matrix product.
    That they are linear is tried out, not believed: where they are not, each period is priced part
    by part.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._discount = world.model.discount
        self._share: Floats = agent_rewards(world, np.eye(len(world.nodes)))  # (node, agent)
        self._names: list[str] = []
        self._table: Floats | None = None  # (agent, items)
        rows = _row_sizes(world)
        if sum(rows.values()) * self._share.shape[1] <= LARGEST_TABLE:
            self._read_off(rows)

    def __call__(self, quantities: Quantities, t: int) -> Floats:
        """Reward of each agent in period ``t``, discounted: (agent,)."""
        rewards = (
            self._part_by_part(quantities, t)
            if self._table is None
            else self._by_table(self._table, quantities, t)
        )
        discounted: Floats = rewards * self._discount**t
        return discounted

    def _part_by_part(self, quantities: Quantities, t: int) -> Floats:
        rewards: Floats = period_profit(self._world, quantities, t) @ self._share
        return rewards

    def _by_table(self, table: Floats, quantities: Quantities, t: int) -> Floats:
        flows = [_flat(quantities, name, t) for name in self._names]
        rewards: Floats = table @ np.concatenate(flows)
        return rewards

    def _read_off(self, rows: dict[str, int]) -> None:
        blocks = {name: self._unit_rewards(name, size) for name, size in rows.items()}
        self._names = [name for name, block in blocks.items() if block.any()] or ["on_hand"]
        table = np.concatenate([blocks[name] for name in self._names], axis=1)
        probe = _probe(self._world)
        if np.allclose(
            self._by_table(table, probe, 0), self._part_by_part(probe, 0), rtol=1e-9, atol=1e-9
        ):
            self._table = table

    def _unit_rewards(self, name: str, size: int) -> Floats:
        """Reward for one unit of each number of a flow: (agent, size)."""
        one = replace(self._world, periods=1)
        empty = Quantities.empty(one)
        units = {n: np.repeat(getattr(empty, n)[..., None], size, axis=-1) for n in FLOWS}
        if name == "ordered":
            units[name][0, :, 0] = np.eye(size)
        else:
            units[name] = np.eye(size).reshape(units[name].shape)
        profit = period_profit(self._world, replace(empty, **units), 0)
        rewards: Floats = self._share.T @ profit
        return rewards


def _flat(quantities: Quantities, name: str, t: int) -> Floats:
    row: Floats = getattr(quantities, name)[t]
    if name != "ordered":
        return row.ravel()
    placed: Floats = (row.sum(axis=1) > DUST).astype(float)
    return placed


def _row_sizes(world: World) -> dict[str, int]:
    """How many numbers of each flow a period has."""
    empty = Quantities.empty(replace(world, periods=1))
    sizes = {name: int(getattr(empty, name)[0].size) for name in FLOWS}
    return sizes | {"ordered": len(world.lanes)}


def _probe(world: World) -> Quantities:
    """One period in which every number is another one."""
    empty = Quantities.empty(replace(world, periods=1))
    values = {
        name: np.arange(1.0, 1.0 + getattr(empty, name).size).reshape(getattr(empty, name).shape)
        for name in FLOWS
    }
    return replace(empty, **values)
