"""What is on its way: shipments as events, and the docks they arrive at.

Nobody looks at a dock between two epochs, so all shipments that arrive between them share one event
at the later one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.engine.clock import ARRIVAL, Clock
from twin.engine.shelf import Shelf
from twin.exogenous.path import SamplePath
from twin.network.world import World

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Timetable:
    """When the shipments of one period arrive."""

    at_once: Ints  # lanes without a lead time
    later: Ints  # the other lanes
    after: Ints  # (later lane,) periods until they arrive
    offsets: tuple[int, ...]  # the different ones, the longest last


class Road:
    """Shipments between their source and their destination's stock."""

    def __init__(self, world: World, path: SamplePath, clock: Clock, shelf: Shelf | None) -> None:
        self.transit: Floats = world.initial_transit.sum(axis=0)  # shipped, not received
        self.dock = np.zeros_like(self.transit)  # of it, arrived
        self.occupied = False  # whether something may stand at a dock
        self.t = 0  # the current period
        self.due: Ints = world.due_periods(path.lead_time)  # (period, lane)
        self._periods = world.periods
        self._period_d = world.period_d
        self._clock = clock
        self._shelf = shelf
        self._tables: dict[bytes, Timetable] = {}
        self._expected = [False] * world.periods  # epochs that have an event
        self._landing = np.zeros((world.periods, *self.transit.shape))  # by epoch of arrival
        self._ages: dict[int, list[tuple[Ints, Floats, int]]] = {}  # lanes, ages, period they left
        self._begin(world.initial_transit[: world.periods])

    def send(self, units: Floats, ages: Floats | None) -> bool:
        """Set shipments (lane, product) off; true when some are there at once."""
        self.transit = self.transit + units
        table = self._table()
        if len(table.later):
            self._travel(table, units, ages)
        now = table.at_once
        if not len(now) or not (units[now].any() or (ages is not None and ages[now].any())):
            return False
        self.dock[now] += units[now]
        self.occupied = True
        if self._shelf is not None and ages is not None:
            self._shelf.arrive(now, ages[now], 0)
        return True

    def unload(self, gone: Floats) -> None:
        """Take ``gone`` (lane, product) off the docks."""
        self.dock = self.dock - gone
        self.transit = np.maximum(self.transit - gone, 0.0)

    def _begin(self, initial: Floats) -> None:
        """Expect what is on the road at the start."""
        for epoch, units in enumerate(initial):
            self._landing[epoch] = units
            self._expect(epoch)
            if self._shelf is not None:
                self._ages[epoch] = [(*self._shelf.load(units), max(epoch - 1, 0))]

    def _travel(self, table: Timetable, units: Floats, ages: Floats | None) -> None:
        t, lanes, epoch = self.t, table.later, self.t + table.after
        if t + table.offsets[-1] >= self._periods:
            in_time = epoch < self._periods
            lanes, epoch = lanes[in_time], epoch[in_time]
        self._landing[epoch, lanes] += units[lanes]
        for offset in table.offsets:
            if t + offset >= self._periods:
                break
            if not self._expected[t + offset]:
                self._expect(t + offset)
            if ages is not None:
                aboard = lanes[epoch == t + offset]
                self._ages.setdefault(t + offset, []).append((aboard, ages[aboard], t))

    def _expect(self, epoch: int) -> None:
        self._expected[epoch] = True
        self._clock.at(epoch * self._period_d, ARRIVAL, self._land, epoch)

    def _land(self, epoch: int) -> None:
        """Everything that arrives before an epoch stands at the docks when it begins."""
        units = self._landing[epoch]
        self.dock = self.dock + units
        self.occupied = True
        if self._shelf is None:
            return
        carried = self._ages.pop(epoch, [])
        for lanes, ages, left in carried:
            self._shelf.arrive(lanes, ages, self.t - left)

    def _table(self) -> Timetable:
        """When what leaves in the current period arrives."""
        row = self.due[self.t]
        key = row.tobytes()
        if key not in self._tables:
            later = np.flatnonzero(row > 0)
            offsets = tuple(np.unique(row[later]).tolist())
            self._tables[key] = Timetable(np.flatnonzero(row == 0), later, row[later], offsets)
        return self._tables[key]
