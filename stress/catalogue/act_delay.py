"""act.delay: a decision is carried out one epoch late."""

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


class ActDelay(Targets, ActorFault):
    """Carry out, with the ladder's probability, what the agent wanted an epoch ago."""

    family: ClassVar[str] = "act.delay"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.01, 0.05, 0.10, 0.20, 0.30)
    unit: ClassVar[str] = "probability"

    def wrap(self, policy: Policy, world: World, severity: int, window: Window) -> FaultyPolicy:
        """The policy with some of its decisions an epoch late."""
        return _Delayed(self, policy, world, severity, window)


class _Delayed(FaultyPolicy):
    def __init__(
        self, fault: ActDelay, policy: Policy, world: World, severity: int, window: Window
    ) -> None:
        super().__init__(fault, policy, world, severity, window)
        self._wanted: dict[str, Floats | None] = {}

    def reset(self, seed: int) -> None:
        super().reset(seed)
        self._wanted = {}

    def struck(self, agent: str, observation: Floats, t: int) -> Floats | None:
        wanted = self.decided(agent, observation)
        before = self._wanted.get(agent)
        self._wanted[agent] = wanted
        late = self.luck(agent, t).uniform() < self.value
        return self.instead(before, wanted) if late and before is not None else wanted
