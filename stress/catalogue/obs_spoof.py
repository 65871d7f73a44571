"""obs.spoof: somebody shifts what an agent sees by a little, to make it decide badly."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stress.catalogue.actors import FaultyPolicy
from stress.catalogue.base import ActorFault, Window
from stress.catalogue.luck import Draw
from stress.catalogue.targets import Targets
from twin.env.policy import Policy
from twin.network.world import World

Floats = NDArray[np.float64]
LEARNING_RATE = 0.3
"""How far the learned attacker's direction moves towards the best one of an epoch."""


class Spoof(Targets, ActorFault):
    """Multiply each number of an observation by 1 + epsilon or 1 - epsilon; clock and ages stay.

    random   signs are drawn
    search   the signs, out of ``queries`` drawn ones, that change the decision the most
    learned  as search, around a direction that is learned from epoch to epoch (cross-entropy
             method with one elite per epoch)
    """

    family: ClassVar[str] = "obs.spoof"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.01, 0.02, 0.05, 0.10, 0.20)
    unit: ClassVar[str] = "epsilon, relative"
    attacker: Literal["random", "search", "learned"] = "random"
    """How the signs are chosen."""
    queries: Annotated[int, Field(ge=1, le=1_000)] = 8
    """Decisions of the policy that an attacker may ask for per epoch."""

    def wrap(self, policy: Policy, world: World, severity: int, window: Window) -> FaultyPolicy:
        """The policy behind spoofed observations."""
        return _Spoofed(self, policy, world, severity, window)


class _Spoofed(FaultyPolicy):
    def __init__(
        self, fault: Spoof, policy: Policy, world: World, severity: int, window: Window
    ) -> None:
        super().__init__(fault, policy, world, severity, window)
        self._attacker = fault.attacker
        self._queries = fault.queries if fault.attacker != "random" else 1
        self._learned: dict[str, Floats] = {}

    def reset(self, seed: int) -> None:
        super().reset(seed)
        self._learned = {}

    def struck(self, agent: str, observation: Floats, t: int) -> Floats | None:
        wanted = self.decided(agent, observation)
        draw = self.luck(agent, t)
        tries = [self._signs(agent, observation, draw) for _ in range(self._queries)]
        wishes = [self.decided(agent, self._shifted(agent, observation, s)) for s in tries]
        best = max(range(len(tries)), key=lambda k: _distance(wishes[k], wanted))
        if self._attacker == "learned":
            before = self._learned.get(agent, np.zeros(len(observation)))
            self._learned[agent] = before + LEARNING_RATE * (tries[best] - before)
        return self.instead(wishes[best], wanted)

    def _signs(self, agent: str, observation: Floats, draw: Draw) -> Floats:
        """Plus or minus one per number; more often to the side that has been learned."""
        lean = self._learned.get(agent, np.zeros(len(observation)))
        luck = np.array([2 * draw.uniform() - 1 for _ in range(len(observation))])
        return np.where(luck < lean, 1.0, -1.0)

    def _shifted(self, agent: str, observation: Floats, signs: Floats) -> Floats:
        shifted = observation.copy()
        seen = slice(0, self.specs[agent].slices["clock"].start)
        shifted[seen] *= 1 + self.value * signs[seen]
        return shifted


def _distance(wish: Floats | None, wanted: Floats | None) -> float:
    """How far a decision is from the one that was wanted."""
    if wish is None or wanted is None:
        return 0.0 if wish is wanted else np.inf
    return float(np.abs(wish - wanted).sum())
