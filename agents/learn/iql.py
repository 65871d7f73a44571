"""IQL: every agent learns its own values, the others being part of its world (Tan 1993).

"Multi-Agent Reinforcement Learning: Independent vs. Cooperative Agents". The world of each moves as
the others learn; the replay remembers how they used to act.
"""

from __future__ import annotations

from typing import Any

from agents.learn.batch import Array
from agents.learn.value_learner import ValueLearner


class Iql(ValueLearner):
    """One column per agent, against its own reward stream, or the team's."""

    def columns(self, values: Any) -> Any:
        """Values (..., agent) as they are."""
        return values

    def column_rewards(self, rewards: Array) -> Array:
        """Each agent's own reward stream: (..., agent)."""
        return rewards[..., self.streams]
