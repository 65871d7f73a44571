"""Event engines side by side: what a rollout needs of the batch engine, played event by event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.engine.batch_path import BatchPath, stack_paths
from twin.engine.decision import Decision
from twin.engine.event import EventEngine
from twin.engine.ledger import period_profit
from twin.exogenous.path import SamplePath
from twin.network.world import World

Floats = NDArray[np.float64]


class EventBatch:
    """B runs of one network, each on an event engine of its own; arrays have a trailing axis B."""

    def __init__(self, world: World, paths: Sequence[SamplePath], path: BatchPath) -> None:
        """``path`` are the same sample paths, stacked."""
        self.world = world
        self.path = path
        self._engines = [EventEngine(world, drawn) for drawn in paths]

    @classmethod
    def of(cls, world: World, paths: Sequence[SamplePath]) -> EventBatch:
        """Engines on some sample paths."""
        return cls(world, paths, stack_paths(world, paths))

    @property
    def t(self) -> int:
        """The current epoch."""
        return self._engines[0].t

    @property
    def on_hand(self) -> Floats:
        """Stock: (node, product, B)."""
        return self._stacked(lambda engine: engine.on_hand)

    @property
    def under_way(self) -> Floats:
        """Orders on their way to the source: (lane, product, B)."""
        return self._stacked(lambda engine: engine.under_way)

    @property
    def book(self) -> Floats:
        """Orders at the source: (lane, product, B)."""
        return self._stacked(lambda engine: engine.book)

    @property
    def transit(self) -> Floats:
        """Shipped, not received: (lane, product, B)."""
        return self._stacked(lambda engine: engine.transit)

    @property
    def idle(self) -> Floats:
        """Vehicles at their depots: (fleet, B)."""
        return self._stacked(lambda engine: engine.idle)

    def owed(self) -> Floats:
        """Units promised: (node, product, B)."""
        return self._stacked(lambda engine: engine.owed())

    def inventory_position(self) -> Floats:
        """On hand, less what is owed to anybody, plus on order: (node, product, B)."""
        return self._stacked(lambda engine: engine.inventory_position())

    def demand_row(self, t: int) -> Floats:
        """Customers' demand of a past or current period: (node, product, B)."""
        return self._stacked(lambda engine: engine.demand_row(t))

    def request_row(self, t: int) -> Floats:
        """Orders of downstream nodes that reached each node in a past period."""
        return self._stacked(lambda engine: engine.request_row(t))

    def shipped_row(self, t: int) -> Floats:
        """Shipments of a past period: (lane, product, B)."""
        return self._stacked(lambda engine: engine.shipped_row(t))

    def returning_row(self, t: int) -> Floats:
        """Vehicles that will be back at a later epoch: (fleet, B)."""
        return self._stacked(lambda engine: engine.returning_row(t))

    def forecast(self) -> Floats | None:
        """Demand of the coming periods as forecast now: (node, product, B)."""
        rows = [engine.forecast() for engine in self._engines]
        known = [row for row in rows if row is not None]
        return np.stack(known, -1) if known else None

    def advance(self) -> bool:
        """Go to the next decision epoch; False when the horizon is over."""
        seen = [engine.advance() for engine in self._engines]
        return all(seen)

    def decide(self, orders: Any, vehicles: Any, min_load: Any) -> None:
        """Carry out decisions (lane, product, B), (lane, B), (lane, B) and finish the period."""
        for b, engine in enumerate(self._engines):
            engine.decide(Decision(orders[..., b], vehicles[..., b], min_load[..., b]))

    def profit_row(self) -> Floats:
        """Profit of the period just finished, not discounted: (node, B)."""
        return self._stacked(lambda e: period_profit(self.world, e.quantities, e.t))

    def _stacked(self, of: Callable[[EventEngine], Floats]) -> Floats:
        return np.stack([of(engine) for engine in self._engines], -1)
