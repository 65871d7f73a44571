"""One episode of (scenario, policy, faults, seed): the unit of every campaign.

The exogenous draws depend on scenario and seed alone: all policies and all faults meet the same
demand. World faults change the sample path, channel faults are layers on the tools' channel, actor
faults stand around the policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stress.case import Case, Strike
from stress.catalogue import ActorFault, ChannelFault, WorldFault, build_fault
from stress.catalogue.actors import FaultyPolicy
from stress.catalogue.layers import FaultLayer
from stress.contestants import policy_of, rule_of, world_of
from stress.felt import felt_periods, struck_periods
from stress.invariants import violations
from stress.results import CaseResult
from twin.env.policy import Policy
from twin.errors import InvariantError
from twin.exogenous.path import SamplePath, draw_path
from twin.kpi.service import fill_rate
from twin.network.world import World

if TYPE_CHECKING:
    from agents.gateway.episode import Outcome

TEXT_LIMIT = 500


@dataclass(frozen=True)
class Counts:
    """How often a fault struck, and how often that was noticed."""

    fired: int
    seen: int


class Disturbed:
    """The path, the policy and the channel of one episode, with its faults in place."""

    def __init__(self, world: World, policy: Policy, seed: int, strikes: Sequence[Strike]) -> None:
        self.path: SamplePath = draw_path(world, seed)
        self.policy = policy
        self.layers: list[FaultLayer] = []
        self._silent: set[str] = set()
        self._actors: list[FaultyPolicy] = []
        self._changes: dict[str, tuple[SamplePath, SamplePath]] = {}
        for strike in strikes:
            self._apply(strike, world, seed)

    def counts(self, outcome: Outcome) -> dict[str, Counts]:
        """What became of each fault, by family.

        What the boundary notices is a failed attempt or a late answer. It cannot say which of
        several faults was at work, so that each of them is held to have been noticed.
        """
        noticed = sum(outcome.labels.values()) + outcome.late
        found = {}
        for layer in self.layers:
            loud = 0 if layer.name in self._silent else noticed
            found[layer.name] = Counts(layer.fired, layer.seen + loud)
        for actor in self._actors:
            found[actor.family] = Counts(actor.fired, actor.seen)
        for family, (before, after) in self._changes.items():
            felt = felt_periods(before, after, outcome.ledger)
            found[family] = Counts(struck_periods(before, after), felt)
        return found

    def _apply(self, strike: Strike, world: World, seed: int) -> None:
        fault = build_fault(strike.family, dict(strike.parameters))
        if fault.silent:
            self._silent.add(strike.family)
        if isinstance(fault, WorldFault):
            before = self.path
            self.path = fault.transform(world, before, strike.severity, seed, strike.window)
            self._changes[strike.family] = (before, self.path)
        elif isinstance(fault, ChannelFault):
            self.layers.append(fault.layer(strike.severity, strike.window))
        elif isinstance(fault, ActorFault):
            actor = fault.wrap(self.policy, world, strike.severity, strike.window)
            self._actors.append(actor)
            self.policy = actor


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
