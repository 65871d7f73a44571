"""The perfect-information bound: what nobody can beat on a sample path, as a linear program.

A policy sees the past; the program sees the whole path. Its optimum is therefore a lower bound on
the cost of every policy on that path, and the room above it an upper bound on what can be won.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.baselines.oracle_network import NetworkProgram
from agents.baselines.oracle_rules import (
    DUST,
    UNPROVEN,
    WHOLE_VEHICLES,
    refuse_unstated,
    relaxed_rules,
)
from twin.engine.ledger import PeriodLedger
from twin.exogenous.path import SamplePath
from twin.network.world import World
from twin.simulation import run_orders

Floats = NDArray[np.float64]
MOST_WHOLE = 5_000
"""With more vehicle bookings than that, parts of a vehicle may leave."""


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
    lower bound, and named in ``relaxed`` where this optimum may break them; they are listed in
    ``agents.baselines.oracle_rules``.
    Where ``relaxed`` is empty, ``run_orders(world, path, bound.orders)`` costs ``bound.cost``.

    Raises UsageError where there is no program (independent links, too many variables) or no
    least cost (stock worth more at the end than it costs), SimulationError when the solver fails.

    Source: perfect-information relaxation, Brown, Smith and Sun 2010, Information relaxations and
    duality in stochastic dynamic programs, Operations Research 58(4).
    """
    refuse_unstated(world)
    bookings = world.periods * int((world.fleet_of >= 0).sum())
    whole = whole_vehicles and bookings <= MOST_WHOLE
    network = NetworkProgram(world, path, whole)
    found = network.program.minimum()
    shipped = _clean(network, found.x, whole)
    unproven = found.cost - found.least > DUST * (1.0 + abs(found.cost + network.constant))
    relaxed = relaxed_rules(network, found.x, shipped)
    relaxed |= {WHOLE_VEHICLES: relaxed[WHOLE_VEHICLES] and not whole, UNPROVEN: unproven}
    return Bound(
        cost=found.least + network.constant,
        planned=found.cost + network.constant,
        orders=_orders(network, shipped),
        status="bounded" if unproven else "optimal",
        relaxed=tuple(rule for rule, broken in relaxed.items() if broken),
    )


def discounted_cost(ledger: PeriodLedger) -> float:
    """Cost less revenue of a whole run, discounted as the bound is."""
    return float(ledger.world.model.discount ** np.arange(len(ledger.cost)) @ ledger.cost)


def replayed_cost(world: World, path: SamplePath, bound: Bound) -> float:
    """What the bound's orders cost in the twin: an upper bound on the least possible cost."""
    return discounted_cost(run_orders(world, path, bound.orders))


def _clean(network: NetworkProgram, x: Floats, whole: bool) -> Floats:
    """Shipments without the solver's rounding: nothing too much for whole vehicles, no dust."""
    units = x[network.shipped]
    for pool in network.pools if whole else ():
        carrier = x[pool.carrier]
        aboard = np.maximum(units[:, pool.lanes] - carrier, 0.0)
        limit = pool.spec.limit
        load = aboard @ limit.size.T  # (period, lane, dimension)
        room = np.rint(x[pool.trips])[..., None] * limit.most[:, 0]
        fits = np.minimum(room / np.maximum(load, 1e-300), 1.0).min(axis=2)
        units[:, pool.lanes] = aboard * fits[..., None] + carrier
    near = np.rint(units)
    return np.where(np.abs(units - near) < DUST / 10, near, units)


def _orders(network: NetworkProgram, shipped: Floats) -> Floats:
    """Orders that reach the source when they are shipped: earlier by the order lead time."""
    orders = np.zeros_like(shipped)
    placed = np.maximum(shipped - network.first_orders, 0.0)
    for lane, lag in enumerate(network.lag):
        orders[: max(network.world.periods - lag, 0), lane] = placed[lag:, lane]
    return orders
