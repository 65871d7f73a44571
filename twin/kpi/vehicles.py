"""Vehicle KPIs, in units and trips: the scenario knows no distances."""

from __future__ import annotations

from twin.engine.ledger import PeriodLedger

LEGS_PER_TRIP = 2
"""A round trip is one leg out and one leg back."""


def load_factor(ledger: PeriodLedger) -> float | None:
    """Load factor: units carried / capacity of the trips made, all fleets.

    In units on the way out, not in t*km: the scenario knows no distances. Undefined without a trip.
    """
    carried = offered = 0.0
    for fleet in ledger.world.fleets:
        carried += float(ledger.shipped[:, fleet.lanes].sum())
        offered += float(ledger.trips[:, fleet.lanes].sum()) * fleet.capacity
    return carried / offered if offered > 0 else None


def load_factor_by_fleet(ledger: PeriodLedger) -> dict[str, float | None]:
    """Load factor by fleet: units carried / (trips x capacity); undefined without a trip."""
    found: dict[str, float | None] = {}
    for fleet in ledger.world.fleets:
        offered = float(ledger.trips[:, fleet.lanes].sum()) * fleet.capacity
        carried = float(ledger.shipped[:, fleet.lanes].sum())
        found[fleet.name] = carried / offered if offered > 0 else None
    return found


def empty_share(ledger: PeriodLedger) -> float | None:
    """Empty share: legs run empty / legs run, by trips, not by km.

    Nothing rides back, so that every return leg is empty; an outward leg is empty where a lane's
    vehicles left with nothing. One half is thus the least. Undefined without a trip.
    """
    legs = empty = 0.0
    for fleet in ledger.world.fleets:
        trips = ledger.trips[:, fleet.lanes]
        freight = ledger.shipped[:, fleet.lanes].sum(axis=2)
        legs += LEGS_PER_TRIP * float(trips.sum())
        empty += float(trips.sum() + trips[freight <= 0].sum())
    return empty / legs if legs > 0 else None
