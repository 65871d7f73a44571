"""Plans drawn at random: what every other way to search has to beat."""

from __future__ import annotations

from collections.abc import Sequence

from stress.adversary.cross_entropy import CrossEntropy
from stress.adversary.plan import Plan


class RandomSearch(CrossEntropy):
    """Draws from the first distribution of the cross-entropy method, and learns nothing."""

    def __post_init__(self) -> None:
        """No sweep: a plan is drawn like any other."""
        super().__post_init__()
        self._sweep = []

    def tell(self, tried: Sequence[tuple[Plan, float]]) -> None:
        """Nothing is learnt."""
