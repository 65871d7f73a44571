"""One episode of (scenario, policy, faults, seed): the unit of every campaign.

The exogenous draws depend on scenario and seed alone: all policies and all faults meet the same
demand. World faults change the sample path, channel faults are layers on the tools' channel, actor
faults stand around the policy. Every case is checked against all invariants; those that compare
with the undisturbed episode find it in a cache, since all faults of a seed share it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stress.case import Case, Strike
from stress.contestants import policy_of, rule_of, world_of
from stress.courses import Courses
from stress.disturbed import Counts, Disturbed
from stress.invariants import (
    Course,
    Observed,
    Witness,
    title,
    violations,
    weights_digest,
)
from stress.results import CaseResult
from twin.env.policy import Policy
from twin.errors import InvariantError, TwinError
from twin.kpi.service import fill_rate

if TYPE_CHECKING:
    from agents.gateway.episode import Outcome

TEXT_LIMIT = 500
REPLAYED = 32
"""One case in so many, chosen by its id, is played twice to see whether its digest is the same."""
COURSES = Courses()
"""The undisturbed courses that this process knows."""


@dataclass(frozen=True)
class _Played:
    """One episode as it was played."""

    outcome: Outcome
    disturbed: Disturbed
    witness: Witness
    course: Course
    weights: tuple[str, str]
    failures: Counter[str]
    """Of a third party's agent, by label."""


def run_case(case: Case) -> CaseResult:
    """Run one case; whatever goes wrong inside it becomes part of the result."""
    try:
        return _episode(case)
    except InvariantError as error:
        return crashed(case, f"{type(error).__name__}: {error}", (str(error)[:TEXT_LIMIT],))
    except TwinError as error:
        return crashed(case, f"{type(error).__name__}: {error}")
    except Exception as error:  # a crashed case is a finding, not the end of the campaign
        text = f"{type(error).__name__}: {error}"
        return crashed(case, text, (f"{title(12)}: {text}"[:TEXT_LIMIT],))


def crashed(case: Case, text: str, broken: tuple[str, ...] = ()) -> CaseResult:
    """The result of a case that did not come to its end, with the laws that it broke."""
    error = text[:TEXT_LIMIT] or "unknown error"
    return CaseResult(**_identity(case), error=error, violations=broken)


def _calm(case: Case) -> Course:
    """The course of an undisturbed case, played when it is not known."""
    known = COURSES.get(case.id)
    if known is None:
        known = _play(case, (), None).course
        COURSES.keep(case.id, known)
    return known


def _episode(case: Case) -> CaseResult:
    calm = _calm(case.undisturbed) if case.strikes else None
    forecast = None if calm is None else calm.money
    played = _play(case, case.strikes, forecast)
    if calm is None:
        COURSES.keep(case.id, played.course)
        calm = played.course
    observed = Observed(
        case=case,
        path=played.disturbed.path,
        outcome=played.outcome,
        course=played.course,
        calm=calm,
        misread=tuple(played.witness.misread),
        weights=played.weights,
        policy_hash=_policy_hash(played.witness),
        rule=rule_of(case.scenario, case.fallback),
    )
    broken = [*violations(observed), *_replayed(case, played, forecast)]
    result = _result(case, played.outcome, played.disturbed.counts(played.outcome), broken)
    return result.model_copy(update={"agent_failures": dict(sorted(played.failures.items()))})


def _play(case: Case, strikes: Sequence[Strike], forecast: float | None) -> _Played:
    """Play a case; a forecast of what its tools should cost limits what they may cost."""
    from agents.gateway.episode import run_through_tools

    world = world_of(case.scenario)
    policy = policy_of(case.scenario, case.policy)
    disturbed = Disturbed(world, policy, case.seed, strikes)
    witness = Witness(disturbed.policy, world)
    before, failures = _weights(policy, case.seed), _failures(policy)
    outcome = run_through_tools(
        world,
        disturbed.path,
        witness,
        rule_of(case.scenario, case.fallback),
        case.seed,
        disturbed.layers,
        trace=True,
        incidents=disturbed.incidents,
        forecast=forecast,
    )
    weights = (before, _weights(policy, case.seed))
    failed = _failures(policy) - failures
    return _Played(outcome, disturbed, witness, Course.of(outcome), weights, failed)


def _failures(policy: Policy) -> Counter[str]:
    """What an agent of a third party has failed with so far, in all episodes."""
    return Counter(getattr(policy, "failures", {}))


def _weights(policy: Policy, seed: int) -> str:
    """The digest of a policy's weights: what is left of it when an episode is forgotten."""
    policy.reset(seed)
    return weights_digest(policy)


def _policy_hash(witness: Witness) -> str:
    from agents.gateway.episode import policy_hash

    return policy_hash(witness)


def _replayed(case: Case, played: _Played, forecast: float | None) -> list[str]:
    """What law 26 has to say about a case that is played twice."""
    if int(case.id[:8], 16) % REPLAYED:
        return []
    again = _play(case, case.strikes, forecast)
    same = again.course.digest == played.course.digest
    same = same and again.outcome.account == played.outcome.account
    return [] if same else [f"{title(26)}: played twice, with two outcomes"]


def _result(
    case: Case, outcome: Outcome, counts: dict[str, Counts], broken: Sequence[str]
) -> CaseResult:
    ledger, account = outcome.ledger, outcome.account
    fill = fill_rate(ledger)
    operating = float(ledger.cost.mean())
    return CaseResult(
        **_identity(case),
        cost=operating + account.money / len(ledger.cost),
        operating_cost=operating,
        fill_rate=1.0 if fill is None else fill,
        calls=account.calls,
        attempts=account.attempts,
        retries=account.retries,
        bytes=account.bytes,
        tokens=account.tokens,
        control_cost=account.money,
        decisions=outcome.decisions,
        fallbacks=outcome.fallbacks,
        labels=dict(sorted(outcome.labels.items())),
        approvals=dict(sorted(outcome.approvals.items())),
        clarifications=dict(sorted(outcome.clarifications.items())),
        kills=outcome.kills,
        locks=outcome.locks,
        fired=sum(count.fired for count in counts.values()),
        seen=sum(count.seen for count in counts.values()),
        fired_by={family: count.fired for family, count in sorted(counts.items())},
        seen_by={family: count.seen for family, count in sorted(counts.items())},
        breaker_opened=outcome.breaker_opened,
        breaker_closed=outcome.breaker_closed,
        violations=tuple(broken),
        ledger_digest=ledger.digest,
    )


def _identity(case: Case) -> dict[str, Any]:
    return {
        "case": case.id,
        "scenario": case.scenario.name,
        "policy": case.policy.name,
        "policy_hash": case.policy.hash,
        "fault": case.fault,
        "severity": case.severity,
        "seed": case.seed,
    }
