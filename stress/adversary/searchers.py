"""Who proposes plans: one small protocol, and the ways there are to search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from stress.adversary.cma_es import CmaEs
from stress.adversary.cross_entropy import CrossEntropy
from stress.adversary.learned import Learned
from stress.adversary.plan import Plan
from stress.adversary.random_search import RandomSearch
from stress.adversary.space import Space
from stress.adversary.tpe import Tpe


class Searcher(Protocol):
    """Proposes plans and hears what became of them; nothing but its seed decides what it asks."""

    def ask(self, count: int) -> list[Plan]:
        """The next plans to try."""

    def tell(self, tried: Sequence[tuple[Plan, float]]) -> None:
        """What became of the plans asked for: the higher the score, the better."""


LEARNED = "learned"
METHODS: dict[str, Callable[[Space, int], Searcher]] = {
    "cross-entropy": CrossEntropy,
    "cma-es": CmaEs,
    "tpe": Tpe,
    LEARNED: Learned,
    "random": RandomSearch,
}
"""Ways to search, by name; each takes the space and the seed."""
