"""Rules of the world that the program of a sample path does not state, and who notices.

Each is relaxed, so that the bound stays a lower one, and named where the optimum may break it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.baselines.oracle_network import NetworkProgram
from agents.baselines.oracle_storage import stock_after_receipt
from twin.errors import UsageError
from twin.network.world import World

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
DUST = 1e-6
"""Units; less than this in a solution is the solver's rounding."""

WHOLE_UNITS = "whole units: fractions of a unit may be ordered"
ORDER_COSTS = "fixed order costs: orders cost nothing to place"
ORDER_SIZES = "order sizes: orders of any size may be placed"
EARLY_ORDERS = "order capacity: what was ordered ahead may be shipped later than it could be"
FIRST_ORDERS = "orders under way: those of the start may be shipped later, or never"
SETUPS = "set-ups: production starts without cost and without loss of capacity"
WHOLE_VEHICLES = "whole vehicles: every trip is full, and parts of a vehicle may leave"
FULL_LOADS = "full loads: vehicles may leave with less than a full load"
CARRIER = "common carrier: it may take freight while vehicles are free"
FREE_DOCK = "storage: goods may wait at the dock though there is room, and in any order"
OVERFLOW = "overflow: goods may be destroyed though there is room"
SHELF_LIFE = "shelf life: ages are not followed from node to node, and waste is chosen"
HELD_BACK = "service: stock may be held back from customers who are waiting"
SUBSTITUTES = "substitutes: customers take another product as it suits the plan"
FAST_TRIPS = "trip times: of the vehicles that leave together, the fastest come first"
OUT_OF_SERVICE = "vehicles out of service: those on the road may count among them"
UNPROVEN = "proof: the search for whole vehicles stopped at a plan that may not be the best"
PART_OPEN = "partly open lanes: freight may be ordered to fit, without delay"
CROSS_DOCKS = "cross-docks: they may order what suits the plan"
SOURCING = "sourcing: the plan chooses the source, not the order of preference"
PROMPT = "zero lead times: goods may be used before their turn within a period"


def refuse_unstated(world: World) -> None:
    """Raise UsageError where the program would not be a lower bound."""
    if world.model.independent_links:
        raise UsageError(
            "there is no bound where stock can fall below zero",
            "independent_links",
            "true",
            "false",
            "Leave it out: lanes then share what there is.",
        )


def relaxed_rules(network: NetworkProgram, x: Floats, shipped: Floats) -> dict[str, bool]:
    """Whether this optimum may break each rule; vehicles as if they were not whole."""
    world = network.world
    used: Flags = np.logical_or.reduce(shipped > 0, axis=(0, 2))
    partly = (network.gate > 0) & (network.gate < 1)
    riding = world.fleet_of[used] >= 0
    return {
        WHOLE_UNITS: _breaks_units(network, shipped),
        ORDER_COSTS: _pays_for_orders(world, used),
        ORDER_SIZES: bool(_odd_sizes(world, network, shipped)),
        EARLY_ORDERS: _orders_ahead(network, shipped),
        FIRST_ORDERS: bool((shipped < network.first_orders - DUST).any()),
        SETUPS: bool(((world.prices.setup + world.setup_units)[used] > 0).any()),
        WHOLE_VEHICLES: bool(riding.any()),
        FULL_LOADS: bool((world.no_min_load[used] > 0).any()),
        CARRIER: any(bool((x[pool.carrier] > DUST).any()) for pool in network.pools),
        FREE_DOCK: _waits_at_will(network, x),
        OVERFLOW: bool((_waste(network, x)[:, world.destroys] > DUST).any()),
        SHELF_LIFE: bool((world.shelf_life > 0).any()),
        HELD_BACK: _holds_back(network, x),
        SUBSTITUTES: _substitutes(network, x),
        FAST_TRIPS: any(bool(np.ptp(p.trip_periods(), axis=1).any()) for p in network.pools),
        OUT_OF_SERVICE: any(bool(pool.down.any()) for pool in network.pools),
        PART_OPEN: bool(partly[:, used].any()) or _works_in_part(network),
        CROSS_DOCKS: bool(world.passes.any()),
        SOURCING: any(node.sourcing == "preference" for node in world.model.nodes.values()),
        PROMPT: _prompt(network),
    }


