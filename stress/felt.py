"""Whether a world fault was felt: what it changed on the path, and what came of it in the run."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from twin.engine.ledger import PeriodLedger
from twin.exogenous.path import SamplePath

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

    Demand is read by the agent of its node. Whatever else changed is noticed when freight was
    ordered on a lane that it concerns: it came later, dearer, less, or not at all.
    """
    felt = _rows(np.not_equal(before.demand, after.demand))
    active = _active_lanes(ledger)
    for concerned in _concerned_lanes(before, after, ledger):
        felt |= (concerned & active).any(axis=1)
    return int(felt.sum())


def _active_lanes(ledger: PeriodLedger) -> Flags:
    """Lanes on which freight moved or waited: (period, lane)."""
    q = ledger.quantities
    active: Flags = (q.shipped + q.unfilled).sum(axis=2) > 0
    return active


def _concerned_lanes(before: SamplePath, after: SamplePath, ledger: PeriodLedger) -> list[Flags]:
    """For each kind of change the lanes that it concerns: (period, lane)."""
    world = ledger.world
    found: list[Flags] = [
        np.not_equal(before.lead_time, after.lead_time),
        np.not_equal(before.lane_open, after.lane_open),
    ]
    trips: Flags = np.logical_or.reduce(before.trip_time != after.trip_time, axis=2)
    for f, fleet in enumerate(world.fleets):
        lanes = np.zeros_like(found[0])
        lanes[:, fleet.lanes] = trips[:, f : f + 1]
        found.append(lanes)
    return found


def _rows(changed: Flags) -> Flags:
    """Whether anything changed in each period."""
    rows: Flags = np.logical_or.reduce(changed.reshape(len(changed), -1), axis=1)
    return rows
