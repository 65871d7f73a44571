"""Worlds, rules and policies of cases, built once per process from their references."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from stress.case import PolicyRef, ScenarioRef
from twin.env.agents import agent_specs
from twin.env.policy import Policy, RulePolicy
from twin.env.rules import OrderingRule
from twin.errors import BundleError, UsageError
from twin.network.world import World, compile_world
from twin.scenario.findings import did_you_mean
from twin.scenario.model import ScenarioModel

EPISODES = 1_000_000
"""More than any process plays: whoever died in one episode is there again in the next."""

KEPT_POLICIES = 16
_POLICIES: OrderedDict[tuple[str, PolicyRef], Policy] = OrderedDict()


def world_of(scenario: ScenarioRef) -> World:
    """The compiled world of a scenario, compiled once per process."""
    return _world(scenario.document)


def policy_of(scenario: ScenarioRef, ref: PolicyRef) -> Policy:
    """The policy for a scenario, built once per process; ``reset`` starts it afresh.

    The one that was not asked for the longest is forgotten first, and the process behind it ended.
    Raises UsageError for an unknown kind, and what reading a rule or a checkpoint raises.
    """
    key = scenario.document, ref
    policy = _POLICIES[key] if key in _POLICIES else _policy(*key)
    _POLICIES[key] = policy
    _POLICIES.move_to_end(key)
    if len(_POLICIES) > KEPT_POLICIES:
        _, forgotten = _POLICIES.popitem(last=False)
        getattr(forgotten, "close", lambda: None)()
    return policy


def rule_of(scenario: ScenarioRef, text: str) -> OrderingRule:
    """The ordering rule of a text that ``rule_text`` wrote."""
    return _rule(scenario.document, text)


@lru_cache(maxsize=8)
def _world(document: str) -> World:
    return compile_world(ScenarioModel.model_validate_json(document))


@lru_cache(maxsize=64)
def _rule(document: str, text: str) -> OrderingRule:
    from agents.baselines import rule_from_json

    return rule_from_json(_world(document), json.loads(text))


def _policy(document: str, ref: PolicyRef) -> Policy:
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


def _outside_policy(document: str, ref: PolicyRef) -> Policy:
    """An agent of a third party: a process for each episode, unless it is trusted to start anew."""
    from agents.outside.limits import Limits
    from agents.outside.manifest import read_manifest
    from agents.outside.policy import OutsidePolicy

    folder = Path(ref.source)
    patient = Limits(restarts=EPISODES)
    fresh = not read_manifest(folder).starts_anew
    agent = OutsidePolicy(folder, _world(document), patient, fresh=fresh)
    if agent.digest != ref.hash:
        agent.close()
        raise UsageError("the agent has changed", ref.source, agent.digest[:12], ref.hash[:12])
    return agent


POLICY_KINDS: dict[str, Callable[[str, PolicyRef], Policy]] = {
    "rule": _rule_policy,
    "bundle": _bundle_policy,
    "outside": _outside_policy,
}
"""How a policy is built, by the kind of its reference."""
