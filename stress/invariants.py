"""What must hold in every run, and what a campaign must have seen to prove anything.

World invariants are checked on the ledger (FAULTS numbering):

    1 units conserved            5 time runs forward, one row per period
    2 stock never negative       6 nothing arrives before it leaves
    3 capacity respected         7 each order ends exactly once
    4 money balances             8 every number finite

The gateway reports those of the tool boundary by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from stress.results import NOMINAL, CaseResult
from twin.engine.ledger import TOLERANCE, PeriodLedger, conservation_errors
from twin.exogenous.path import SamplePath

Floats = NDArray[np.float64]
Check = Callable[[PeriodLedger, SamplePath], Iterator[Floats]]
"""Yields arrays, period first, that are zero (within tolerance) where the invariant holds."""

BUDGET_LABEL = "budget_exhausted"


def _units_conserved(ledger: PeriodLedger, path: SamplePath) -> Iterator[Floats]:
    for law, error in conservation_errors(ledger).items():
        if law.partition(":")[0] in ("units", "lanes", "customers"):
            yield error


def _stock_never_negative(ledger: PeriodLedger, path: SamplePath) -> Iterator[Floats]:
    for field in fields(ledger.quantities):
        yield np.minimum(getattr(ledger.quantities, field.name), 0.0)


def _capacity_respected(ledger: PeriodLedger, path: SamplePath) -> Iterator[Floats]:
    world, q = ledger.world, ledger.quantities
    yield conservation_errors(ledger)["stock fits its storage"]
    shipped = q.shipped.sum(axis=2)
    yield _above(shipped, np.broadcast_to(world.lane_capacity, shipped.shape))
    yield np.where(path.lane_open > 0, 0.0, shipped)
    made = shipped @ world.outbound.matrix.T
    yield _above(made, np.broadcast_to(world.make_capacity, made.shape))
    for f, fleet in enumerate(world.fleets):
        left = q.trips[:, fleet.lanes].sum(axis=1)
        yield _above(_away(ledger, path, f, left), np.full(left.shape, float(fleet.vehicles)))
        yield _above(shipped[:, fleet.lanes], q.trips[:, fleet.lanes] * fleet.capacity)


def _above(used: Floats, limit: Floats) -> Floats:
    """How much is used above a limit that may be infinite."""
    return np.where(np.isfinite(limit), np.maximum(used - limit, 0.0), 0.0)


def _away(ledger: PeriodLedger, path: SamplePath, fleet: int, left: Floats) -> Floats:
    """Vehicles on the road right after each epoch: (period,)."""
    world = ledger.world
    away = np.zeros(world.periods)
    left = np.maximum(np.nan_to_num(left), 0.0)
    for t in np.flatnonzero(left):
        trips = path.trip_time[t, fleet, : int(left[t])]
        for back in t + np.maximum(world.due_periods(trips), 1):
            away[t:back] += 1
    return away


def _money_balances(ledger: PeriodLedger, path: SamplePath) -> Iterator[Floats]:
    money = ledger.accounts
    yield conservation_errors(ledger)["money: transfers between nodes cancel"]
    outside = money.revenue.sum(-1) - money.external_cost.sum(-1)
    yield ledger.profit.sum(-1) - outside


def _time_runs_forward(ledger: PeriodLedger, path: SamplePath) -> Iterator[Floats]:
    yield np.where(path.lead_time < 0, np.inf, 0.0)


def _nothing_arrives_early(ledger: PeriodLedger, path: SamplePath) -> Iterator[Floats]:
    q, world = ledger.quantities, ledger.world
    due = np.arange(world.periods)[:, None] + world.due_periods(path.lead_time)
    arrived = np.zeros((world.periods + 1, *q.shipped.shape[1:]))
    lanes = np.broadcast_to(np.arange(due.shape[1]), due.shape)
    np.add.at(arrived, (np.minimum(due, world.periods), lanes), q.shipped)
    yield np.maximum(np.cumsum(q.received, 0) - np.cumsum(arrived[:-1], 0), 0.0)


def _orders_end_once(ledger: PeriodLedger, path: SamplePath) -> Iterator[Floats]:
    q, world = ledger.quantities, ledger.world
    cancels = world.drops[world.source][None, :, None]
    cancelled = np.cumsum(np.where(cancels, q.unfilled, 0.0), 0)
    yield np.cumsum(q.ordered - q.shipped, 0) - cancelled - q.waiting


def _everything_finite(ledger: PeriodLedger, path: SamplePath) -> Iterator[Floats]:
    q = ledger.quantities
    for values in (*(getattr(q, field.name) for field in fields(q)), ledger.profit):
        yield np.where(np.isfinite(values), 0.0, np.inf)


INVARIANTS: dict[str, Check] = {
    "1 units conserved": _units_conserved,
    "2 stock never negative": _stock_never_negative,
    "3 capacity respected": _capacity_respected,
    "4 money balances": _money_balances,
    "5 time runs forward": _time_runs_forward,
    "6 nothing arrives before it leaves": _nothing_arrives_early,
    "7 each order ends exactly once": _orders_end_once,
    "8 every number finite": _everything_finite,
}


def violations(ledger: PeriodLedger, path: SamplePath) -> tuple[str, ...]:
    """The invariants that a run broke, each with the first period and by how much."""
    periods = ledger.world.periods
    rows = {len(getattr(ledger.quantities, field.name)) for field in fields(ledger.quantities)}
    if rows != {periods}:
        return (f"5 time runs forward: {sorted(rows)} rows instead of {periods}",)
    scale = 1.0 + float(np.abs(ledger.quantities.on_hand).max(initial=0.0))
    scale += float(np.abs(ledger.quantities.shipped).sum(axis=0).max(initial=0.0))
    found = []
    for name, check in INVARIANTS.items():
        broken = [text for error in check(ledger, path) if (text := _broken(error, scale))]
        if broken:
            found.append(f"{name}: {broken[0]}")
    return tuple(found)


def _broken(error: Floats, scale: float) -> str:
    """Where and by how much an error is out of tolerance; empty where it is not."""
    if np.all(np.abs(error) <= TOLERANCE * scale):
        return ""
    rows = np.abs(error).reshape(len(error), -1).max(axis=1)
    period = int(np.argmax(~(rows <= TOLERANCE * scale)))
    return f"period {period}, {float(rows[period]):.6g} off"


@dataclass(frozen=True)
class Sometimes:
    """Something that has to happen at least once in a campaign for it to prove anything."""

    what: str
    happened: bool


def sometimes(results: Iterable[CaseResult]) -> tuple[Sometimes, ...]:
    """What a campaign should have seen, and whether it did."""
    runs = list(results)
    struck = [r for r in runs if r.fault != NOMINAL and r.severity > 0]
    found = []
    for family in dict.fromkeys(r.fault for r in struck):
        own = [r for r in struck if r.fault == family]
        found.append(Sometimes(f"{family} fired", any(r.fired for r in own)))
        found.append(
            Sometimes(f"{family} was seen by an agent", any(r.fired and r.seen for r in own))
        )
    if any(r.fault.startswith(("tool.", "channel.", "network.")) for r in struck):
        closed = any(r.breaker_opened and r.breaker_closed for r in struck)
        spent = any(r.labels.get(BUDGET_LABEL) for r in struck)
        found.append(Sometimes("a breaker opened and closed again", closed))
        found.append(Sometimes("a retry budget ran out", spent))
    return tuple(found)


def never_happened(results: Iterable[CaseResult]) -> tuple[str, ...]:
    """What a campaign should have seen and did not; empty when it proves something."""
    return tuple(item.what for item in sometimes(results) if not item.happened)
