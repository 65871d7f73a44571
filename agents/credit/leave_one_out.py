"""Leave-one-out: what the fleet costs when one agent plays the static policy instead.

A screen, not a verdict on an agent: beside a broken agent it also blames the neighbours that made
up for it. It runs closed loop on common random numbers: the others react to the replacement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from agents.seeds import run_seeds
from twin.env.policy import Policy, RulePolicy
from twin.env.rules import OrderingRule
from twin.network.world import World

Floats = NDArray[np.float64]


class WithoutAgent:
    """A policy with one agent replaced by the static rule."""

    def __init__(self, policy: Policy, static: RulePolicy, agent: str) -> None:
        self.name = f"{policy.name} without {agent}"
        self._policy = policy
        self._static = static
        self._agent = agent

    def reset(self, seed: int) -> None:
        """Start a new episode for both."""
        self._policy.reset(seed)
        self._static.reset(seed)

    def act(self, observations: Mapping[str, Floats]) -> dict[str, Floats]:
        """The policy's decisions, except for the agent that is left out."""
        own = {name: obs for name, obs in observations.items() if name == self._agent}
        others = {name: obs for name, obs in observations.items() if name != self._agent}
        return {**self._policy.act(others), **self._static.act(own)}


def leave_one_out(
    world: World,
    policy: Policy,
    rule: OrderingRule,
    agents: Sequence[str],
    seeds: Sequence[int],
    jobs: int = 1,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Floats]:
    """By agent: cost per period without it less the fleet's, per seed; positive where it helps."""
    notify = progress or (lambda share: None)
    static = RulePolicy(world, rule)
    contenders: list[Policy] = [policy, *(WithoutAgent(policy, static, name) for name in agents)]
    costs = []
    for number, contender in enumerate(contenders):
        results = run_seeds(world, contender, seeds, jobs)
        costs.append(np.array([r.kpis["cost_per_period"] for r in results], dtype=np.float64))
        notify((number + 1) / len(contenders))
    return {name: without - costs[0] for name, without in zip(agents, costs[1:], strict=True)}
