"""actor.byzantine: an agent sends anything at all, sound in form or not."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from stress.catalogue.actors import FaultyPolicy, SpellFault, SpellPolicy, wish_caps
from stress.catalogue.base import Window
from stress.catalogue.luck import Draw
from twin.env.policy import Policy
from twin.network.world import World

Floats = NDArray[np.float64]
KINDS = ("not_a_number", "negative", "beyond_limits", "wrong_length", "multiple", "shuffled")


class Byzantine(SpellFault):
    """Let each agent send arbitrary decisions for the ladder's share of the time, in spells.

    Not a number, negative, beyond every limit, too few numbers: these have to be stopped. A random
    multiple of what was wanted, or the right numbers in the wrong order: these are allowed.
    """

    family: ClassVar[str] = "actor.byzantine"
    unit: ClassVar[str] = "share of the agents that are byzantine at any time"

    def wrap(self, policy: Policy, world: World, severity: int, window: Window) -> FaultyPolicy:
        """The policy with agents that send anything now and then."""
        return _Lying(self, policy, world, severity, window)


class _Lying(SpellPolicy):
    @cached_property
    def _caps(self) -> dict[str, Floats]:
        return {name: wish_caps(self.world, spec) for name, spec in self.specs.items()}

    def struck(self, agent: str, observation: Floats, t: int) -> Floats | None:
        wanted = self.decided(agent, observation)
        if wanted is None or not self.failing(agent, t):
            return wanted
        return self.instead(self._anything(agent, wanted, self.luck(agent, t)), wanted)

    def _anything(self, agent: str, wanted: Floats, draw: Draw) -> Floats:
        match draw.choice(KINDS):
            case "not_a_number":
                return np.full_like(wanted, np.nan)
            case "negative":
                return -wanted - 1.0
            case "beyond_limits":
                return self._caps[agent] * 10.0 + 1.0
            case "wrong_length":
                return wanted[:-1]
            case "multiple":
                return wanted * (2.0 * draw.uniform())
            case _:
                return np.roll(wanted, 1 + draw.below(max(len(wanted) - 1, 1)))
