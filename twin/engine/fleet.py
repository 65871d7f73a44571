"""Vehicle pools: how free vehicles are shared among lanes, and when they come back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.engine.bounds import at_least
from twin.engine.clock import ARRIVAL, Clock, snapped
from twin.engine.decision import Decision
from twin.exogenous.path import SamplePath
from twin.network.world import World

Floats = NDArray[np.float64]

DUST = 1e-9
"""Loads below this share of a vehicle are rounding errors, not freight."""


def vehicles_for(
    load: Any,
    allowed: Any,
    min_load: Any,
    idle: Any,
    xp: Any,
    dust: float = DUST,
) -> Any:
    """Vehicles that leave on each lane of a fleet: (lane, ...).

    ``load`` is what is ready on each lane, in vehicles, ``allowed`` the booked number, ``min_load``
    the share that the last vehicle must carry, ``idle`` vehicles at the depot (...). When more are
    wanted than are free, they are shared in proportion, by cumulative rounding: exact, no loop.
    """
    full = xp.trunc(load + dust)
    rest = load - full
    wanted = full + (rest > dust) * xp.greater_equal(rest, min_load - dust)
    wanted = xp.minimum(wanted, allowed)
    running = xp.cumsum(wanted, 0)
    total = running[-1:]
    shared = xp.floor((2 * running * idle + total) / (2 * at_least(total, 1, xp)))
    running = xp.where(total > idle, shared, running)
    return running - xp.concatenate([xp.zeros_like(running[:1]), running[:-1]], 0)


class VehiclePools:
    """All fleets of one run of the event engine; a vehicle is away until its trip is over."""

    def __init__(self, world: World, path: SamplePath, clock: Clock) -> None:
        self._world = world
        self._path = path
        self._clock = clock
        self.idle = np.array([float(fleet.vehicles) for fleet in world.fleets])  # (fleet,)
        self._returning = np.zeros((world.periods, len(world.fleets)))  # by the epoch they are back

    def returning_row(self, t: int) -> Floats:
        """Vehicles that will be back at epoch ``t``; zero beyond the horizon: (fleet,)."""
        if t >= len(self._returning):
            return np.zeros_like(self.idle)
        row: Floats = self._returning[t]
        return row

    def load(self, ready: Floats, decision: Decision, t: int, trips: Floats) -> Floats:
        """Put freight on free vehicles and send them off; what finds no room stays at the depot.

        ``ready`` (lane, product) units; returns what leaves, and adds to ``trips`` (lane,).
        """
        loaded = ready.copy()
        for f, fleet in enumerate(self._world.fleets):
            lanes = fleet.lanes
            leaving = vehicles_for(
                fleet.limit.fill(ready[lanes]),
                np.rint(decision.vehicles[lanes]),
                np.maximum(decision.min_load[lanes], self._world.no_min_load[lanes]),
                self._available(f, t),
                np,
            )
            loaded[lanes] *= fleet.limit.aboard(ready[lanes], leaving)[:, None]
            already = int(trips[lanes].sum())
            trips[lanes] += leaving
            self._depart(f, t, range(already, already + int(leaving.sum())))
        return loaded

    def _available(self, fleet: int, t: int) -> float:
        """Idle vehicles that are in service; those on the road finish their trip."""
        count = self._world.fleets[fleet].vehicles
        down = np.ceil((1.0 - self._path.fleet_up[t, fleet]) * count - DUST)
        return float(max(self.idle[fleet] - down, 0.0))

    def _depart(self, fleet: int, t: int, vehicles: range) -> None:
        period = self._world.period_d
        self.idle[fleet] -= len(vehicles)
        for k in vehicles:
            trip_d = float(self._path.trip_time[t, fleet, k])
            self._clock.at(snapped(t * period + trip_d, period), ARRIVAL, self._back, fleet)
            back = t + max(1, int(self._world.due_periods(np.array(trip_d))))
            if back < len(self._returning):
                self._returning[back, fleet] += 1

    def _back(self, fleet: int) -> None:
        self.idle[fleet] += 1
