"""actor.crash: an agent is gone for a while; the static policy runs its lanes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from stress.catalogue.actors import FaultyPolicy, SpellFault, SpellPolicy
from stress.catalogue.base import Window
from twin.env.policy import Policy
from twin.network.world import World

Floats = NDArray[np.float64]


class Crash(SpellFault):
    """Take each agent out of service for the ladder's share of the time, in spells."""

    family: ClassVar[str] = "actor.crash"
    unit: ClassVar[str] = "share of the agents down at any time"

    def wrap(self, policy: Policy, world: World, severity: int, window: Window) -> FaultyPolicy:
        """The policy with agents that are away now and then."""
        return _Crashing(self, policy, world, severity, window)


class _Crashing(SpellPolicy):
    def struck(self, agent: str, observation: Floats, t: int) -> Floats | None:
        if not self.failing(agent, t):
            return self.decided(agent, observation)
        return self.instead(None, None)
