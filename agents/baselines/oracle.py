"""The perfect-information bound: what nobody can beat on a sample path, as a linear program.

A policy sees the past; the program sees the whole path. Its optimum is therefore a lower bound on
the cost of every policy on that path, and the room above it an upper bound on what can be won.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.baselines.oracle_network import NetworkProgram
from twin.engine.ledger import PeriodLedger
from twin.errors import UsageError
from twin.exogenous.path import SamplePath
from twin.network.world import World
from twin.simulation import run_orders

Floats = NDArray[np.float64]
MOST_WHOLE = 5_000
"""With more vehicle bookings than that, parts of a vehicle may leave."""
DUST = 1e-6
"""Units; less than this in a solution is the solver's rounding."""

WHOLE_UNITS = "whole units: fractions of a unit may be ordered"
ORDER_COSTS = "fixed order costs: orders cost nothing to place"
WHOLE_VEHICLES = "whole vehicles: every trip is full, and parts of a vehicle may leave"
FREE_DOCK = "storage: goods may wait at the dock though there is room, and in any order"
HELD_BACK = "service: stock may be held back from customers who are waiting"
FAST_TRIPS = "trip times: of the vehicles that leave together, the fastest come first"
UNPROVEN = "proof: the search for whole vehicles stopped at a plan that may not be the best"
PART_OPEN = "partly open lanes: freight may be ordered to fit, without delay"


@dataclass(frozen=True)
class Bound:
    """The optimum of the program of one sample path."""

    cost: float
    """Cost less revenue of the whole horizon, discounted: no policy costs less on this path."""
    planned: float
    """Cost of the plan that was found; above ``cost`` only where its proof is not complete."""
    orders: Floats  # (period, lane, product) units
    status: str
    """``optimal``, or ``bounded`` where the proof is not complete."""
    relaxed: tuple[str, ...]
    """Rules of the world that this optimum does not keep; empty where it can be carried out."""

    @property
    def reward(self) -> float:
        """Discounted profit of the whole network over the horizon."""
        return -self.cost


def lp_bound(world: World, path: SamplePath, whole_vehicles: bool = True) -> Bound:
    """The least cost at which the network can be run on ``path`` when the path is known.

    Minimise sum_t discount^t (cost - revenue) over shipments x >= 0, sales s >= 0 and stock
    I >= 0, with I_t = I_{t-1} + receipts - use - s_t at every node and product, receipts being
    shipments on the path's lead times, within the capacities of lanes, factories, storage and
    fleets, in the order of the convention's phases. Prices are those of the ledger.

    Vehicles are whole where ``whole_vehicles`` and their number allow it, which makes the program
    a mixed-integer one. Rules that the program cannot state are relaxed, so that the bound stays a
    lower bound, and named in ``relaxed`` where this optimum may break them: whole units, fixed
    order costs, waiting at a dock, holding stock back from customers, the order of trip times.
    Where ``relaxed`` is empty, ``run_orders(world, path, bound.orders)`` costs ``bound.cost``.

    Raises UsageError where there is no program (another order of the phases, independent links,
    too many variables), SimulationError when the solver fails.

    Source: perfect-information relaxation, Brown, Smith and Sun 2010, Information relaxations and
    duality in stochastic dynamic programs, Operations Research 58(4).
    """
    _check_rules(world)
    bookings = world.periods * int((world.fleet_of >= 0).sum())
    whole = whole_vehicles and bookings <= MOST_WHOLE
    network = NetworkProgram(world, path, whole)
    found = network.program.minimum()
    shipped = _clean(network, found.x, whole)
    unproven = found.cost - found.least > DUST * (1.0 + abs(found.cost + network.constant))
    relaxed = _relaxed(network, found.x, shipped)
    relaxed |= {WHOLE_VEHICLES: relaxed[WHOLE_VEHICLES] and not whole, UNPROVEN: unproven}
    return Bound(
        cost=found.least + network.constant,
        planned=found.cost + network.constant,
        orders=_orders(world, shipped),
        status="bounded" if unproven else "optimal",
        relaxed=tuple(rule for rule, broken in relaxed.items() if broken),
    )


def discounted_cost(ledger: PeriodLedger) -> float:
    """Cost less revenue of a whole run, discounted as the bound is."""
    return float(ledger.world.model.discount ** np.arange(len(ledger.cost)) @ ledger.cost)


def replayed_cost(world: World, path: SamplePath, bound: Bound) -> float:
    """What the bound's orders cost in the twin: an upper bound on the least possible cost."""
    return discounted_cost(run_orders(world, path, bound.orders))


def _check_rules(world: World) -> None:
    phases = world.convention.phases
    if phases[-2:] != ("serve", "account"):
        raise UsageError(
            "there is no bound for this order of phases",
            f"convention {world.convention.name}",
            ", ".join(phases),
            "serve and account at the end",
        )
    if world.model.independent_links:
        raise UsageError(
            "there is no bound where stock can fall below zero",
            "independent_links",
            "true",
            "false",
            "Leave it out: lanes then share what there is.",
        )


def _clean(network: NetworkProgram, x: Floats, whole: bool) -> Floats:
    """Shipments without the solver's rounding: nothing too much for whole vehicles, no dust."""
    units = x[network.shipped]
    if whole:
        for fleet, trips in zip(network.world.fleets, network.trips, strict=True):
            load = units[:, fleet.lanes].sum(axis=2)
            room = np.rint(x[trips]) * fleet.capacity
            fits = np.minimum(room / np.maximum(load, 1e-300), 1.0)
            units[:, fleet.lanes] *= fits[..., None]
    near = np.rint(units)
    return np.where(np.abs(units - near) < DUST / 10, near, units)


def _orders(world: World, shipped: Floats) -> Floats:
    """Orders that reach the source when they are shipped: earlier by the order lead time."""
    orders = np.zeros_like(shipped)
    for lane, lag in enumerate(world.order_lag):
        orders[: world.periods - lag, lane] = shipped[lag:, lane]
    return orders


def _relaxed(network: NetworkProgram, x: Floats, shipped: Floats) -> dict[str, bool]:
    """Whether this optimum may break each rule; vehicles as if they were not whole."""
    world, used = network.world, shipped.any(axis=(0, 2))
    opening = network.path.lane_open
    return {
        WHOLE_UNITS: world.model.integral and bool((shipped != np.rint(shipped)).any()),
        ORDER_COSTS: bool((world.prices.order[used] > 0).any()),
        WHOLE_VEHICLES: bool((world.fleet_of[used] >= 0).any()),
        FREE_DOCK: bool((x[network.dock] > DUST).any()),
        HELD_BACK: _holds_back(network, x),
        FAST_TRIPS: _trips_differ(network),
        PART_OPEN: bool(((opening > 0) & (opening < 1)).any()),
    }


def _trips_differ(network: NetworkProgram) -> bool:
    """Whether the vehicles that leave in a period can come back in different ones."""
    times = [network.trip_periods(fleet) for fleet in range(len(network.world.fleets))]
    return any(bool(np.ptp(one, axis=1).any()) for one in times)


def _holds_back(network: NetworkProgram, x: Floats) -> bool:
    node, product = network.wanted
    lost = network.world.lost[node]
    missed = network.path.demand[:, node, product] - x[network.sold]
    unmet = np.where(lost, missed, x[network.backlog])
    stock = x[network.on_hand][:, node, product]
    return bool(((unmet > DUST) & (stock > DUST))[:, ~network.world.unlimited[node]].any())
