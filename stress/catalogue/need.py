"""What bandwidth a fleet needs, so that a fault can take a part of it away."""

from __future__ import annotations

from twin.env.agents import AgentSpec, agent_specs
from twin.network.world import World

NUMBER_BYTES = 6
"""Typical length of one number in JSON, its comma included."""
ANSWER_BYTES = 150
"""Typical length of an answer without its numbers."""
SECONDS_PER_DAY = 86_400.0


def needed_bytes_s(world: World) -> float:
    """Bandwidth at which one answer per agent takes exactly one timeout, bytes per second.

    Agents call one tool at a time, so this is what the fleet needs: a fraction of 0.25 lets about a
    quarter of them through in time. Links are far faster than that, so that a plain fraction of the
    link's rate would not be felt.
    """
    answers = sum(_largest_answer(spec) for spec in agent_specs(world))
    return answers / (world.model.tools.timeout * SECONDS_PER_DAY)


def _largest_answer(spec: AgentSpec) -> int:
    """Bytes of the largest answer an agent waits for."""
    return ANSWER_BYTES + NUMBER_BYTES * max(read.size for read in spec.reads)
