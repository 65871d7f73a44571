"""The PeriodLedger: what happened, per period, in units and in money; with a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.engine.money import Accounts, Flows, accounts
from twin.errors import InvariantError
from twin.network.world import World

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
TOLERANCE = 1e-9
"""Relative tolerance of the conservation laws."""


@dataclass(frozen=True)
class Quantities:
    """The recorded arrays; one trailing axis of replications is allowed."""

    on_hand: Floats  # (period, node, product) end of period
    in_transit: Floats  # (period, lane, product) end of period, waiting at the dock included
    waiting: Floats  # (period, lane, product) orders at the source not yet shipped, end of period
    ordered: Floats  # (period, lane, product)
    shipped: Floats  # (period, lane, product)
    received: Floats  # (period, lane, product)
    unfilled: (
        Floats  # (period, lane, product) backlog of the source, or cancelled; none of production
    )
    demand: Floats  # (period, node, product) customers' demand of the period
    sold: Floats  # (period, node, product) served this period, backlog included
    unmet: Floats  # (period, node, product) customers' backlog, or lost this period
    trips: Floats  # (period, lane) vehicles that left
    scrapped: Floats  # (period, lane, product) shipped, never to arrive in good order
    wasted: Floats  # (period, node, product) spoiled, or destroyed for want of room
    substituted: Floats  # (period, node, product) demand that came from other products, or went
    setups: Floats  # (period, lane) products whose production was started
    surcharge: Floats  # (period, lane) money above the list price
    carrier: Floats  # (period, lane) units that went by common carrier
    ending: Floats  # (period, node, product) on hand at the end of the run, zero before

    @classmethod
    def empty(cls, world: World, never: Collection[str] = ()) -> Quantities:
        """All zeros, for one run; what ``never`` occurs is read-only and takes no memory."""
        shapes = {name: (world.periods, *shape) for name, shape in shapes_of(world).items()}
        return cls(**{n: _nothing(s) if n in never else np.zeros(s) for n, s in shapes.items()})

    def replication(self, index: int) -> Quantities:
        """One replication of a batch."""
        return Quantities(**{f.name: getattr(self, f.name)[..., index] for f in fields(self)})


def _nothing(shape: tuple[int, ...]) -> Floats:
    """Zeros that share one number, which cannot be written."""
    return np.ndarray(shape, np.float64, bytes(8), strides=(0,) * len(shape))


OF_NODES = frozenset({"on_hand", "demand", "sold", "unmet", "wasted", "substituted", "ending"})
WITHOUT_PRODUCTS = frozenset({"trips", "setups", "surcharge", "carrier"})
_NAMES = tuple(field.name for field in fields(Quantities))


def shapes_of(world: World) -> dict[str, tuple[int, ...]]:
    """Shape of one period's row of every recorded quantity."""
    nodes, lanes, products, _ = world.shape
    per_node, per_lane = (nodes, products), (lanes, products)
    rows = {name: per_node if name in OF_NODES else per_lane for name in _NAMES}
    return {**rows, **dict.fromkeys(WITHOUT_PRODUCTS, (lanes,))}


@dataclass(frozen=True)
class PeriodLedger:
    """What one run did, by period. Money is not discounted except in ``reward``."""

    world: World
    seed: int
    quantities: Quantities

    @property
    def nodes(self) -> tuple[str, ...]:
        """Node names, the order of every node axis."""
        return self.world.nodes

    @property
    def lanes(self) -> tuple[str, ...]:
        """Lane names ``src->dst``, the order of every lane axis."""
        return self.world.lanes

    def __getattr__(self, name: str) -> Floats:
        if name.startswith("_") or name == "quantities":
            raise AttributeError(name)
        value: Floats = getattr(self.quantities, name)
        return value

    @cached_property
    def worked_out(self) -> dict[str, Any]:
        """What readers of this ledger have worked out and others may want, by name."""
        return {}

    @cached_property
    def accounts(self) -> Accounts:
        """Money per node and period, part by part: each (period, node)."""
        moved = {
            field.name: np.moveaxis(getattr(self.quantities, field.name), 0, -1)
            for field in fields(Flows)
        }
        world = self.world
        money = accounts(
            world.prices,
            world.outbound.matrix,
            world.inbound.matrix,
            Flows(**moved),
            world.convention.source_holds_transit,
        )
        parts = {f.name: np.moveaxis(getattr(money, f.name), -1, 0) for f in fields(Accounts)}
        return Accounts(**parts)

    @cached_property
    def profit(self) -> Floats:
        """Profit of each node and period, undiscounted: (period, node)."""
        profit: Floats = self.accounts.profit
        return profit

    @cached_property
    def cost(self) -> Floats:
        """Cost less revenue of the whole network per period, undiscounted: (period,)."""
        cost: Floats = -self.profit.sum(axis=1)
        return cost

    @cached_property
    def reward(self) -> Floats:
        """Discounted profit: (period, agent); under team reward every agent gets an equal part."""
        discount = self.world.model.discount ** np.arange(len(self.cost))
        return discount[:, None] * agent_rewards(self.world, self.profit)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every recorded number, in field order."""
        sha = hashlib.sha256()
        for field in fields(Quantities):
            # Adding zero turns -0.0 into 0.0, which are equal but differ in bytes.
            sha.update(np.ascontiguousarray(getattr(self.quantities, field.name) + 0.0).tobytes())
        return sha.hexdigest()

    def check(self) -> None:
        """Raise InvariantError unless units and money are conserved in every period."""
        limit = TOLERANCE * (1.0 + _largest(self.quantities.on_hand))
        limit += TOLERANCE * float(np.abs(self.quantities.shipped).sum(axis=0).max(initial=0.0))
        for law, error in conservation_errors(self).items():
            # A NaN anywhere fails the comparison.
            if not _largest(error) <= limit:
                period = int(np.argmax(np.abs(error).reshape(len(error), -1).max(axis=1)))
                raise InvariantError(
                    f"law broken: {law}",
                    f"period {period}",
                    f"{float(np.abs(error).max()):.6g} off",
                    "0",
                )


def _largest(values: Floats) -> float:
    """The largest number, signs aside; NaN where there is one."""
    return float(max(values.max(initial=0.0), -values.min(initial=0.0)))


def period_profit(world: World, quantities: Quantities, t: int) -> Floats:
    """Profit of each node in one finished period, undiscounted: (node,)."""
    money = accounts(
        world.prices,
        world.outbound.matrix,
        world.inbound.matrix,
        Flows(**{field.name: getattr(quantities, field.name)[t] for field in fields(Flows)}),
        world.convention.source_holds_transit,
    )
    profit: Floats = money.profit
    return profit


def agent_rewards(world: World, profit: Floats) -> Floats:
    """Share the nodes' profit (..., node) among the agents: (..., agent)."""
    agents = world.model.agents
    named = [world.nodes.index(name) for name in agents.replenish]
    owners = named or list(world.ordering_nodes)
    depots = [f.depot for f in world.fleets if f.name in agents.dispatch]
    owners += depots
    if not owners:
        whole: Floats = profit.sum(axis=-1, keepdims=True)
        return whole
    if agents.reward == "local":
        own: Floats = profit[..., owners]
        return own
    total = profit.sum(axis=-1, keepdims=True) / len(owners)
    return np.repeat(total, len(owners), axis=-1)


