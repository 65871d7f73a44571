"""Whether a world fault was felt: what it changed on the path, and what came of it in the run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from twin.engine.ledger import PeriodLedger
from twin.exogenous.path import SamplePath
from twin.network.world import World

Flags = NDArray[np.bool_]


def struck_periods(before: SamplePath, after: SamplePath) -> int:
    """Periods in which a world fault changed the path."""
    changed = np.zeros(len(before.demand), dtype=np.bool_)
    for field in fields(SamplePath):
        one, other = getattr(before, field.name), getattr(after, field.name)
        if isinstance(one, np.ndarray) and one is not other:
            changed |= _rows(one != other)
    return int(changed.sum())


def felt_periods(before: SamplePath, after: SamplePath, ledger: PeriodLedger) -> int:
    """Periods in which an agent could observe a world fault.

    Demand is read by the agent of its node. Whatever else changed is noticed when freight moved or
    waited on a lane that it concerns: it came later, less, damaged, dearer, or not at all.
    """
    q, world = ledger.quantities, ledger.world
    felt = _rows(np.not_equal(before.demand, after.demand))
    active: Flags = (q.shipped + q.unfilled).sum(axis=2) > 0
    for concerned in _concerned_lanes(before, after, world):
        felt |= _rows(concerned & active)
    dearer = np.not_equal(before.price_factor, after.price_factor)
    return int((felt | _rows(dearer & (q.surcharge != 0))).sum())


def _concerned_lanes(before: SamplePath, after: SamplePath, world: World) -> Iterator[Flags]:
    """For each kind of change but of prices, the lanes that it concerns: (period, lane)."""
    for name in ("lead_time", "lane_open", "good"):
        yield np.not_equal(getattr(before, name), getattr(after, name))
    nodes = np.not_equal(before.node_open, after.node_open)
    yield nodes[:, world.source] | nodes[:, world.destination]
    trips = np.logical_or.reduce(before.trip_time != after.trip_time, axis=2)
    fleets = np.not_equal(before.fleet_up, after.fleet_up) | trips
    for f, fleet in enumerate(world.fleets):
        lanes = np.zeros((world.periods, len(world.lanes)), dtype=np.bool_)
        lanes[:, fleet.lanes] = fleets[:, f : f + 1]
        yield lanes


def _rows(changed: Flags) -> Flags:
    """Whether anything changed in each period."""
    rows: Flags = np.logical_or.reduce(changed.reshape(len(changed), -1), axis=1)
    return rows
