"""The global vector: everything any agent may observe, in natural units, as one array.

    block       shape                    unit      meaning
    on_hand     (node, product)          units     stock at the decision epoch
    owed        (node, product)          units     promised to customers and downstream nodes
    waiting     (lane, product)          units     ordered, not yet shipped
    in_transit  (lane, product)          units     shipped, not yet received
    shipped     (history, lane, product) units     the last shipments, latest first
    recent      (7, node, product)       units     the last requests, latest first
    idle        (fleet,)                 vehicles  free now
    returning   (fleet, 5)               vehicles  back in 1 .. 5 periods
    forecast    (node, product)          units     of coming demand, where the scenario has it
    clock       (8,)                     -         period index, weekday one-hot

Both engines offer the same view, so one function serves one run and thousands of replications
(a trailing axis).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from twin.network.world import World

RECENT = 7
RETURNING = 5
WEEKDAYS = 7


class View(Protocol):
    """What an engine shows of its state at a decision epoch; arrays may have a trailing axis."""

    @property
    def t(self) -> int:
        """Index of the current period."""

    @property
    def on_hand(self) -> Any:
        """Stock: (node, product, ...)."""

    @property
    def under_way(self) -> Any:
        """Orders on their way to the source: (lane, product, ...)."""

    @property
    def book(self) -> Any:
        """Orders at the source: (lane, product, ...)."""

    @property
    def transit(self) -> Any:
        """Shipped, not received: (lane, product, ...)."""

    @property
    def idle(self) -> Any:
        """Vehicles at their depots: (fleet, ...)."""

    def owed(self) -> Any:
        """Units promised: (node, product, ...)."""

    def demand_row(self, t: int) -> Any:
        """Customers' demand of a past or current period: (node, product, ...)."""

    def request_row(self, t: int) -> Any:
        """Orders of downstream nodes that reached each node in a past period."""

    def shipped_row(self, t: int) -> Any:
        """Shipments of a past period: (lane, product, ...)."""

    def returning_row(self, t: int) -> Any:
        """Vehicles that will be back at a later epoch: (fleet, ...)."""

    def forecast(self) -> Any | None:
        """Demand of the coming periods as forecast now: (node, product, ...)."""


@dataclass(frozen=True)
class Layout:
    """Where each block stands in the global vector."""

    shapes: tuple[tuple[str, tuple[int, ...]], ...]

    @classmethod
    def of(cls, world: World) -> Layout:
        """The layout of a world."""
        nodes, lanes, products, fleets = world.shape
        return cls(
            (
                ("on_hand", (nodes, products)),
                ("owed", (nodes, products)),
                ("waiting", (lanes, products)),
                ("in_transit", (lanes, products)),
                ("shipped", (world.history, lanes, products)),
                ("recent", (RECENT, nodes, products)),
                ("idle", (fleets,)),
                ("returning", (fleets, RETURNING)),
                *((("forecast", (nodes, products)),) if world.model.forecasts else ()),
                ("clock", (1 + WEEKDAYS,)),
            )
        )

    @cached_property
    def starts(self) -> dict[str, int]:
        """First place of each block."""
        found, start = {}, 0
        for name, shape in self.shapes:
            found[name] = start
            start += math.prod(shape)
        return found

    @cached_property
    def size(self) -> int:
        """Length of the global vector."""
        return sum(math.prod(shape) for _, shape in self.shapes)

    def places(self, block: str) -> NDArray[np.intp]:
        """Places of a block in the global vector, in the block's shape."""
        shape = dict(self.shapes)[block]
        start = self.starts[block]
        return np.arange(start, start + math.prod(shape)).reshape(shape)


