"""act.drop: a decision never reaches the world; the static policy stands in."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from stress.catalogue.actors import FaultyPolicy
from stress.catalogue.base import ActorFault, Window
from stress.catalogue.targets import Targets
from twin.env.policy import Policy
from twin.network.world import World

Floats = NDArray[np.float64]


class ActDrop(Targets, ActorFault):
    """Lose a share of the decisions on their way out."""

    family: ClassVar[str] = "act.drop"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.01, 0.05, 0.10, 0.20, 0.30)
    unit: ClassVar[str] = "probability"

    def wrap(self, policy: Policy, world: World, severity: int, window: Window) -> FaultyPolicy:
        """The policy with some of its decisions lost."""
        return _Dropped(self, policy, world, severity, window)


class _Dropped(FaultyPolicy):
    def struck(self, agent: str, observation: Floats, t: int) -> Floats | None:
        wanted = self.decided(agent, observation)
        lost = self.luck(agent, t).uniform() < self.value
        return self.instead(None, wanted) if lost else wanted
