"""What becomes of orders between the decision and the source: sourcing, cross-docks, lot sizes.

Written for any trailing axes and namespace, so that both engines place orders by the same code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.network.world import World

SLACK = 1e-9
"""Units; a lot this close to full counts as full."""
PLENTY = 1e30
"""Units; stands for no limit, also in single precision."""
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class State:
    """What the placing of orders looks at, at a decision epoch; numpy or torch."""

    position: Any  # (node, product, ...) inventory position before the orders of this epoch
    available: Any  # (node, product, ...) free stock, infinite where it never runs out
    gate: Any  # (lane, ...) share of the lane that works in this period
    arriving: Any  # (lane, product, ...) earlier orders that reach the source in this period


class OrderDesk:
    """Turns the orders that were decided into the orders that are placed."""

    def __init__(self, world: World, xp: Any = np, cast: Any = np.asarray) -> None:
        self._world = world
        self._xp = xp
        self._cast = cast  # numpy values to an array of the engine's kind
        self._lots = _lot_sizes(world)
        self._has_lots = bool(self._lots.any())
        self._batch = np.array([lane.batch or 0.0 for lane in world.transport])
        self._most = np.array([lane.order_capacity or np.inf for lane in world.transport])
        self._capped = bool(np.isfinite(self._most).any())
        self._carries = None if world.carries.all() else world.carries
        self._ranked = _preferences(world)
        self._docks = _dock_levels(world)

    @property
    def changes_orders(self) -> bool:
        """Whether orders are ever placed otherwise than decided."""
        masked = self._carries is not None
        return masked or self._has_lots or self._capped or self.looks_at_state

    @property
    def looks_at_state(self) -> bool:
        """Whether placing depends on the state of the network."""
        return bool(self._ranked) or bool(self._docks)

    def placed(self, orders: Any, state: State | None) -> Any:
        """The orders as they are placed: (lane, product, ...)."""
        if self._carries is not None:
            orders = orders * self._column(self._carries, orders)
        if self._ranked and state is not None:
            orders = self._by_preference(orders, state)
        orders = self._in_lots(orders)
        for lanes in self._docks if state is not None else ():
            assert state is not None
            orders = self._xp.where(
                self._column(lanes, orders) > 0, self._passed_on(orders, state), orders
            )
        return orders

    def _column(self, values: NDArray[Any], like: Any) -> Any:
        """Lane values (lane,) or (lane, product) with the trailing axes of ``like``."""
        shape = tuple(values.shape) + (1,) * (like.ndim - values.ndim)
        return self._cast(np.asarray(values, dtype=float).reshape(shape))

    def _in_lots(self, orders: Any) -> Any:
        """Raise orders to the least lot, to whole batches, and cut them to the lane's most."""
        xp = self._xp
        if self._has_lots:
            least, batch = self._lots
            asked = orders > SLACK
            orders = xp.where(asked, xp.maximum(orders, self._column(least, orders)), orders)
            size = self._column(np.where(batch > 0, batch, 1.0), orders)
            lots = xp.ceil(orders / size - SLACK) * size
            orders = xp.where(self._column(batch, orders) + 0 * orders > 0, lots, orders)
        return self._within_most(orders) if self._capped else orders

    def _within_most(self, orders: Any) -> Any:
        xp = self._xp
        total = orders.sum(1)
        most = self._column(np.minimum(self._most, PLENTY), total)
        share = xp.minimum(most, total) / xp.clip(total, 1e-30, None)
        cut = orders * share[:, None]
        if not (self._batch > 0).any():
            return cut
        size = self._column(np.where(self._batch > 0, self._batch, 1.0), orders)
        lots = xp.floor(cut / size + SLACK) * size
        return xp.where(self._column(self._batch, orders) + 0 * orders > 0, lots, cut)

    def _by_preference(self, orders: Any, state: State) -> Any:
        """Ask the preferred lane for what its source can give, the next one for the rest.

        Nodes look at the same stock at the same time: two may count on the same units.
        """
        xp, world = self._xp, self._world
        # A cross-dock holds nothing and can get everything.
        endless = np.where(world.passes, np.inf, 0.0)[:, None]
        available = state.available + self._column(endless, state.available)
        for lanes, ranks, last in self._ranked:
            wanted = xp.where(self._column(lanes, orders) > 0, orders, 0 * orders)
            open_need = _sum_by(world.inbound.matrix, wanted, self._cast)
            final = self._column(last, orders) + 0 * orders > 0
            for rank in ranks:
                need = open_need[world.destination]
                # The room is finite even where the stock is not, so that a closed lane offers 0.
                offered = xp.minimum(available[world.source], self._room(need))
                offered = offered * (state.gate > 0)[:, None]
                asked = xp.where(final, need, xp.minimum(need, offered))
                mask = self._column(rank, orders) + 0 * orders > 0
                asked = xp.where(mask, asked, 0 * asked) * self._column(world.carries, orders)
                orders = xp.where(mask, asked, orders)
                open_need = open_need - _sum_by(world.inbound.matrix, asked, self._cast)
        return orders

    def _room(self, need: Any) -> Any:
        """What a lane can ship of each product if it ships nothing else: (lane, product, ...)."""
        return self._column(np.minimum(self._world.lane_capacity, PLENTY)[:, None], need) + 0 * need

    def _passed_on(self, orders: Any, state: State) -> Any:
        """What the cross-docks order: what reaches them in this period less their position."""
        xp, world = self._xp, self._world
        prompt = self._column((world.order_lag == 0)[:, None], orders)
        reaching = xp.where(prompt > 0, orders, state.arriving)
        asked = _sum_by(world.outbound.matrix, reaching, self._cast)
        wanted = xp.clip(asked - state.position, 0, None)[world.destination]
        share = self._column(world.share, orders)
        return self._in_lots(wanted * share)


def _sum_by(matrix: NDArray[np.float64], lanes: Any, cast: Any) -> Any:
    flat = lanes.reshape(lanes.shape[0], -1)
    return (cast(matrix) @ flat).reshape(matrix.shape[0], *lanes.shape[1:])


def _lot_sizes(world: World) -> NDArray[np.float64]:
    """Smallest order and batch size of each lane: (2, lane)."""
    return np.array(
        [
            [lane.minimum_order or 0.0 for lane in world.transport],
            [lane.batch or 0.0 for lane in world.transport],
        ]
    )


def _preferences(world: World) -> list[tuple[Flags, list[Flags], Flags]]:
    """Lanes into each node that orders by preference, one mask per rank, the best first.

    And, of (lane, product), the last lane that carries a product: it is asked for what remains.
    """
    found = []
    ranks = np.array([lane.preference for lane in world.transport])
    for i, node in enumerate(world.model.nodes.values()):
        if node.sourcing != "preference":
            continue
        lanes = np.equal(world.destination, i) & ~world.produces
        if lanes.sum() > 1:
            order = sorted(np.flatnonzero(lanes), key=lambda j: (ranks[j], j))
            place = np.zeros(len(lanes))
            place[order] = 1 + np.arange(len(order))
            carried = place[:, None] * world.carries
            last = (carried > 0) & (carried == carried.max(axis=0))
            found.append((lanes, [np.arange(len(lanes)) == j for j in order], last))
    return found


def _dock_levels(world: World) -> list[Flags]:
    """Lanes into cross-docks, the most downstream ones first."""
    depths = sorted({int(d) for d in world.depth[world.passes]}, reverse=True)
    into = world.passes[world.destination]
    return [into & (world.depth[world.destination] == depth) for depth in depths]
