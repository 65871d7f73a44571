"""The decision of an epoch: the agents' wishes, the static rule where there is none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.gateway.gateway import Gateway
from agents.gateway.requests import wish_size
from twin.engine.decision import Decision
from twin.engine.event import EventEngine
from twin.env.act import merge_wishes
from twin.env.episode import static_decision
from twin.env.rules import OrderingRule
from twin.network.world import World

Floats = NDArray[np.float64]


def settle(
    world: World,
    engine: EventEngine,
    rule: OrderingRule,
    gateway: Gateway,
    wishes: dict[str, Floats],
) -> Decision:
    """The decision of an epoch: the agents' wishes, the static rule where there is none.

    Where an agent decides, the rule's orders are cut down to what needs no approval: a rule is no
    person, and what was denied to the agent is not done in its stead. A stopped agent's lanes get
    nothing.
    """
    static, risk = static_decision(world, engine, rule), gateway.server.risk
    stopped = gateway.switch.stopped
    instead = {}
    for spec in gateway.specs:
        if spec.name in stopped:
            instead[spec.name] = np.zeros(wish_size(spec))
        elif spec.name in risk and spec.name not in wishes:
            instead[spec.name] = risk[spec.name].capped(static.orders[spec.lanes]).ravel()
    return merge_wishes(world, static, gateway.specs, {**instead, **wishes})
