"""Plays plans and says what they did: a failure of the challenger, or of everybody.

The static policy must survive a plan for it to count: no violation, no crash, and its cost at most
``survival`` above its own undisturbed one; and nobody may fail on its seed while nothing strikes.
The challenger fails where it crashes, breaks an
invariant, or costs more than ``bound`` above the static policy under the same faults and seed;
both are shares of the static policy's cost on that seed, undisturbed or disturbed, whichever is
larger in size. A failure that the rival (the champion) has too is shared, and counts less.

What was played stands in a journal: the same search goes on where an interrupted one stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf

from stress.adversary.plan import Plan, suite_of
from stress.adversary.symptoms import symptoms
from stress.case import Case, PolicyRef, ScenarioRef
from stress.contestants import world_of
from stress.executor import SERIAL, Executor, execute
from stress.expand import Campaign, expand
from stress.results import NOMINAL, CaseResult
from stress.spec import StressSuite
from stress.store import Journal
from twin.network.world import World

NAME = "attack"
LEAST_COST = 1e-9


@dataclass(frozen=True)
class Attack:
    """Who is attacked, on what, and what counts as a failure."""

    scenario: ScenarioRef
    challenger: PolicyRef
    static: PolicyRef
    fallback: str
    """JSON of the ordering rule that takes over where an agent cannot act."""
    suite: StressSuite
    """Where healing, recovery and the first seed come from."""
    rival: PolicyRef | None = None
    """The policy that should break as well, for a failure to be nothing new."""
    bound: float = 0.25
    """Most that the challenger may cost above the static policy under the same faults."""
    survival: float = 1.0
    """Most that the static policy may cost above itself undisturbed, or a plan is unfair."""

    @property
    def world(self) -> World:
        """The compiled world."""
        return world_of(self.scenario)


@dataclass(frozen=True)
class Outcome:
    """What a plan did."""

    plan: Plan
    challenger: CaseResult
    static: CaseResult
    suffered: float
    """What the faults cost the static policy above itself undisturbed, as a share."""
    loss: float
    """What the challenger costs above the static policy under the same faults, as a share."""
    feasible: bool
    """The static policy survived."""
    symptoms: frozenset[str]
    """How the challenger failed; empty where it did not, or where the plan is unfair."""
    shared: bool = False
    """The rival failed too."""

    @property
    def failed(self) -> bool:
        """The challenger failed where the static policy survived."""
        return bool(self.symptoms)

    @property
    def new(self) -> bool:
        """The challenger failed where nobody else did: what a search is for."""
        return self.failed and not self.shared

    @property
    def score(self) -> float:
        """How good the plan is for the adversary, the cheaper the better among failures.

        -2 to -1 unfair, -1 to 1 survived, 1 to 2 shared failure, 2 to 3 new failure.
        """
        if not self.feasible:
            return -1.0 - squeezed(self.suffered)
        if not self.failed:
            return 2 * squeezed(self.loss) - 1
        return (1.0 if self.shared else 2.0) + 1.0 / (1.0 + self.plan.effort)


def squeezed(share: float) -> float:
    """A share of cost as a number from 0 to 1, 0.5 where it is nothing."""
    if share == inf:
        return 1.0
    return 0.5 + 0.5 * share / (1.0 + abs(share))


class Referee:
    """Plays plans for all who take part, each case once."""

    def __init__(
        self,
        attack: Attack,
        known: dict[str, CaseResult] | None = None,
        journal: Journal | None = None,
        executor: Executor = SERIAL,
    ) -> None:
        self.attack = attack
        self.known = dict(known or {})
        self._journal = journal
        self._executor = executor
        self.episodes = 0
        """Different episodes that were needed so far, those found in the journal included."""
        self._counted: set[str] = set()

    def judge(self, plans: Sequence[Plan]) -> list[Outcome]:
        """Play plans; the order of the answers is that of the plans."""
        attack = self.attack
        cases = {plan: self.cases(plan) for plan in dict.fromkeys(plans)}
        both = (attack.challenger.name, attack.static.name)
        self._play(
            case
            for by_name in cases.values()
            for name in both
            for case in (by_name[name], by_name[name].undisturbed)
        )
        found = {plan: self._outcome(plan, by_name) for plan, by_name in cases.items()}
        if attack.rival is not None:
            found |= self._shared(cases, [one for one in found.values() if one.failed])
        return [found[plan] for plan in plans]

    def cases(self, plan: Plan) -> dict[str, Case]:
        """The struck cases of a plan by the policies' names."""
        attack = self.attack
        suite = suite_of(plan, attack.suite, attack.world, NAME)
        policies = [attack.challenger, attack.static, *([attack.rival] if attack.rival else [])]
        campaign = Campaign(suite, (attack.scenario,), tuple(policies), attack.fallback)
        return {c.policy.name: c for c in expand(campaign) if c.fault != NOMINAL}

    def unfit(self, seeds: Iterable[int]) -> tuple[int, ...]:
        """Seeds on which somebody fails although nothing strikes: no plan proves anything there."""
        calm = {seed: self._calm(seed) for seed in seeds}
        self._play(case for cases in calm.values() for case in cases)
        return tuple(seed for seed, cases in calm.items() if self._fails_calm(cases))

    def _calm(self, seed: int) -> tuple[Case, ...]:
        attack = self.attack
        policies = (attack.challenger, attack.static)
        return tuple(Case(attack.scenario, p, attack.fallback, seed) for p in policies)

    def _fails_calm(self, cases: Sequence[Case]) -> bool:
        challenger, static = (self.known[case.id] for case in cases)
        loss = _loss(challenger, static, static)
        return bool(symptoms(challenger, loss, self.attack.bound)) or static.failed

    def _outcome(self, plan: Plan, cases: dict[str, Case]) -> Outcome:
        attack = self.attack
        case = cases[attack.static.name]
        static, calm = self.known[case.id], self.known[case.undisturbed.id]
        challenger = self.known[cases[attack.challenger.name].id]
        suffered = inf if static.failed else _share(static.cost - calm.cost, calm.cost)
        feasible = suffered <= attack.survival and not self._fails_calm(self._calm(plan.seed))
        loss = _loss(challenger, static, calm)
        found = symptoms(challenger, loss, attack.bound) if feasible else frozenset[str]()
        return Outcome(plan, challenger, static, suffered, loss, feasible, found)

    def _shared(
        self, cases: dict[Plan, dict[str, Case]], failures: list[Outcome]
    ) -> dict[Plan, Outcome]:
        """The failures again, each with whether the rival failed too."""
        rival = self.attack.rival
        if rival is None:
            return {}
        self._play(cases[outcome.plan][rival.name] for outcome in failures)
        found = {}
        for outcome in failures:
            result = self.known[cases[outcome.plan][rival.name].id]
            calm = self.known[cases[outcome.plan][self.attack.static.name].undisturbed.id]
            loss = _loss(result, outcome.static, calm)
            shared = bool(symptoms(result, loss, self.attack.bound))
            found[outcome.plan] = replace(outcome, shared=shared)
        return found

    def _play(self, cases: Iterable[Case]) -> None:
        wanted = {case.id: case for case in cases}
        self._counted |= wanted.keys()
        self.episodes = len(self._counted)
        missing = [case for case in wanted.values() if case.id not in self.known]
        for result in execute(missing, self._executor):
            self.known[result.case] = result
            if self._journal is not None:
                self._journal.append(result)


def _loss(challenger: CaseResult, static: CaseResult, calm: CaseResult) -> float:
    yardstick = max(abs(static.cost), abs(calm.cost))
    return inf if challenger.error else _share(challenger.cost - static.cost, yardstick)


def _share(more: float, cost: float) -> float:
    return more / max(abs(cost), LEAST_COST)


Judge = Callable[[Sequence[Plan]], list[Outcome]]
"""What plans did, in their order."""
