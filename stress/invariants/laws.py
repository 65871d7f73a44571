"""The invariants by number, name and check: what must never happen, in any run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stress.invariants import audit, boundary, control, recovery
from stress.invariants.observed import Observed
from stress.invariants.world import WORLD, world_problems
from twin.engine.ledger import PeriodLedger
from twin.exogenous.path import SamplePath


@dataclass(frozen=True)
class Law:
    """One invariant; ``check`` yields what is wrong, and nothing when all is well."""

    number: int
    name: str
    check: Callable[[Observed], Iterator[str]]

    @property
    def title(self) -> str:
        """Number and name, as violations begin."""
        return f"{self.number} {self.name}"


def _of_world(number: int) -> Callable[[Observed], Iterator[str]]:
    def check(run: Observed) -> Iterator[str]:
        yield from run.said(number)
        if number in run.world_problems:
            yield run.world_problems[number]

    return check


_NAMES = {
    1: "units conserved",
    2: "stock never negative",
    3: "capacity respected",
    4: "money balances",
    5: "time runs forward",
    6: "nothing arrives before it leaves",
    7: "each order ends exactly once",
    8: "every number finite",
}
LAWS: tuple[Law, ...] = (
    *(Law(number, _NAMES[number], _of_world(number)) for number in WORLD),
    Law(9, "no side effect without validation", boundary.no_effect_without_validation),
    Law(10, "no invalid payload gets through", boundary.no_invalid_payload_gets_through),
    Law(11, "each failure has exactly one label", boundary.each_failure_has_one_label),
    Law(12, "no uncaught exception", boundary.nothing_uncaught),
    Law(13, "at most one effect per key", boundary.one_effect_per_key),
    Law(14, "an answer names what it answers", boundary.answers_name_their_call),
    Law(15, "ambiguity leads to clarification", boundary.ambiguity_is_clarified),
    Law(16, "nobody leaves their scope", boundary.nobody_leaves_their_scope),
    Law(17, "attempts bounded", control.attempts_are_bounded),
    Law(18, "retries within budget", control.retries_stay_within_budget),
    Law(19, "no call through an open breaker", control.open_breakers_let_nothing_pass),
    Law(20, "a killed node is silent", control.killed_nodes_are_silent),
    Law(21, "high risk is approved first", control.high_risk_is_approved_first),
    Law(22, "spend within forecast", control.spending_stays_within_forecast),
    Law(23, "queues bounded", control.queues_are_bounded),
    Law(24, "the record has no gaps", audit.the_trace_has_no_gaps),
    Law(25, "every action is accounted for", audit.actions_are_accounted_for),
    Law(26, "same seed, same digest", audit.same_seed_same_digest),
    Law(27, "weights are read-only", audit.weights_are_read_only),
    Law(28, "everything comes back after healing", recovery.everything_comes_back),
)
"""Every invariant, in the order of its number."""


def violations(run: Observed) -> tuple[str, ...]:
    """The invariants that a run broke, each once, with the first thing that is wrong."""
    found = ((law, next(law.check(run), "")) for law in LAWS)
    return tuple(f"{law.title}: {problem}" for law, problem in found if problem)


def world_violations(ledger: PeriodLedger, path: SamplePath) -> tuple[str, ...]:
    """The laws of the world that a ledger breaks, as ``violations`` words them."""
    problems = world_problems(ledger, path)
    return tuple(f"{number} {_NAMES[number]}: {text}" for number, text in problems.items())


def title(number: int) -> str:
    """Number and name of a law, as violations begin."""
    return LAWS[number - 1].title
