"""actor.stale_policy: an agent runs an old version of itself for a while."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from stress.catalogue.actors import FaultyPolicy, SpellFault, SpellPolicy
from stress.catalogue.base import Window
from twin.env.policy import Policy, RulePolicy
from twin.env.rules import default_rule
from twin.network.world import World
from twin.scenario.quantities import PositiveDays

Floats = NDArray[np.float64]


class StalePolicy(SpellFault):
    """Let each agent decide by the oldest version for the ladder's share of the time, in spells.

    The oldest version of every fleet is the scenario's own base-stock rule, from which tuning and
    training start.
    """

    family: ClassVar[str] = "actor.stale_policy"
    unit: ClassVar[str] = "share of the agents on an old version at any time"
    duration: PositiveDays = 5.0
    """Mean time on the old version."""

    def wrap(self, policy: Policy, world: World, severity: int, window: Window) -> FaultyPolicy:
        """The policy with agents that fall back to the first version now and then."""
        return _Outdated(self, policy, world, severity, window)


class _Outdated(SpellPolicy):
    @cached_property
    def _old(self) -> RulePolicy:
        return RulePolicy(self.world, default_rule(self.world))

    def struck(self, agent: str, observation: Floats, t: int) -> Floats | None:
        wanted = self.decided(agent, observation)
        if not self.failing(agent, t):
            return wanted
        return self.instead(self._old.act({agent: observation}).get(agent), wanted)
