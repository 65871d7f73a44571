"""What happens when an agent cannot see or cannot act: last good answers, then the static rule."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from twin.engine.decision import Decision
from twin.engine.event import EventEngine
from twin.env.act import merge_wishes
from twin.env.agents import AgentSpec
from twin.env.episode import static_decision
from twin.env.rules import OrderingRule
from twin.network.world import World
from twin.tools.risk import RiskLimits

Floats = NDArray[np.float64]


class LastGood:
    """The last good answer of each read of one agent."""

    def __init__(self, reads: int, max_age: int) -> None:
        self._max_age = max_age
        self._kept: list[tuple[int, list[float]] | None] = [None] * reads

    def remember(self, read: int, t: int, numbers: list[float]) -> None:
        """Keep a good answer of period ``t``."""
        self._kept[read] = (t, numbers)

    def recall(self, read: int, t: int) -> tuple[int, list[float]] | None:
        """Age in periods and numbers of the last good answer, if it is young enough."""
        kept = self._kept[read]
        if kept is None or t - kept[0] > self._max_age:
            return None
        return t - kept[0], kept[1]


def settle(
    world: World,
    engine: EventEngine,
    rule: OrderingRule,
    specs: tuple[AgentSpec, ...],
    wishes: dict[str, Floats],
    risk: Mapping[str, RiskLimits],
) -> Decision:
    """The decision of an epoch: the agents' wishes, the static rule where there is none.

    Where an agent decides, the rule's orders are cut down to what needs no approval: a rule is no
    person, and what was denied to the agent is not done in its stead.
    """
    static = static_decision(world, engine, rule)
    capped = {
        spec.name: risk[spec.name].capped(static.orders[spec.lanes]).ravel()
        for spec in specs
        if spec.name in risk and spec.name not in wishes
    }
    return merge_wishes(world, static, specs, {**capped, **wishes})
