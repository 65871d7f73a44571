"""Vehicle routing instances as networks: a depot, its customers, and the vehicles between them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from twin.importers.draft import Draft, Names, days, number

SUPPLIER = "supplier"
DEPOT = "depot"
HORIZON = 90
FLEET = "vehicles"
MAX_CUSTOMERS = 9_000


@dataclass(frozen=True)
class Customer:
    """A customer: what it wants per day, how far it is from the depot, when it is open."""

    name: str
    demand: float
    distance: float
    """From the depot, in the units of the file."""
    window: tuple[float, float] | None = None
    service: float = 0.0


@dataclass(frozen=True)
class Routing:
    """A routing instance with one depot."""

    name: str
    comment: str
    customers: tuple[Customer, ...]
    capacity: float
    vehicles: int | None
    depot_name: str = DEPOT
    horizon: float | None = None
    """Latest return to the depot."""
    remarks: tuple[tuple[str, str], ...] = field(default=())
    """What else the file says that the twin does not use: subject and words."""


def network(routing: Routing, draft: Draft) -> None:
    """Fill the draft: supplier, depot, a store per customer, one fleet, distances on lanes."""
    names = Names(draft)
    supplier, depot = names.allowed(SUPPLIER), names.allowed(routing.depot_name)
    stores = {names.allowed(customer.name): customer for customer in routing.customers}
    wanted = sum(customer.demand for customer in routing.customers)
    vehicles = routing.vehicles or max(1, math.ceil(wanted / routing.capacity))
    if routing.vehicles is None:
        message = f"the file has no number; it is {vehicles}, the least that carries all demand"
        draft.warn(FLEET, message)
    draft.data = {
        "kind": "scenario",
        "name": names.allowed(routing.name),
        **({"description": routing.comment[:1_000]} if routing.comment else {}),
        "horizon": days(HORIZON),
        "nodes": {
            supplier: {"kind": "supplier"},
            depot: {"kind": "warehouse", "stock": number(2 * wanted), "holding": 0.1},
            **{name: _store(customer) for name, customer in stores.items()},
        },
        "lanes": {
            f"{supplier} -> {depot}": {"lead_time": "1 d"},
            **{f"{depot} -> {name}": _lane(customer) for name, customer in stores.items()},
        },
        "fleets": {
            FLEET: {
                "depot": depot,
                "vehicles": vehicles,
                "capacity": number(routing.capacity),
                "round_trip": "1 d",
            }
        },
    }
    _tell(routing, draft)


def _store(customer: Customer) -> dict[str, object]:
    amount = number(customer.demand)
    store: dict[str, object] = {"kind": "store", "stock": amount, "holding": 0.5}
    store |= {"unmet": "lost", "penalty": 5}
    return {**store, "demand": {"model": "poisson", "mean": amount}}


def _lane(customer: Customer) -> dict[str, object]:
    return {
        "lead_time": "0 d",
        "fleet": FLEET,
        "distance": f"{number(round(customer.distance, 3))} km",
    }


def _tell(routing: Routing, draft: Draft) -> None:
    for subject, words in routing.remarks:
        draft.warn(subject, words)
    draft.warn("demand", "one delivery of the file is the mean demand of one day, Poisson")
    draft.warn("distance", "the file has no unit; one unit is taken for 1 km")
    draft.warn("routes", "a vehicle serves one customer per trip and is back within the day")
    draft.warn("costs", "the file has none: holding 0.1 and 0.5 a day, a lost sale 5, are examples")
    timed = [c for c in routing.customers if c.window or c.service]
    if timed:
        message = f"of {len(timed):,} customers are not used, being shorter than a period, such as"
        first = timed[0]
        window = f"{first.window[0]:g} to {first.window[1]:g}" if first.window else "none"
        example = f"{first.name}: {window}, service {first.service:g}"
        draft.warn("time windows and service times", f"{message} {example}")
    if routing.horizon is not None:
        draft.warn("depot", f"its latest return, {routing.horizon:g}, is not used")
