"""One episode of (scenario, policy, faults, seed): the unit of every campaign.

The exogenous draws depend on scenario and seed alone: all policies and all faults meet the same
demand. World faults change the sample path, channel faults are layers on the tools' channel, actor
faults stand around the policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stress.case import Case
from stress.contestants import policy_of, rule_of, world_of
from stress.disturbed import Counts, Disturbed
from stress.invariants import violations
from stress.results import CaseResult
from twin.errors import InvariantError
from twin.exogenous.path import SamplePath
from twin.kpi.service import fill_rate

if TYPE_CHECKING:
    from agents.gateway.episode import Outcome

TEXT_LIMIT = 500


def run_case(case: Case) -> CaseResult:
    """Run one case; whatever goes wrong inside it becomes part of the result."""
    try:
        return _episode(case)
    except InvariantError as error:
        return crashed(case, f"{type(error).__name__}: {error}", (str(error)[:TEXT_LIMIT],))
    except Exception as error:  # a crashed case is a finding, not the end of the campaign
        return crashed(case, f"{type(error).__name__}: {error}")


def crashed(case: Case, text: str, broken: tuple[str, ...] = ()) -> CaseResult:
    """The result of a case that did not come to its end, with the laws that it broke."""
    error = text[:TEXT_LIMIT] or "unknown error"
    return CaseResult(**_identity(case), error=error, violations=broken)


def _episode(case: Case) -> CaseResult:
    from agents.gateway.episode import run_through_tools

    world = world_of(case.scenario)
    disturbed = Disturbed(world, policy_of(case.scenario, case.policy), case.seed, case.strikes)
    outcome = run_through_tools(
        world,
        disturbed.path,
        disturbed.policy,
        rule_of(case.scenario, case.fallback),
        case.seed,
        disturbed.layers,
        incidents=disturbed.incidents,
    )
    return _result(case, outcome, disturbed.path, disturbed.counts(outcome))


def _result(
    case: Case, outcome: Outcome, path: SamplePath, counts: dict[str, Counts]
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
        fired=sum(count.fired for count in counts.values()),
        seen=sum(count.seen for count in counts.values()),
        fired_by={family: count.fired for family, count in sorted(counts.items())},
        seen_by={family: count.seen for family, count in sorted(counts.items())},
        breaker_opened=outcome.breaker_opened,
        breaker_closed=outcome.breaker_closed,
        violations=(*outcome.violations, *violations(ledger, path)),
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
