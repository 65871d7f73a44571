"""What is on its way: shipments as events in continuous time, and the docks they arrive at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.engine.clock import ARRIVAL, Clock, snapped
from twin.engine.shelf import Shelf
from twin.exogenous.path import SamplePath
from twin.network.world import World

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Convoy:
    """Shipments that leave and arrive together."""

    lanes: Ints | slice
    units: Floats  # (lane, product)
    ages: Floats | None = None  # (lane, perishable product, periods left)
    left: int = 0  # the period they left in


class Road:
    """Shipments between their source and their destination's stock."""

    def __init__(self, world: World, path: SamplePath, clock: Clock, shelf: Shelf | None) -> None:
        self.transit: Floats = world.initial_transit.sum(axis=0)  # shipped, not received
        self.dock = np.zeros_like(self.transit)  # of it, arrived
        self.occupied = False  # whether something may stand at a dock
        self.t = 0  # the current period
        self.due: Ints = world.due_periods(path.lead_time)  # (period, lane)
        self._lead_time = path.lead_time
        self._period_d = world.period_d
        self._clock = clock
        self._shelf = shelf
        self._groups: dict[bytes, list[tuple[float, Ints | slice, list[int]]]] = {}
        self._coming: dict[float, list[Convoy]] = {}  # by time of arrival
        for epoch, units in enumerate(world.initial_transit):
            clock.at(epoch * world.period_d, ARRIVAL, self._arrive, Convoy(slice(None), units))

    def send(self, units: Floats, ages: Floats | None) -> bool:
        """Set shipments (lane, product) off; true when some are there at once."""
        self.transit = self.transit + units
        freight = units if ages is None else np.concatenate([units, ages.any(axis=2)], axis=1)
        moves: list[bool] = np.logical_or.reduce(freight, axis=1).tolist()
        arrived = False
        for days, lanes, members in self._groups_of(self.t):
            if not any(moves[lane] for lane in members):
                continue
            aboard = None if ages is None else ages[lanes]
            convoy = Convoy(lanes, units[lanes], aboard, self.t)
            if days > 0.0:
                self._travel(convoy, days)
            else:
                self._arrive(convoy)
                arrived = True
        return arrived

    def unload(self, gone: Floats) -> None:
        """Take ``gone`` (lane, product) off the docks."""
        self.dock = self.dock - gone
        self.transit = np.maximum(self.transit - gone, 0.0)

    def _travel(self, convoy: Convoy, days: float) -> None:
        """Arrive in ``days``: one event for all that arrive at one time, in the order they left."""
        at = snapped(self.t * self._period_d + days, self._period_d)
        if at not in self._coming:
            self._coming[at] = []
            self._clock.at(at, ARRIVAL, self._arrive_together, at)
        self._coming[at].append(convoy)

    def _arrive_together(self, at: float) -> None:
        for convoy in self._coming.pop(at):
            self._arrive(convoy)

    def _arrive(self, convoy: Convoy) -> None:
        self.dock[convoy.lanes] += convoy.units
        self.occupied = True
        if self._shelf is None:
            return
        if convoy.ages is None:
            self._shelf.dock(convoy.lanes, convoy.units)
        else:
            self._shelf.arrive(convoy.lanes, convoy.ages, self.t - convoy.left)

    def _groups_of(self, t: int) -> list[tuple[float, Ints | slice, list[int]]]:
        """Lanes by the lead time in days of the shipments that leave in period ``t``."""
        row = self._lead_time[t]
        key = row.tobytes()
        if key not in self._groups:
            row = np.where(self.due[t] == 0, 0.0, row)
            self._groups[key] = [
                (float(v), _selector(row == v), np.flatnonzero(row == v).tolist())
                for v in np.unique(row)
            ]
        return self._groups[key]


def _selector(lanes: Flags) -> Ints | slice:
    """Index of the chosen lanes; a slice where they stand together, which is faster."""
    found = np.flatnonzero(lanes)
    if found[-1] - found[0] + 1 == len(found):
        return slice(int(found[0]), int(found[-1]) + 1)
    return found
