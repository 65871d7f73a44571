"""The profit of one period of many replications.

Profit is linear in the flows (orders count as placed or not), so its coefficients are read off
``twin.engine.money.accounts``, which stays the one place that says what is paid for what.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.engine.batch_arrays import WorldArrays
from twin.engine.batch_path import as_array
from twin.engine.ledger import OF_NODES, WITHOUT_PRODUCTS, shapes_of
from twin.engine.money import DUST, Flows, accounts
from twin.network.world import World

LARGEST_TABLE = 400
"""Items of a flow up to which one matrix product is cheaper than pricing part by part."""
FLOWS = tuple(field.name for field in fields(Flows))


class PeriodProfit:
    """Prices the flows of a period: (node, B)."""

    def __init__(
        self, world: World, arrays: WorldArrays, like: Any, xp: Any, unused: Collection[str]
    ) -> None:
        self._world = world
        self._arrays = arrays
        self._xp = xp
        self._names = [name for name in FLOWS if name not in unused]
        self._table: Any | None = None
        nodes, lanes, products, _ = world.shape
        if max(nodes, lanes) * products <= LARGEST_TABLE and not world.prices.line.any():
            device = getattr(like, "device", None)
            self._table = as_array(self._coefficients(), xp, like.dtype, device)

    def __call__(self, row: Mapping[str, Any]) -> Any:
        """Profit of the nodes, not discounted: (node, B)."""
        if self._table is None:
            return self._part_by_part(row)
        flows = [self._flat(name, self._given(row, name)) for name in self._names]
        return self._table @ self._xp.concatenate(flows, 0)

    def _flat(self, name: str, flow: Any) -> Any:
        if name == "ordered":
            return (flow.sum(1) > DUST) + 0 * flow[:, 0]
        return flow.reshape(-1, flow.shape[-1])

    def _part_by_part(self, row: Mapping[str, Any]) -> Any:
        arrays = self._arrays
        flows = Flows(**{name: self._given(row, name) for name in FLOWS})
        at_source = self._world.convention.source_holds_transit
        return accounts(arrays.prices, arrays.outbound, arrays.inbound, flows, at_source).profit

    def _given(self, row: Mapping[str, Any], name: str) -> Any:
        """A flow of the row, zero where the scenario has no such thing."""
        if name in row:
            return row[name]
        like = row["on_hand"] if name in OF_NODES else row["shipped"]
        return 0 * (like[:, 0] if name in WITHOUT_PRODUCTS else like)

    def _coefficients(self) -> NDArray[np.float64]:
        """Profit per unit of every flow that is worth anything: (node, items)."""
        blocks = {name: _unit_profit(self._world, name) for name in self._names}
        self._names = [name for name, block in blocks.items() if block.any()] or ["on_hand"]
        return np.concatenate([blocks[name] for name in self._names], 1)


def _unit_profit(world: World, name: str) -> NDArray[np.float64]:
    """Profit of one unit of each item of a flow: (node, items)."""
    known = shapes_of(world)
    shapes = {flow: known[flow] for flow in FLOWS}
    items = len(world.lanes) if name == "ordered" else int(np.prod(shapes[name]))
    flows = {flow: np.zeros((*shape, items)) for flow, shape in shapes.items()}
    if name == "ordered":
        flows[name][:, 0] = np.eye(items)
    else:
        flows[name] = np.eye(items).reshape(*shapes[name], items)
    profit: NDArray[np.float64] = accounts(
        world.prices,
        world.outbound.matrix,
        world.inbound.matrix,
        Flows(**flows),
        world.convention.source_holds_transit,
    ).profit
    return profit
