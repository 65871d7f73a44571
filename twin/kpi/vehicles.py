"""Vehicle KPIs: how full vehicles drive, and how much they drive empty."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.engine.ledger import PeriodLedger

Floats = NDArray[np.float64]
LEGS_PER_TRIP = 2
"""A round trip is one leg out and one leg back."""
TONNE_KG = 1000.0


def aboard(ledger: PeriodLedger) -> Floats:
    """Units that went on the vehicles of a fleet: (period, lane, product).

    What a common carrier took has the same mix of products as what was ready on its lane.
    """
    world = ledger.world
    shipped = np.where((world.fleet_of >= 0)[:, None], ledger.shipped, 0.0)
    total = shipped.sum(axis=2)
    own = np.maximum(total - ledger.carrier, 0.0) / np.where(total > 0, total, 1.0)
    units: Floats = shipped * own[..., None]
    return units


def load_factor(ledger: PeriodLedger) -> float | None:
    """Load factor: capacity*km used / capacity*km of the trips made, on the way out, all fleets.

    GLEC Framework v3. Capacity is what fills first: units, weight (t*km) or volume. Trips count by
    the length of their lane where every lane with trips has one, else alike. Undefined without a
    trip.
    """
    used, offered = _use(ledger)
    return float(used.sum() / offered.sum()) if offered.sum() > 0 else None


def load_factor_by_fleet(ledger: PeriodLedger) -> dict[str, float | None]:
    """Load factor by fleet: capacity*km used / capacity*km of its trips; undefined without one."""
    used, offered = _use(ledger)
    found: dict[str, float | None] = {}
    for fleet in ledger.world.fleets:
        there = float(offered[fleet.lanes].sum())
        found[fleet.name] = float(used[fleet.lanes].sum()) / there if there > 0 else None
    return found


def load_factor_by_weight(ledger: PeriodLedger) -> float | None:
    """Load factor by weight: t*km carried / t*km of payload of the trips made, all fleets.

    GLEC Framework v3. Of the fleets whose capacity limits weight; trips count by length as in
    ``load_factor``. Undefined without a trip of such a fleet.
    """
    world, km = ledger.world, _km(ledger)
    weight = np.array([product.weight for product in world.model.products.values()]) / TONNE_KG
    tonnes = aboard(ledger).sum(axis=0) @ weight
    carried = offered = 0.0
    for fleet in world.fleets:
        payload = fleet.spec.capacity.weight
        if payload is not None:
            carried += float(tonnes[fleet.lanes] @ km[fleet.lanes])
            trips = ledger.trips[:, fleet.lanes].sum(axis=0)
            offered += float(trips @ km[fleet.lanes]) * payload / TONNE_KG
    return carried / offered if offered > 0 else None


def empty_share(ledger: PeriodLedger) -> float | None:
    """Empty share: empty km / km of all legs, all fleets.

    GLEC Framework v3. Nothing rides back, so that every return leg is empty; an outward leg is
    empty where a lane's vehicles left with nothing. One half is thus the least. Legs count by the
    length of their lane where every lane with trips has one, else alike. Undefined without a trip.
    """
    trips = ledger.trips @ _km(ledger)
    freight = aboard(ledger).sum(axis=2)
    nothing = np.where(freight <= 0, ledger.trips, 0.0) @ _km(ledger)
    legs = LEGS_PER_TRIP * float(trips.sum())
    return float(trips.sum() + nothing.sum()) / legs if legs > 0 else None


def _use(ledger: PeriodLedger) -> tuple[Floats, Floats]:
    """Vehicle*km filled with freight, and vehicle*km driven, on the way out: each (lane,)."""
    units, km = aboard(ledger), _km(ledger)
    used = np.zeros(len(ledger.lanes))
    for fleet in ledger.world.fleets:
        for lane in fleet.lanes:
            used[lane] = float(fleet.limit.fill(units[:, lane]).sum())
    return used * km, ledger.trips.sum(axis=0) * km


def _km(ledger: PeriodLedger) -> Floats:
    """Weight of a trip on each lane: its length where all have one, else one. (lane,)."""
    used = ledger.trips.any(axis=0)
    km: Floats = ledger.world.distance_km
    return km if bool((km[used] > 0).all()) else np.ones(len(km))
