"""actor.pause: an agent hangs, then goes on with what it was about to do."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from stress.catalogue.actors import FaultyPolicy, SpellPolicy
from stress.catalogue.base import ActorFault, Window
from stress.catalogue.targets import Targets
from twin.env.policy import Policy
from twin.network.world import World
from twin.scenario.quantities import PositiveDays

Floats = NDArray[np.float64]


class Pause(Targets, ActorFault):
    """Stop each agent for the ladder's share of the time; it wakes with an old decision in hand.

    The first decision after a pause is the one on which it was stopped, taken for a world that is
    gone; a pause that ends with the window ends without it.
    """

    family: ClassVar[str] = "actor.pause"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.02, 0.05, 0.10, 0.20, 0.40)
    unit: ClassVar[str] = "share of the agents paused at any time"
    duration: PositiveDays = 2.0
    """Mean length of a pause."""

    def wrap(self, policy: Policy, world: World, severity: int, window: Window) -> FaultyPolicy:
        """The policy with agents that hang now and then."""
        return _Pausing(self, policy, world, severity, window, self.duration)


class _Pausing(SpellPolicy):
    def __init__(
        self,
        fault: Pause,
        policy: Policy,
        world: World,
        severity: int,
        window: Window,
        mean_d: float,
    ) -> None:
        super().__init__(fault, policy, world, severity, window, mean_d)
        self._held: dict[str, Floats | None] = {}

    def reset(self, seed: int) -> None:
        super().reset(seed)
        self._held = {}

    def struck(self, agent: str, observation: Floats, t: int) -> Floats | None:
        wanted = self.decided(agent, observation)
        if self.failing(agent, t):
            self._held.setdefault(agent, wanted)
            return self.instead(None, wanted)
        if agent in self._held:
            return self.instead(self._held.pop(agent), wanted)
        return wanted
