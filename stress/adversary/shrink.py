"""From a failure to a minimal one: fewer faults, milder, shorter, with fewer parameters.

A smaller plan is taken only where it is the same failure: the static policy still survives, the
challenger still fails in one of the ways it failed before, and where nobody else failed, nobody
else does. The seed stays. The four passes are repeated until none of them finds anything; then the
plan is minimal: no fault, no rung of the ladder and no parameter can be given up.

A. Zeller, R. Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002 (ddmin), for the
faults; the ladders are short enough to be climbed from below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from stress.adversary.plan import Hit, Plan
from stress.adversary.referee import Judge, Outcome
from stress.adversary.space import SEVERITIES

STEPS = 200
"""Most smaller plans that are tried."""
Watch = Callable[[int, Outcome], None]
"""Called with the number of plans tried and the smallest failure so far."""


@dataclass(frozen=True)
class Shrunk:
    """A failure and how it became as small as it is."""

    outcome: Outcome
    tried: int
    minimal: bool
    """No single step makes it smaller; False where the budget ended first."""


def shrink(
    judge: Judge, failure: Outcome, steps: int = STEPS, watch: Watch | None = None
) -> Shrunk:
    """The smallest failure like ``failure`` that single steps lead to."""
    shrinker = _Shrinker(judge, failure, steps, watch)
    while True:
        before = shrinker.best.plan
        for smaller in PASSES:
            shrinker.descend(smaller)
        spent = shrinker.tried >= steps
        if spent or shrinker.best.plan == before:
            return Shrunk(shrinker.best, shrinker.tried, not spent)


Smaller = Callable[[Plan], Iterator[Plan]]
"""Smaller plans, in the order in which they should be tried."""


@dataclass
class _Shrinker:
    judge: Judge
    best: Outcome
    steps: int
    watch: Watch | None
    tried: int = 0

    def __post_init__(self) -> None:
        self._symptoms = self.best.symptoms
        self._new = self.best.new
        self._failed_before: set[Plan] = set()

    def descend(self, smaller: Smaller) -> None:
        """Take the first smaller plan that still fails, and again from there."""
        while self._step(smaller):
            pass

    def _step(self, smaller: Smaller) -> bool:
        for plan in smaller(self.best.plan):
            if self.tried >= self.steps:
                return False
            if plan not in self._failed_before and self._same_failure(plan):
                return True
        return False

    def _same_failure(self, plan: Plan) -> bool:
        self.tried += 1
        (outcome,) = self.judge([plan])
        same = bool(outcome.symptoms & self._symptoms) and (outcome.new or not self._new)
        if same:
            self.best = outcome
        else:
            self._failed_before.add(plan)
        if self.watch is not None:
            self.watch(self.tried, self.best)
        return same


def _fewer_faults(plan: Plan) -> Iterator[Plan]:
    """One fault alone, or one fault less: ddmin at its finest, since faults are few."""
    count = len(plan.hits)
    if count > 1:
        for hit in plan.hits:
            yield replace(plan, hits=(hit,))
    if count > 2:
        for k in range(count):
            yield replace(plan, hits=plan.hits[:k] + plan.hits[k + 1 :])


def _milder(plan: Plan) -> Iterator[Plan]:
    """A fault on a lower rung, the lowest first."""
    for k, hit in enumerate(plan.hits):
        for severity in SEVERITIES:
            if severity < hit.severity:
                yield plan.with_hit(k, replace(hit, severity=severity))


def _shorter(plan: Plan) -> Iterator[Plan]:
    """A window without a part of it, at either end: a half, a quarter, ..., one period."""
    for k, hit in enumerate(plan.hits):
        for part in _parts(hit.last - hit.first):
            yield plan.with_hit(k, replace(hit, last=hit.last - part))
            yield plan.with_hit(k, replace(hit, first=hit.first + part))


def _parts(length: int) -> Iterator[int]:
    while length > 1:
        length //= 2
        yield length


def _plainer(plan: Plan) -> Iterator[Plan]:
    """A fault with its parameters at their defaults: all of them, or one."""
    for k, hit in enumerate(plan.hits):
        for parameters in _fewer_parameters(hit):
            yield plan.with_hit(k, replace(hit, parameters=parameters))


def _fewer_parameters(hit: Hit) -> Iterator[tuple[tuple[str, bool | float | str], ...]]:
    if len(hit.parameters) > 1:
        yield ()
    for k in range(len(hit.parameters)):
        yield hit.parameters[:k] + hit.parameters[k + 1 :]


PASSES: tuple[Smaller, ...] = (_fewer_faults, _milder, _shorter, _plainer)