def global_vector(world: World, view: View, xp: Any = np, before: Any = None) -> Any:
    """The global vector of the view's current epoch: (size, ...).

    ``before`` is the vector of the epoch before, if there is one: what has passed is then moved
    along instead of read again.
    """
    trailing = tuple(view.on_hand.shape[2:])

    def flat(x: Any) -> Any:
        return x.reshape(-1, *trailing)

    blocks = [view.on_hand, view.owed(), view.under_way + view.book, view.transit]
    parts = [flat(block) for block in blocks]
    start = sum(map(len, parts))
    for row, count in ((_shipped, world.history), (_requested, RECENT)):
        if before is None:
            parts += [flat(row(world, view, age, xp)) for age in range(count)]
        else:
            latest = flat(row(world, view, 0, xp))
            parts += [latest, before[start : start + (count - 1) * len(latest)]]
            start += count * len(latest)
    parts += [view.idle, *_returning(world, view, xp)]
    coming = view.forecast()
    parts += [] if coming is None else [flat(coming)]
    parts.append(_clock(world, view, xp))
    return xp.concatenate(parts, 0)


def _clock(world: World, view: View, xp: Any) -> Any:
    clock = np.zeros(1 + WEEKDAYS)
    clock[0] = view.t
    clock[1 + int(view.t * world.period_d + 1e-9) % WEEKDAYS] = 1.0
    return _like(clock, view.on_hand, xp)


def _shipped(world: World, view: View, age: int, xp: Any) -> Any:
    """Shipments of the period before, or ``age`` periods earlier; none before the start."""
    s = view.t - 1 - age
    return view.shipped_row(s) if s >= 0 else 0 * view.transit


def _like(values: NDArray[np.float64], like: Any, xp: Any) -> Any:
    """Numpy values as an array of ``like``'s kind, with its trailing axes."""
    trailing = tuple(like.shape[2:])
    if xp is np and not trailing:
        return values
    if xp is np:
        column = values.astype(like.dtype)
    else:
        column = xp.as_tensor(values, dtype=like.dtype, device=like.device)
    return xp.broadcast_to(
        column.reshape(tuple(values.shape) + (1,) * len(trailing)), (*values.shape, *trailing)
    )


def _requested(world: World, view: View, age: int, xp: Any) -> Any:
    """What was asked of each node last, or ``age`` periods earlier.

    Before the start it was asked for its long-run throughput.
    """
    orders_t = view.t - 1 - age
    customers_t = orders_t + world.convention.demand_known_when_ordering
    if customers_t < 0 or orders_t < 0:
        return _like(world.throughput, view.on_hand, xp) + 0 * view.on_hand
    return view.demand_row(customers_t) + view.request_row(orders_t)


def _returning(world: World, view: View, xp: Any) -> list[Any]:
    """(fleet, RETURNING) flattened fleet by fleet."""
    if not world.fleets:
        return []
    rows = [view.returning_row(view.t + 1 + j) for j in range(RETURNING)]
    stacked = xp.stack(rows, 1)
    return [stacked.reshape(-1, *stacked.shape[2:])]


def observation_scale(world: World) -> NDArray[np.float64]:
    """Factor that brings each number of the global vector to the order of one: (size,)."""
    nodes, lanes, products, _ = world.shape
    node = np.maximum(np.maximum(world.order_up_to, world.throughput), 1.0)
    flow = np.maximum(world.throughput[world.destination] * world.share, 1.0)
    lead = np.array([world.lead_periods(j) + 1 for j in range(lanes)]).reshape(-1, 1)
    vehicles = np.array([float(f.vehicles) for f in world.fleets])
    blocks = [
        node,
        node,
        flow,
        flow * lead,
        np.broadcast_to(flow, (world.history, lanes, products)),
        np.broadcast_to(np.maximum(world.throughput, 1.0), (RECENT, nodes, products)),
        vehicles,
        np.repeat(vehicles[:, None], RETURNING, axis=1),
    ]
    if world.model.forecasts is not None:
        blocks.append(np.maximum(world.throughput, 1.0) * world.model.forecasts.horizon)
    blocks.append(np.array([float(world.periods)] + [1.0] * WEEKDAYS))
    return 1.0 / np.concatenate([block.ravel() for block in blocks])
