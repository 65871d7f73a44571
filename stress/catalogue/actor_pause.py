"""actor.pause: an agent hangs, then goes on with what it was about to do."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from stress.catalogue.actors import FaultyPolicy, SpellFault, SpellPolicy
from stress.catalogue.base import Window
from twin.env.policy import Policy
from twin.network.world import World

Floats = NDArray[np.float64]


class Pause(SpellFault):
    """Stop each agent for the ladder's share of the time; it wakes with an old decision in hand.

    The first decision after a pause is the one on which it was stopped, taken for a world that is
    gone; a pause that ends with the window ends without it.
    """

    family: ClassVar[str] = "actor.pause"
    unit: ClassVar[str] = "share of the agents paused at any time"

    def wrap(self, policy: Policy, world: World, severity: int, window: Window) -> FaultyPolicy:
        """The policy with agents that hang now and then."""
        return _Pausing(self, policy, world, severity, window)


class _Pausing(SpellPolicy):
    def reset(self, seed: int) -> None:
        super().reset(seed)
        self._held: dict[str, Floats | None] = {}

    def struck(self, agent: str, observation: Floats, t: int) -> Floats | None:
        wanted = self.decided(agent, observation)
        if self.failing(agent, t):
            self._held.setdefault(agent, wanted)
            return self.instead(None, wanted)
        if agent in self._held:
            return self.instead(self._held.pop(agent), wanted)
        return wanted
