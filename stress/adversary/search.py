"""The search: ask for plans, play them, tell what became of them, within a budget of plans.

What a search finds is a pure function of its arguments: plans are tried in generations of a fixed
size, whatever the number of processes, and cases that stand in the journal are not played again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stress.adversary.plan import Plan
from stress.adversary.referee import Outcome, Referee
from stress.adversary.searchers import Searcher

GENERATION = 20
"""Plans that are tried before the next ones are chosen."""


@dataclass(frozen=True)
class Search:
    """How far a search has come."""

    tried: int = 0
    """Plans so far; each is played by the challenger, the static policy and maybe the rival."""
    unfair: int = 0
    """Plans that the static policy did not survive."""
    failures: int = 0
    """Plans under which the challenger failed and nobody else."""
    shared: int = 0
    """Plans under which the rival failed as well."""
    found_at: int = 0
    """Number of the plan of the first new failure, from 1; 0 where there is none."""
    best: Outcome | None = None
    """The cheapest new failure, or the cheapest shared one where there is none."""
    closest: Outcome | None = None
    """The fair plan that did the most harm."""

    def after(self, outcomes: Sequence[Outcome]) -> Search:
        """How far it has come after some more plans."""
        state = self
        for outcome in outcomes:
            state = state._after(outcome)
        return state

    def _after(self, outcome: Outcome) -> Search:
        tried = self.tried + 1
        better = outcome.failed and (self.best is None or outcome.score > self.best.score)
        nearer = self.closest is None or outcome.loss > self.closest.loss
        return Search(
            tried,
            self.unfair + (not outcome.feasible),
            self.failures + outcome.new,
            self.shared + outcome.shared,
            self.found_at or (tried if outcome.new else 0),
            outcome if better else self.best,
            outcome if outcome.feasible and nearer else self.closest,
        )


Watch = Callable[[Search], None]
"""Called after every generation."""


def search(
    referee: Referee,
    searcher: Searcher,
    budget: int,
    watch: Watch | None = None,
    first: Sequence[Plan] = (),
    stop_early: bool = False,
) -> Search:
    """Try ``budget`` plans: those of ``first``, then what the searcher asks for.

    With ``stop_early`` the generation that holds the first new failure is the last.
    """
    state = Search()
    waiting = list(first)
    while state.tried < budget and not (stop_early and state.found_at):
        size = min(GENERATION, budget - state.tried)
        given, waiting = waiting[:size], waiting[size:]
        outcomes = referee.judge(given + searcher.ask(size - len(given)))
        asked = outcomes[len(given) :]
        if asked:
            searcher.tell([(outcome.plan, outcome.score) for outcome in asked])
        state = state.after(outcomes)
        if watch is not None:
            watch(state)
    return state
