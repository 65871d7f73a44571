"""Emissions of transport, well to wheel, from the intensities that the user gives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.engine.ledger import PeriodLedger
from twin.kpi.vehicles import TONNE_KG, aboard

Floats = NDArray[np.float64]
GRAM_KG = 1e-3


def co2e(ledger: PeriodLedger) -> float | None:
    """CO2e: sum over legs of t*km x intensity, empty running included, in kg over the run.

    ISO 14083:2023, GLEC Framework v3. Undefined where no lane has both a length and an intensity.
    """
    return float(_by_lane(ledger).sum()) if _measures(ledger) else None


def co2e_by_lane(ledger: PeriodLedger) -> dict[str, float]:
    """CO2e by lane in kg over the run: t*km x intensity + empty km x empty intensity (ISO 14083).

    On the lanes of a fleet, what its vehicles carry counts with the fleet's intensity and every way
    back, and every way out without freight, with its empty intensity; what goes by common carrier
    counts with the lane's intensity, as does all freight of a lane without a fleet.
    """
    return dict(zip(ledger.lanes, _by_lane(ledger).tolist(), strict=True))


def tonne_km(ledger: PeriodLedger) -> Floats:
    """Transport activity by lane: tonnes shipped x km, (lane,); what is damaged rides along."""
    tonnes: Floats = ledger.shipped.sum(axis=0) @ _tonnes(ledger)
    return tonnes * ledger.world.distance_km


def _by_lane(ledger: PeriodLedger) -> Floats:
    world = ledger.world
    carried = aboard(ledger).sum(axis=0) @ _tonnes(ledger) * world.distance_km  # by fleets
    freely = tonne_km(ledger) - carried
    kg: Floats = freely * np.array([lane.intensity for lane in world.transport]) * GRAM_KG
    for fleet in world.fleets:
        lanes, spec = fleet.lanes, fleet.spec
        trips = ledger.trips[:, lanes]
        back = trips.sum(axis=0)
        out = np.where(aboard(ledger)[:, lanes].sum(axis=2) <= 0, trips, 0.0).sum(axis=0)
        empty_km = (back + out) * world.distance_km[lanes]
        kg[lanes] += carried[lanes] * spec.intensity * GRAM_KG
        kg[lanes] += empty_km * spec.empty_intensity * GRAM_KG
    return kg


def _tonnes(ledger: PeriodLedger) -> Floats:
    weights = [product.weight for product in ledger.world.model.products.values()]
    tonnes: Floats = np.array(weights) / TONNE_KG
    return tonnes


def _measures(ledger: PeriodLedger) -> bool:
    """Whether some lane has a length and an intensity."""
    world = ledger.world
    stated = np.array([lane.intensity > 0 for lane in world.transport], dtype=bool)
    for fleet in world.fleets:
        stated[fleet.lanes] |= fleet.spec.intensity > 0 or fleet.spec.empty_intensity > 0
    return bool((stated & (world.distance_km > 0)).any())
