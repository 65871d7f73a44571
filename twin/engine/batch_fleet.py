"""Vehicles of all fleets for one period of many replications."""

from __future__ import annotations

from typing import Any

from twin.engine.batch_arrays import WorldArrays
from twin.engine.fleet import vehicles_for


def put_on_vehicles(
    arrays: WorldArrays, ready: Any, vehicles: Any, min_load: Any, idle: Any, xp: Any
) -> tuple[Any, Any, Any]:
    """Put freight on the vehicles that are free; what finds no room stays at the depot.

    ``ready`` (lane, product, B) units, ``vehicles`` and ``min_load`` (lane, B) as decided, ``idle``
    (fleet, B) and in service. Returns what leaves (lane, product, B), the trips (lane, B), and the
    vehicles gone (fleet, B).
    """
    shares, trips, gone = [], [], []
    for f, fleet in enumerate(arrays.fleets):
        lanes = fleet.lanes
        load = fleet.limit.fill(ready[lanes])
        least = min_load[lanes] if fleet.full == 0 else 0 * min_load[lanes] + fleet.full
        leaving = vehicles_for(load, xp.round(vehicles[lanes]), least, idle[f], xp, arrays.slack)
        shares.append(fleet.limit.aboard(ready[lanes], leaving, arrays.ratio))
        trips.append(leaving)
        gone.append(leaving.sum(0))
    rest = 0 * idle[:1]  # the place of all lanes without a fleet
    share = xp.concatenate([*shares, rest + 1], 0)[arrays.fleet_place]
    running = xp.concatenate([*trips, rest], 0)[arrays.fleet_place]
    return ready * share[:, None], running, xp.stack(gone, 0)
