"""Run many replications by one ordering rule: the inner loop of simulation optimisation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from twin.engine.batch import BatchEngine, BatchPath
from twin.engine.batch_path import as_array
from twin.env.rules import OrderingRule
from twin.network.world import World


def run_rule_batch(
    world: World, path: BatchPath, rule: OrderingRule, xp: Any = np, discount: float = 1.0
) -> tuple[Any, Any]:
    """Mean cost per period (B,) and fill rate (B,) under a rule, with vehicles as needed.

    The cost of period t is weighed by ``discount`` to the power of t. The rule's parameters may
    have a trailing axis B: (weekday, node, product, B). The fill rate (beta) is the share of the
    demand that is met in its own period; without demand it is 1.
    """
    like = path.demand
    device = getattr(like, "device", None)
    rule = _with_replications(rule, xp, like.dtype, device)
    vehicles = as_array(world.fleet_vehicles[:, None], xp, like.dtype, device)
    share = as_array(world.share[..., None], xp, like.dtype, device)
    engine = BatchEngine(world, path, xp, keep_rows=False)
    no_least_load = 0 * vehicles
    profit: Any = 0.0  # (node, B)
    missed: Any = 0.0  # (node, product, B)
    while engine.advance():
        orders = _sweep(world, engine, rule, share, xp)
        engine.decide(orders, vehicles, no_least_load)
        profit = profit + discount**engine.t * engine.profit_row()
        missed = missed + engine.missed_row()
    wanted = like.sum(0).sum(0).sum(0)
    late = missed.sum(0).sum(0)
    met = xp.where(wanted > 0, 1 - late / xp.clip(wanted, 1e-12, None), 1.0)
    return -profit.sum(0) / world.periods, met


def _with_replications(rule: OrderingRule, xp: Any, dtype: Any, device: Any) -> OrderingRule:
    def widened(values: Any) -> Any:
        array = as_array(values, xp, dtype, device)
        return array[..., None] if array.ndim == 3 else array

    reorder = None if rule.reorder is None else widened(rule.reorder)
    return replace(rule, level=widened(rule.level), reorder=reorder)


def _sweep(world: World, engine: BatchEngine, rule: OrderingRule, share: Any, xp: Any) -> Any:
    """``twin.env.rules.sweep_orders`` with replications and without writing in place."""
    position, t = engine.inventory_position(), engine.t
    if not world.convention.orders_see_inbound:
        return rule.orders(position, t, ..., xp)[engine.arrays.destination] * share
    total = engine.arrays.zero_lanes
    prompt = engine.lane_mask(world.order_lag == 0)
    for depth in sorted(set(world.depth[world.destination].tolist()), reverse=True):
        for produces in sorted(set(world.produces.tolist()), reverse=True):
            inbound = engine.arrays.recipes.claimed(xp.where(prompt, total, 0.0))
            wanted = rule.orders(position - inbound, t, ..., xp)[engine.arrays.destination] * share
            lanes = (world.depth[world.destination] == depth) & (world.produces == produces)
            total = total + xp.where(engine.lane_mask(lanes), wanted, 0.0)
    return total
