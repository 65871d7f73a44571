"""Ordering rules: the static policies a network runs by when no agent decides.

Each maps inventory positions to order quantities, for any trailing axes, so that one rule serves a
single node behind the tool boundary, the event engine, and thousands of replications at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from twin.engine.bounds import at_least
from twin.network.world import World

RuleKind = Literal["constant", "base_stock", "weekday_base_stock", "s_s", "r_q"]
RULE_KINDS: tuple[RuleKind, ...] = get_args(RuleKind)
TUNED_KINDS: tuple[RuleKind, ...] = ("constant", "base_stock", "weekday_base_stock", "s_s")
"""What is tuned unless somebody asks for more: (r,Q) is for periods shorter than customers come."""
WITH_REORDER: tuple[RuleKind, ...] = ("s_s", "r_q")
"""The kinds that have reorder levels."""
WEEK = 7
LEAST_BATCH, DUST = 1e-9, 1e-9
"""Units; a batch below this is none, and a position this close to its reorder level is at it."""


@dataclass(frozen=True)
class OrderingRule:
    """Parameters of one rule for every node: each (1 or 7 weekdays, node, product, ...).

    constant            order ``level`` every period
    base_stock          order up to ``level``
    weekday_base_stock  order up to ``level`` of the weekday (periods of a day)
    s_s                 order up to ``level`` when the position is at or below ``reorder``
    r_q                 then order batches of ``level - reorder`` until it is above ``reorder``
    """

    kind: RuleKind
    level: Any
    reorder: Any = None

    def orders(self, position: Any, t: int, node: Any = ..., xp: Any = np) -> Any:
        """Quantities ordered at period ``t`` by the nodes selected with ``node``."""
        level = self.level[t % len(self.level)][node]
        if self.kind == "constant":
            return level + 0 * position
        gap = at_least(level - position, 0, xp)
        if self.kind not in WITH_REORDER:
            return gap
        reorder = self.reorder[0][node]
        if self.kind == "r_q":
            batch = at_least(level - reorder, 0, xp)
            short = at_least(reorder - position, 0, xp)
            gap = batch * (1 + xp.floor(short / at_least(batch, LEAST_BATCH, xp) + DUST))
        return xp.where(position <= reorder + DUST, gap, 0 * gap)

    def for_columns(self) -> OrderingRule:
        """The same rule for positions with a trailing axis of replications."""
        reorder = None if self.reorder is None else self.reorder[..., None]
        return replace(self, level=self.level[..., None], reorder=reorder)


def default_rule(world: World) -> OrderingRule:
    """Base-stock at the scenario's order-up-to levels."""
    return OrderingRule("base_stock", world.order_up_to[None])


def lane_orders(world: World, quantities: Any, share: Any = None) -> Any:
    """Split nodes' orders (node, product, ...) over their inbound lanes by share: (lane, ...)."""
    share = world.share if share is None else share
    wanted = quantities[world.destination]
    return wanted * share.reshape(share.shape + (1,) * (wanted.ndim - share.ndim))


def sweep_orders(world: World, rule: OrderingRule, position: Any, t: int) -> Any:
    """Orders of all nodes: (lane, product).

    Where the convention lets a node see this period's inbound orders, nodes order from downstream
    to upstream, each counting what its customers have just ordered, and a factory what its own
    production has.
    """
    if not world.convention.orders_see_inbound:
        return lane_orders(world, rule.orders(position, t))
    orders = np.zeros((len(world.lanes), len(world.products)))
    for depth in sorted(set(world.depth.tolist()), reverse=True):
        nodes = np.equal(world.depth, depth)
        for produces in sorted(set(world.produces.tolist()), reverse=True):
            seen = np.where(world.order_lag[:, None] == 0, orders, 0.0)
            inbound = world.outbound.total(world.recipes.claims(seen))
            quantities = rule.orders(position - inbound, t)
            lanes = nodes[world.destination] & (world.produces == produces)
            orders[lanes] = lane_orders(world, quantities)[lanes]
    return orders
