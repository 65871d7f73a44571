"""The decision of an epoch: the agents' wishes, the static rule where there is none."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from twin.engine.decision import Decision
from twin.engine.event import EventEngine
from twin.env.act import merge_wishes
from twin.env.agents import AgentSpec
from twin.env.episode import static_decision
from twin.env.rules import OrderingRule
from twin.network.world import World
from twin.tools.server import ToolServer

Floats = NDArray[np.float64]


def settle(
    world: World,
    engine: EventEngine,
    rule: OrderingRule,
    specs: tuple[AgentSpec, ...],
    server: ToolServer,
    wishes: Mapping[str, Floats],
    stopped: Collection[str] = (),
) -> Decision:
    """The decision of an epoch: the agents' wishes, the static rule where there is none.

    Where an agent decides, the rule's orders are cut down to what needs no approval: a rule is no
    person, and what was denied to the agent is not done in its stead. The lanes of ``stopped``
    agents get nothing.
    """
    static, risk = static_decision(world, engine, rule), server.risk
    instead = {}
    for spec in specs:
        if spec.name in stopped:
            instead[spec.name] = np.zeros(len(server.scope[spec.name].most))
        elif spec.name in risk and spec.name not in wishes:
            instead[spec.name] = risk[spec.name].capped(static.orders[spec.lanes]).ravel()
    return merge_wishes(world, static, specs, {**instead, **wishes})
