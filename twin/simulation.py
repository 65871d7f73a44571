"""Run a network: ``simulate`` under a policy, ``replay`` under given demand and orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.engine.decision import Decision
from twin.engine.event import EventEngine
from twin.engine.ledger import PeriodLedger
from twin.env.rules import OrderingRule, sweep_orders
from twin.errors import UsageError
from twin.exogenous.path import SamplePath
from twin.network.world import World
from twin.scenario.lanes import lane_name

Floats = NDArray[np.float64]


def run_rule(
    world: World, path: SamplePath, rule: OrderingRule, batch: bool = False
) -> PeriodLedger:
    """Run the whole network by one ordering rule, with vehicles as needed."""

    def decide(view: Any, position: Floats) -> Floats:
        orders: Floats = sweep_orders(world, rule, position, view.t)
        return orders

    return _run(world, path, decide, batch)


def run_orders(world: World, path: SamplePath, orders: Floats, batch: bool = False) -> PeriodLedger:
    """Run the network under given orders: (period, lane, product)."""
    return _run(world, path, lambda view, _: orders[view.t], batch)


def _run(
    world: World, path: SamplePath, orders: Callable[[Any, Floats], Floats], batch: bool
) -> PeriodLedger:
    """Run one episode and check the laws of conservation."""
    ledger = (_run_batch if batch else _run_event)(world, path, orders)
    ledger.check()
    return ledger


def _run_event(
    world: World, path: SamplePath, orders: Callable[[Any, Floats], Floats]
) -> PeriodLedger:
    engine = EventEngine(world, path)
    while engine.advance():
        wanted = orders(engine, engine.inventory_position())
        engine.decide(Decision.of_orders(world, wanted))
    return engine.ledger


def _run_batch(
    world: World, path: SamplePath, orders: Callable[[Any, Floats], Floats]
) -> PeriodLedger:
    from twin.engine.batch import BatchEngine, stack_paths

    engine = BatchEngine(world, stack_paths(world, [path]))
    while engine.advance():
        wanted = orders(engine, engine.inventory_position()[..., 0])
        decision = Decision.of_orders(world, wanted).validated(world)
        engine.decide(*(x[..., None] for x in vars(decision).values()))
    return PeriodLedger(world, path.seed, engine.quantities().replication(0))


def orders_by_lane(world: World, orders: Mapping[str, Sequence[object]]) -> Floats:
    """Orders given by lane name as an array (period, lane, product); lanes left out order nothing.

    Raises UsageError for an unknown lane and for a wrong number of rows.
    """
    table = np.zeros((world.periods, len(world.lanes), len(world.products)))
    for name, rows in orders.items():
        key = lane_name(name)
        if key not in world.lanes:
            raise UsageError("orders for an unknown lane", "orders", name, ", ".join(world.lanes))
        units = np.asarray(rows, dtype=np.float64).reshape(len(rows), -1)
        if units.shape[0] != world.periods:
            raise UsageError("wrong number of order rows", name, str(len(rows)), str(world.periods))
        table[:, world.lanes.index(key)] = units
    return table
