"""Static policies with parameters read off the scenario, before any tuning."""

from __future__ import annotations

import numpy as np

from twin.env.rules import RULE_KINDS, OrderingRule, RuleKind
from twin.network.world import World


def default_rules(world: World) -> dict[RuleKind, OrderingRule]:
    """One rule of each kind: mean flow, order-up-to levels, the same on each weekday, (s,S), (r,Q).

    The reorder levels lie one period's flow below the order-up-to levels.
    """
    level = world.order_up_to[None]
    reorder = np.maximum(level - world.throughput[None], 0.0)
    rules: dict[RuleKind, OrderingRule] = {
        "constant": OrderingRule("constant", world.throughput[None]),
        "base_stock": OrderingRule("base_stock", level),
        "weekday_base_stock": OrderingRule("weekday_base_stock", np.repeat(level, 7, axis=0)),
        "s_s": OrderingRule("s_s", level, reorder),
        "r_q": OrderingRule("r_q", level, reorder),
    }
    return {kind: rules[kind] for kind in RULE_KINDS}
