"""One episode with direct access: a policy runs the network in the event engine, without tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.engine.decision import Decision
from twin.engine.event import EventEngine
from twin.engine.ledger import PeriodLedger
from twin.env.act import merge_wishes
from twin.env.agents import AgentSpec, agent_specs
from twin.env.observe import View, global_vector
from twin.env.policy import Policy
from twin.env.rules import OrderingRule, default_rule, lane_orders
from twin.exogenous.path import SamplePath
from twin.network.world import World

Floats = NDArray[np.float64]


def observations(world: World, view: View, specs: tuple[AgentSpec, ...]) -> dict[str, Floats]:
    """Natural observations of all agents with direct access: every age is zero."""
    return _observed(specs, global_vector(world, view))


def _observed(specs: tuple[AgentSpec, ...], vector: Floats) -> dict[str, Floats]:
    return {spec.name: observation(spec, vector) for spec in specs}


def observation(spec: AgentSpec, vector: Any) -> Floats:
    """One agent's natural observation: its places of the global vector, then the ages."""
    return np.concatenate([vector[spec.places], np.zeros(len(spec.reads))])


def static_decision(world: World, engine: EventEngine, rule: OrderingRule) -> Decision:
    """What the network does where no agent decides: the rule at every node, vehicles as needed.

    Every node orders on its own position, without seeing this period's orders of others, since
    that is what an agent in its place could know.
    """
    quantities = rule.orders(engine.inventory_position(), engine.t)
    return Decision.of_orders(world, lane_orders(world, quantities))


def run_policy(
    world: World, path: SamplePath, policy: Policy, rule: OrderingRule | None = None
) -> PeriodLedger:
    """Run one episode; ``rule`` runs the nodes that have no agent (default: base-stock)."""
    rule = rule or default_rule(world)
    specs = agent_specs(world)
    engine = EventEngine(world, path)
    policy.reset(path.seed)
    vector = None
    while engine.advance():
        vector = global_vector(world, engine, before=vector)
        wishes: Mapping[str, Floats] = policy.act(_observed(specs, vector))
        base = static_decision(world, engine, rule)
        engine.decide(merge_wishes(world, base, specs, dict(wishes)))
    ledger = engine.ledger
    ledger.check()
    return ledger
