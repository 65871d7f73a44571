"""VDN: the team's value is the sum of the agents' values (Sunehag et al. 2018).

"Value-Decomposition Networks For Cooperative Multi-Agent Learning Based On Team Reward". One error
is shared: each agent learns the part of the team's return that its own observation explains.
"""

from __future__ import annotations

from typing import Any

from agents.learn.batch import Array
from agents.learn.value_learner import ValueLearner


class Vdn(ValueLearner):
    """One column: the sum over all agents, against the sum of all rewards."""

    def columns(self, values: Any) -> Any:
        """Values (..., agent) summed: (..., 1)."""
        return values.sum(-1, keepdims=True)

    def column_rewards(self, rewards: Array) -> Array:
        """The team's reward: (..., 1)."""
        team: Array = rewards.sum(axis=-1, keepdims=True)
        return team
