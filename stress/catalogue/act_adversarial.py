"""act.adversarial: somebody else decides, and means harm within what is allowed."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from stress.catalogue.actors import FaultyPolicy
from stress.catalogue.base import ActorFault, Window
from stress.catalogue.targets import Targets
from twin.env.policy import Policy
from twin.network.world import World

Floats = NDArray[np.float64]
FLOOD = 3.0
"""A flood asks for this many times what the agent wanted: harmful, yet nothing a limit stops."""


class ActAdversarial(Targets, ActorFault):
    """Replace a share of the decisions by nothing at all, or by several times as much."""

    family: ClassVar[str] = "act.adversarial"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.01, 0.05, 0.10, 0.20, 0.30)
    unit: ClassVar[str] = "probability"
    goal: Literal["starve", "flood", "drawn"] = "drawn"
    """starve: order nothing; flood: order three times as much; drawn: either."""

    def wrap(self, policy: Policy, world: World, severity: int, window: Window) -> FaultyPolicy:
        """The policy with some of its decisions replaced."""
        return _Hijacked(self, policy, world, severity, window)


class _Hijacked(FaultyPolicy):
    def __init__(
        self, fault: ActAdversarial, policy: Policy, world: World, severity: int, window: Window
    ) -> None:
        super().__init__(fault, policy, world, severity, window)
        self._goal = fault.goal

    def struck(self, agent: str, observation: Floats, t: int) -> Floats | None:
        wanted = self.decided(agent, observation)
        draw = self.luck(agent, t)
        if draw.uniform() >= self.value or wanted is None:
            return wanted
        goal = draw.choice(("starve", "flood")) if self._goal == "drawn" else self._goal
        harmful = np.zeros_like(wanted) if goal == "starve" else self._flood(agent, wanted)
        return self.instead(harmful, wanted)

    def _flood(self, agent: str, wanted: Floats) -> Floats:
        if self.specs[agent].role == "replenish":
            return FLOOD * wanted
        lanes = len(self.specs[agent].lanes)
        # Least loads are shares: a dispatcher that waits for full vehicles only does the harm.
        return np.concatenate([wanted[:lanes], np.ones(lanes)])
