"""Run a network: ``simulate`` under a policy, ``replay`` under given demand and orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from twin.engine.decision import Decision
from twin.engine.event import EventEngine
from twin.engine.ledger import PeriodLedger
from twin.env.rules import OrderingRule, sweep_orders
from twin.errors import UsageError
from twin.exogenous.path import SamplePath, draw_path, path_with_demand
from twin.network.world import World

Floats = NDArray[np.float64]


def run_rule(world: World, path: SamplePath, rule: OrderingRule) -> PeriodLedger:
    """Run the whole network by one ordering rule, with vehicles as needed."""
    engine = EventEngine(world, path)
    while engine.advance():
        orders = sweep_orders(world, rule, engine.inventory_position(), engine.t)
        engine.decide(Decision.of_orders(world, orders))
    ledger = engine.ledger
    ledger.check()
    return ledger


def run_orders(world: World, path: SamplePath, orders: Floats) -> PeriodLedger:
    """Run the network under given orders: (period, lane, product)."""
    engine = EventEngine(world, path)
    while engine.advance():
        engine.decide(Decision.of_orders(world, orders[engine.t]))
    ledger = engine.ledger
    ledger.check()
    return ledger


def orders_by_lane(world: World, orders: Mapping[str, Sequence[object]]) -> Floats:
    """Orders given by lane name as an array (period, lane, product); lanes left out order nothing.

    Raises UsageError for an unknown lane and for a wrong number of rows.
    """
    table = np.zeros((world.periods, len(world.lanes), len(world.products)))
    for name, rows in orders.items():
        key = "->".join(part.strip() for part in name.split("->"))
        if key not in world.lanes:
            raise UsageError("orders for an unknown lane", "orders", name, ", ".join(world.lanes))
        units = np.asarray(rows, dtype=np.float64).reshape(len(rows), -1)
        if units.shape[0] != world.periods:
            raise UsageError("wrong number of order rows", name, str(len(rows)), str(world.periods))
        table[:, world.lanes.index(key)] = units
    return table


def replay_orders(
    world: World, demand: Mapping[str, Sequence[object]], orders: Mapping[str, Sequence[object]]
) -> PeriodLedger:
    """Run the network on recorded demand and orders, both by name."""
    return run_orders(world, path_with_demand(world, demand), orders_by_lane(world, orders))


def run_default(world: World, seed: int, rule: OrderingRule) -> PeriodLedger:
    """Draw the path of a seed and run the rule on it."""
    return run_rule(world, draw_path(world, seed), rule)