def conservation_errors(ledger: PeriodLedger) -> dict[str, Floats]:
    """Deviation from each law, period first, zero where it holds; the keys say the law.

    Large ledgers are checked after every run, so that the arithmetic is done in place.
    """
    q, world = ledger.quantities, ledger.world
    lost = world.lost
    asked = q.demand + q.substituted
    least_asked = _least_asked(asked, q.unmet, lost)
    asked -= q.sold  # now what the period left open, or more than closed
    backlog = np.cumsum(asked[:, ~lost], axis=0)
    money, independent = ledger.accounts, world.model.independent_links
    transfers = money.transfers_in.sum(-1) - money.transfers_out.sum(-1)
    least_stock = q.on_hand.min(axis=(1, 2), initial=0.0)
    finite = np.isfinite(q.on_hand).all(axis=(1, 2))
    return {
        "units: initial + received = on hand + used + sold + wasted": _stock_error(ledger),
        "lanes: initial + shipped = received + in transit + scrapped": _lane_error(ledger),
        "customers: demand = sold + backlog": q.unmet[:, ~lost] - backlog,
        "customers: demand = sold + lost": asked[:, lost] - q.unmet[:, lost],
        "customers: substitution takes no more than there is": least_asked,
        "money: transfers between nodes cancel": transfers,
        "stock is never negative": least_stock * (not independent),
        "stock fits its storage": np.maximum(_overfull(ledger), 0.0),
        "every number is finite": np.where(finite, 0.0, np.inf),
    }


def _least_asked(asked: Floats, unmet: Floats, lost: Flags) -> Floats:
    """The least asked for once customers who waited have turned to substitutes: (period,)."""
    least: Floats = asked.min(axis=(1, 2), initial=0.0)
    if (least < 0).any():
        waiting = np.where(lost[:, None], 0.0, unmet[:-1])
        least = np.append(least[:1], (asked[1:] + waiting).min(axis=(1, 2), initial=0.0))
    return least


def _stock_error(ledger: PeriodLedger) -> Floats:
    q, world = ledger.quantities, ledger.world
    limited = ~world.unlimited
    stock = world.inbound.matrix[limited] @ q.received
    stock -= world.outbound.matrix[limited] @ world.recipes.claims(q.shipped)
    for gone in (q.sold, q.wasted):
        stock -= gone[:, limited]
    np.cumsum(stock, axis=0, out=stock)
    stock += world.initial_stock[limited]
    error: Floats = np.subtract(q.on_hand[:, limited], stock, out=stock)
    return error


def _lane_error(ledger: PeriodLedger) -> Floats:
    q, world = ledger.quantities, ledger.world
    transit = q.shipped - q.received
    transit -= q.scrapped
    np.cumsum(transit, axis=0, out=transit)
    transit += world.initial_transit.sum(axis=0)
    error: Floats = np.subtract(q.in_transit, transit, out=transit)
    return error


def _overfull(ledger: PeriodLedger) -> Floats:
    """What is stored above the limit; stock that was there from the start is allowed."""
    world = ledger.world
    limit = world.storage_limit
    most = np.maximum(limit.most, limit.load(world.initial_stock))
    finite = np.isfinite(most)
    stored = np.moveaxis(ledger.quantities.on_hand @ limit.size.T, 2, 1)
    over: Floats = stored[:, finite] - most[finite]
    return over
