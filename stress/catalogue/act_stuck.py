"""act.stuck: an actuator repeats what it did last."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stress.catalogue.actors import FaultyPolicy
from stress.catalogue.base import ActorFault, Window
from stress.catalogue.targets import Targets
from twin.env.policy import Policy
from twin.network.world import World

Floats = NDArray[np.float64]


class ActStuck(Targets, ActorFault):
    """Get stuck, with the ladder's probability per decision, at the last one for some epochs."""

    family: ClassVar[str] = "act.stuck"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.01, 0.05, 0.10, 0.20, 0.30)
    unit: ClassVar[str] = "probability"
    epochs: Annotated[int, Field(ge=1, le=10_000)] = 3
    """How many decisions are lost each time."""

    def wrap(self, policy: Policy, world: World, severity: int, window: Window) -> FaultyPolicy:
        """The policy with decisions that stay the same."""
        return _Stuck(self, policy, world, severity, window)


class _Stuck(FaultyPolicy):
    def __init__(
        self, fault: ActStuck, policy: Policy, world: World, severity: int, window: Window
    ) -> None:
        super().__init__(fault, policy, world, severity, window)
        self._epochs = fault.epochs
        self._last: dict[str, Floats] = {}
        self._until: dict[str, int] = {}

    def reset(self, seed: int) -> None:
        super().reset(seed)
        self._last, self._until = {}, {}

    def struck(self, agent: str, observation: Floats, t: int) -> Floats | None:
        wanted = self.decided(agent, observation)
        if t >= self._until.get(agent, t) and self.luck(agent, t).uniform() < self.value:
            self._until[agent] = t + self._epochs
        if agent in self._last and t < self._until.get(agent, t):
            return self.instead(self._last[agent], wanted)
        if wanted is not None:
            self._last[agent] = wanted
        return wanted