def _breaks_units(network: NetworkProgram, shipped: Floats) -> bool:
    rounds = bool((network.path.good < 1).any())
    odd = bool((shipped != np.rint(shipped)).any())
    return network.world.model.integral and (odd or rounds)


def _pays_for_orders(world: World, used: Flags) -> bool:
    return bool((world.prices.order[used] > 0).any() or (world.prices.line[used] > 0).any())


def _odd_sizes(world: World, network: NetworkProgram, shipped: Floats) -> bool:
    """Whether some order is below the smallest one, or not in whole batches."""
    placed = np.maximum(shipped - network.first_orders, 0.0)
    for j, lane in enumerate(world.transport):
        orders = placed[:, j][placed[:, j] > 0]
        lots = orders / (lane.batch or 1.0)
        if lane.batch and (np.abs(lots - np.rint(lots)) > DUST).any():
            return True
        if lane.minimum_order and (orders < lane.minimum_order - DUST).any():
            return True
    return False


def _orders_ahead(network: NetworkProgram, shipped: Floats) -> bool:
    most = np.array([lane.order_capacity or np.inf for lane in network.world.transport])
    placed = np.maximum(shipped - network.first_orders, 0.0).sum(axis=2)
    return bool((placed > most + DUST).any())


def _waits_at_will(network: NetworkProgram, x: Floats) -> bool:
    """Whether goods wait at an open dock, or more is received than there is room for."""
    into = network.world.destination[network.docked]
    waiting = x[network.dock].sum(axis=2) > DUST
    limit = network.world.storage_limit
    stock = stock_after_receipt(network, x) @ limit.size.T
    room = np.maximum(limit.most, limit.load(network.world.initial_stock))
    too_much = stock.swapaxes(1, 2) > room + DUST
    return bool((waiting & ~network.closed[:, into]).any() or too_much.any())


def _waste(network: NetworkProgram, x: Floats) -> Floats:
    waste = np.zeros(network.on_hand.shape)
    waste[:, network.wasting[0], network.wasting[1]] = x[network.wasted]
    return waste


def _shortage(network: NetworkProgram, x: Floats) -> Floats:
    """Demand that could have been served at the node and was not: (period, customer)."""
    customers = network.customers
    before = np.zeros(customers.demand.shape)
    before[1:] = x[customers.backlog[:-1]]
    shortage: Floats = customers.works * (customers.demand + before) - x[customers.sold]
    for at, (wanted, instead) in enumerate(customers.swaps):
        shortage[:, wanted] -= x[customers.swapped[:, at]]
        shortage[:, instead] += x[customers.swapped[:, at]]
    return shortage


def _holds_back(network: NetworkProgram, x: Floats) -> bool:
    customers = network.customers
    stock = x[network.on_hand][:, customers.node, customers.product]
    held = (_shortage(network, x) > DUST) & (stock > DUST)
    return bool(held[:, ~network.world.unlimited[customers.node]].any())


def _substitutes(network: NetworkProgram, x: Floats) -> bool:
    """Whether somebody who has a substitute goes without, or takes it."""
    wanted = [pair for pair, _ in network.customers.swaps]
    moves = bool((x[network.customers.swapped] > DUST).any())
    return moves or bool((_shortage(network, x)[:, wanted] > DUST).any())


def _works_in_part(network: NetworkProgram) -> bool:
    """Whether some factory that works in part makes to order, as much as its lanes let through."""
    return bool(((network.path.node_open > 0) & (network.path.node_open < 1)).any())


def _prompt(network: NetworkProgram) -> bool:
    """Whether what arrives at once can be used by something that comes before it in the period."""
    world = network.world
    zero = (network.due == 0).any(axis=0)
    if not world.convention.receives_before_shipping or not zero.any():
        return False
    phases = world.convention.phases
    serves_first = phases.index("serve") < phases.index("ship")
    chained = [
        bool(np.isin(bill.made, bill.used).any())
        and bool(zero[bill.lane] & world.produces[bill.lane])
        for bill in world.recipes.bills
    ]
    return serves_first or any(chained)
