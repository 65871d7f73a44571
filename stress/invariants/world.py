"""Invariants 1 to 8: laws of the world, checked on the ledger of every run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from twin.engine.ledger import TOLERANCE, PeriodLedger, conservation_errors
from twin.exogenous.path import SamplePath

Floats = NDArray[np.float64]
Books = Mapping[str, Floats]
"""What ``conservation_errors`` says of a ledger."""
Check = Callable[[PeriodLedger, SamplePath, Books], Iterator[Floats]]
"""Yields arrays, period first, that are zero (within tolerance) where the invariant holds."""
SIGNED = frozenset({"substituted", "surcharge"})
"""Quantities that may be below zero: demand that went elsewhere, prices below the list."""


def _units_conserved(ledger: PeriodLedger, path: SamplePath, books: Books) -> Iterator[Floats]:
    for law, error in books.items():
        if law.partition(":")[0] in ("units", "lanes", "customers"):
            yield error


def _stock_never_negative(ledger: PeriodLedger, path: SamplePath, books: Books) -> Iterator[Floats]:
    owing = {"on_hand", "ending"} if ledger.world.model.independent_links else set()
    for field in fields(ledger.quantities):
        if field.name not in SIGNED | owing:
            yield np.minimum(getattr(ledger.quantities, field.name), 0.0)


def _capacity_respected(ledger: PeriodLedger, path: SamplePath, books: Books) -> Iterator[Floats]:
    world, q = ledger.world, ledger.quantities
    yield books["stock fits its storage"]
    gate = path.lane_open * path.node_open[:, world.source]
    yield np.where(gate > 0, 0.0, q.shipped.sum(axis=2))
    yield from _over_lanes(q.shipped, ledger)
    if not world.model.independent_links:
        made = q.shipped.sum(axis=2) @ world.outbound.matrix.T
        yield _above(made, np.broadcast_to(world.make_capacity, made.shape))
    for f, fleet in enumerate(world.fleets):
        left = q.trips[:, fleet.lanes].sum(axis=1)
        yield _above(_away(ledger, path, f, left), np.full(left.shape, float(fleet.vehicles)))
    yield from _overloaded(ledger)


def _over_lanes(shipped: Floats, ledger: PeriodLedger) -> Iterator[Floats]:
    """What is shipped above the limits of the lanes, dimension by dimension."""
    limit = ledger.world.lane_limit
    for size, most in zip(limit.size, limit.most, strict=True):
        load = shipped @ size
        yield _above(load, np.broadcast_to(most, load.shape))


def _overloaded(ledger: PeriodLedger) -> Iterator[Floats]:
    """Freight above what the vehicles that left can carry; a common carrier takes the rest."""
    q, world = ledger.quantities, ledger.world
    for fleet in world.fleets:
        limit, units = fleet.limit, q.shipped[:, fleet.lanes]
        free = q.carrier[:, fleet.lanes] > 0
        for size, most in zip(limit.size, limit.most, strict=True):
            load = units @ size
            yield np.where(free, 0.0, _above(load, q.trips[:, fleet.lanes] * most))


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


def _money_balances(ledger: PeriodLedger, path: SamplePath, books: Books) -> Iterator[Floats]:
    money = ledger.accounts
    yield books["money: transfers between nodes cancel"]
    outside = (money.revenue + money.terminal).sum(-1) - money.external_cost.sum(-1)
    yield ledger.profit.sum(-1) - outside


def _time_runs_forward(ledger: PeriodLedger, path: SamplePath, books: Books) -> Iterator[Floats]:
    yield np.where(path.lead_time < 0, np.inf, 0.0)


def _nothing_arrives_early(
    ledger: PeriodLedger, path: SamplePath, books: Books
) -> Iterator[Floats]:
    q, world = ledger.quantities, ledger.world
    due = np.arange(world.periods)[:, None] + world.due_periods(path.lead_time)
    arrived = np.zeros((world.periods + 1, *q.shipped.shape[1:]))
    lanes = np.broadcast_to(np.arange(due.shape[1]), due.shape)
    np.add.at(arrived, (np.minimum(due, world.periods), lanes), q.shipped - q.scrapped)
    early = min(len(world.initial_transit), world.periods)
    arrived[:early] += world.initial_transit[:early]
    yield np.maximum(np.cumsum(q.received, 0) - np.cumsum(arrived[:-1], 0), 0.0)


def _orders_end_once(ledger: PeriodLedger, path: SamplePath, books: Books) -> Iterator[Floats]:
    q, world = ledger.quantities, ledger.world
    cancels = world.drops[world.source][None, :, None]
    cancelled = np.cumsum(np.where(cancels, q.unfilled, 0.0), 0)
    before = world.initial_orders.sum(axis=0) if len(world.initial_orders) else 0.0
    yield before + np.cumsum(q.ordered - q.shipped, 0) - cancelled - q.waiting


def _everything_finite(ledger: PeriodLedger, path: SamplePath, books: Books) -> Iterator[Floats]:
    q = ledger.quantities
    for values in (*(getattr(q, field.name) for field in fields(q)), ledger.profit):
        yield np.where(np.isfinite(values), 0.0, np.inf)


WORLD: dict[int, Check] = {
    1: _units_conserved,
    2: _stock_never_negative,
    3: _capacity_respected,
    4: _money_balances,
    5: _time_runs_forward,
    6: _nothing_arrives_early,
    7: _orders_end_once,
    8: _everything_finite,
}
"""The check of each law of the world."""


def world_problems(ledger: PeriodLedger, path: SamplePath) -> dict[int, str]:
    """The laws of the world that a run broke, each with the first period and by how much."""
    periods = ledger.world.periods
    rows = {len(getattr(ledger.quantities, field.name)) for field in fields(ledger.quantities)}
    if rows != {periods}:
        return {5: f"{sorted(rows)} rows instead of {periods}"}
    scale = 1.0 + float(np.abs(ledger.quantities.on_hand).max(initial=0.0))
    scale += float(np.abs(ledger.quantities.shipped).sum(axis=0).max(initial=0.0))
    books = conservation_errors(ledger)
    found = {}
    for number, check in WORLD.items():
        broken = [text for error in check(ledger, path, books) if (text := _broken(error, scale))]
        if broken:
            found[number] = broken[0]
    return found


def _broken(error: Floats, scale: float) -> str:
    """Where and by how much an error is out of tolerance; empty where it is not."""
    if np.all(np.abs(error) <= TOLERANCE * scale):
        return ""
    rows = np.abs(error).reshape(len(error), -1).max(axis=1)
    period = int(np.argmax(~(rows <= TOLERANCE * scale)))
    return f"period {period}, {float(rows[period]):.6g} off"
