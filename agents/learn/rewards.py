"""Who is rewarded for what: the nodes' profit as reward streams, one for the team or one per agent.

    mode        stream of agent i, per period                          sum over agents
    team        the network's profit (one stream for all)              the team's
    local       profit of its nodes, shared where two agents own one   the team's
    mix         (1 - alpha) team / agents + alpha local                the team's
    difference  team less the team's in a twin where i plays the       its own
                static policy (Wolpert and Tumer 2002)
    scenario    as the scenario's ``agents.reward`` says               as there

Profit of nodes that no agent owns is shared by all. Potential-based shaping adds
F = gamma Phi(s') - Phi(s) to a node's profit; the sum telescopes to -Phi(s_0), which no action
changes, so the order of policies stays what it was (Ng, Harada and Russell 1999).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.learn.config_parts import Reward
from twin.engine.ledger import agent_rewards
from twin.env.agents import AgentSpec, agent_specs
from twin.network.world import World

Floats = NDArray[np.float64]


def reward_streams(world: World, profit: Floats, reward: Reward) -> Floats:
    """Rewards from the nodes' profit (..., node): (..., 1) for the team, or (..., agent).

    For ``difference`` these are the team's; what is subtracted comes from the counterfactual twin.
    """
    mode = meant_mode(world, reward)
    if mode == "scenario":
        return agent_rewards(world, profit)
    team: Floats = profit.sum(axis=-1, keepdims=True)
    if mode == "team":
        return team
    agents = len(agent_specs(world))
    if mode == "difference":
        return np.repeat(team, agents, axis=-1)
    own: Floats = profit @ ownership(world).T
    alpha = 1.0 if mode == "local" else reward.alpha
    mixed: Floats = (1.0 - alpha) * team / agents + alpha * own
    return mixed


def meant_mode(world: World, reward: Reward) -> str:
    """The mode in which rewards are made; ``scenario`` for a scenario's own local rewards."""
    if reward.mode == "scenario":
        return "team" if world.model.agents.reward == "team" else "scenario"
    return reward.mode if agent_specs(world) else "team"


def ownership(world: World) -> Floats:
    """Share of each node's profit that is each agent's own: (agent, node); columns sum to one."""
    specs = agent_specs(world)
    owned = np.zeros((len(specs), len(world.nodes)))
    for i, spec in enumerate(specs):
        owned[i, home(world, spec)] = 1.0
    owned[:, owned.sum(axis=0) == 0] = 1.0
    shares: Floats = owned / owned.sum(axis=0)
    return shares


def home(world: World, spec: AgentSpec) -> int:
    """The node an agent answers for: its own, or its fleet's depot."""
    return spec.index if spec.role == "replenish" else world.fleets[spec.index].depot


def potential(world: World, levels: Floats, position: Any, weight: float) -> Floats:
    """Phi of each node, in money: (B, node), from inventory positions (node, product, B).

    Phi(s) = -weight * sum over products of holding cost * |position - static level|
    """
    away = np.abs(position - levels[:, :, None]) * world.prices.holding[:, :, None]
    phi: Floats = -weight * away.sum(axis=1).T
    return phi


def shaping(phi: Any, next_phi: Any, gamma: float, ended: Any = False) -> Any:
    """F = gamma Phi(s') - Phi(s), with Phi zero where the episode has ``ended``.

    A time limit with a bootstrapped value is no end: there the true next state's Phi stays.
    """
    return gamma * np.where(ended, 0.0, next_phi) - phi
