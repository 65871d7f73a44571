"""One episode of (scenario, policy, fault, severity, seed): the unit of every campaign.

A case carries everything that determines it, so that any process can run it and its content hash
names it. The exogenous draws depend on scenario and seed alone: all policies and all faults meet
the same demand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stress.catalogue import NEVER, ChannelFault, Window, WorldFault, build_fault
from stress.invariants import violations
from stress.results import NOMINAL, CaseResult
from twin.env.agents import agent_specs
from twin.env.policy import Policy, RulePolicy
from twin.env.rules import OrderingRule
from twin.errors import BundleError, InvariantError, UsageError
from twin.exogenous.path import SamplePath, draw_path
from twin.kpi.service import fill_rate
from twin.network.world import World, compile_world
from twin.scenario.findings import did_you_mean
from twin.scenario.model import ScenarioModel

if TYPE_CHECKING:
    from agents.gateway.episode import Outcome
    from twin.scenario.loader import Scenario

Flags = NDArray[np.bool_]  # (period,)
CASE_FORMAT = 1
"""Raise it when the same case would give other numbers than before."""
TEXT_LIMIT = 500


@dataclass(frozen=True)
class ScenarioRef:
    """A resolved scenario that can travel to another process."""

    name: str
    digest: str
    document: str = field(repr=False)
    """The resolved model as JSON."""

    @classmethod
    def of(cls, scenario: Scenario) -> ScenarioRef:
        """From a loaded scenario."""
        return cls(scenario.name, scenario.digest, scenario.model.model_dump_json())


@dataclass(frozen=True)
class PolicyRef:
    """Where a policy comes from; ``hash`` is that of its content, not of its place.

    kind      source
    rule      JSON of an ordering rule
    bundle    folder of a checkpoint
    """

    name: str
    kind: str
    source: str = field(repr=False)
    hash: str
    sabotage: str = ""
    """How a checkpoint is spoilt on purpose (``agents.checkpoint.sabotage``); empty for not."""

    @classmethod
    def of_rule(cls, name: str, world: World, rule: OrderingRule) -> PolicyRef:
        """A static rule; its source also serves as the fallback of a case."""
        text = rule_text(world, rule)
        return cls(name, "rule", text, hashlib.sha256(text.encode()).hexdigest())

    @classmethod
    def of_bundle(cls, name: str, folder: Path, sabotage: str = "") -> PolicyRef:
        """A checkpoint, as it is or spoilt on purpose."""
        from agents.checkpoint.bundle import read_bundle_hash

        return cls(name, "bundle", str(folder), read_bundle_hash(folder), sabotage)


@dataclass(frozen=True)
class Case:
    """Everything that determines one episode."""

    scenario: ScenarioRef
    policy: PolicyRef
    fallback: str = field(repr=False)
    """JSON of the ordering rule that takes over where an agent cannot act."""
    seed: int
    fault: str = NOMINAL
    severity: int = 0
    window: Window = NEVER
    parameters: tuple[tuple[str, float | str], ...] = ()
    """The fault's parameters, sorted by name."""

    @cached_property
    def id(self) -> str:
        """Content hash: the same case has the same id in every campaign."""
        policy = self.policy
        content = [
            CASE_FORMAT,
            self.scenario.digest,
            [policy.name, policy.kind, policy.hash, policy.sabotage, self.fallback],
            [self.fault, self.severity, self.parameters, self.window.start_d, self.window.end_d],
            self.seed,
        ]
        text = json.dumps(content, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def label(self) -> str:
        """What a person calls it: ``fleet channel.latency/3#1000000``."""
        return f"{self.policy.name} {self.fault}/{self.severity}#{self.seed}"


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
    policy = policy_of(case.scenario, case.policy)
    fault = None if case.fault == NOMINAL else build_fault(case.fault, dict(case.parameters))
    nominal = path = draw_path(world, case.seed)
    if isinstance(fault, WorldFault):
        path = fault.transform(world, path, case.severity, case.seed, case.window)
    layers = (fault.layer(case.severity, case.window),) if isinstance(fault, ChannelFault) else ()
    outcome = run_through_tools(
        world, path, policy, _rule(case.scenario.document, case.fallback), case.seed, layers
    )
    fired = sum(layer.fired for layer in layers) or struck_periods(nominal, path)
    seen = _noticed(outcome) if layers else felt_periods(nominal, path, outcome)
    return _result(case, outcome, path, fired, seen)


def _result(case: Case, outcome: Outcome, path: SamplePath, fired: int, seen: int) -> CaseResult:
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
        fired=fired,
        seen=seen,
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


def _noticed(outcome: Outcome) -> int:
    """Failed attempts and late answers: how often the tool boundary noticed something."""
    return sum(outcome.labels.values()) + outcome.late


def struck_periods(before: SamplePath, after: SamplePath) -> int:
    """Periods in which a world fault changed the path."""
    return int(
        (_demand_changed(before, after) | (before.lane_open != after.lane_open).any(1)).sum()
    )


def felt_periods(before: SamplePath, after: SamplePath, outcome: Outcome) -> int:
    """Periods in which an agent could observe a world fault.

    Demand is read by the agent of its node; a closed lane is noticed when somebody ordered on it
    and the order was not filled.
    """
    closed = after.lane_open < before.lane_open
    unfilled = outcome.ledger.quantities.unfilled.sum(axis=2) > 0
    return int((_demand_changed(before, after) | (closed & unfilled).any(axis=1)).sum())


def _demand_changed(before: SamplePath, after: SamplePath) -> Flags:
    changed: Flags = (before.demand != after.demand).any(axis=(1, 2))
    return changed


def world_of(scenario: ScenarioRef) -> World:
    """The compiled world of a scenario, compiled once per process."""
    return _world(scenario.document)


@lru_cache(maxsize=8)
def _world(document: str) -> World:
    return compile_world(ScenarioModel.model_validate_json(document))


def policy_of(scenario: ScenarioRef, ref: PolicyRef) -> Policy:
    """The policy for a scenario, built once per process.

    Raises UsageError for an unknown kind, and what reading a rule or a checkpoint raises.
    """
    return _policy(scenario.document, ref)


def rule_text(world: World, rule: OrderingRule) -> str:
    """An ordering rule as JSON text, always the same for the same rule."""
    from agents.baselines import rule_to_json

    return json.dumps(rule_to_json(world, rule), sort_keys=True)


@lru_cache(maxsize=64)
def _rule(document: str, text: str) -> OrderingRule:
    from agents.baselines import rule_from_json

    return rule_from_json(_world(document), json.loads(text))


@lru_cache(maxsize=16)
def _policy(document: str, ref: PolicyRef) -> Policy:
    """The policy, built once per process; ``reset`` starts it afresh for each episode."""
    if ref.kind not in POLICY_KINDS:
        hint = did_you_mean(ref.kind, POLICY_KINDS)
        raise UsageError("unknown kind of policy", ref.name, repr(ref.kind), "", hint)
    return POLICY_KINDS[ref.kind](document, ref)


def _rule_policy(document: str, ref: PolicyRef) -> Policy:
    return RulePolicy(_world(document), _rule(document, ref.source), ref.name)


def _bundle_policy(document: str, ref: PolicyRef) -> Policy:
    from agents.checkpoint.bundle import load_policy
    from agents.checkpoint.sabotage import sabotaged

    world = _world(document)
    fleet = load_policy(Path(ref.source), world, ref.name)
    if fleet.digest != ref.hash:
        found, named = fleet.digest[:12], ref.hash[:12]
        raise BundleError("the checkpoint has changed", ref.source, found, named)
    if not ref.sabotage:
        return fleet
    return sabotaged(fleet, ref.sabotage, tuple(spec.name for spec in agent_specs(world)))


POLICY_KINDS: dict[str, Callable[[str, PolicyRef], Policy]] = {
    "rule": _rule_policy,
    "bundle": _bundle_policy,
}
