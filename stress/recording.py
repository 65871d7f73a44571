"""What a failing channel costs the agents, recorded once and met again in training.

Which answers fail, how old the one is that serves instead, and whose decision does not arrive in
time depends on messages, not on what is decided. So one episode of the static policy behind the
real gateway says it for any fleet: retries, budgets, breakers and ``tools.max_age`` included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.gateway.episode import ToolEpisode
from agents.learn.sight import Numbers
from stress.catalogue import ChannelFault, Window
from twin.env.policy import RulePolicy
from twin.env.rules import OrderingRule
from twin.exogenous.path import draw_path
from twin.network.world import World

Struck = tuple[ChannelFault, int, Window]
"""A fault of the channel, its severity, and when it may strike."""


@dataclass(frozen=True)
class Recording:
    """What became of every read and every decision of an episode."""

    ages: NDArray[np.int32]  # (period, read) of the answer that was used; 0 where there was none
    acted: NDArray[np.bool_]  # (period, agent) its own decision took effect

    def disturbs(self, t: int) -> bool:
        """Whether anything in an epoch differs from a clean channel."""
        return bool(self.ages[t].any() or not self.acted[t].all())


def record(
    world: World, rule: OrderingRule, numbers: Numbers, strikes: Sequence[Struck], seed: int
) -> Recording:
    """Play the static policy behind the gateway with the faults in its channel."""
    layers = [fault.layer(severity, window) for fault, severity, window in strikes]
    path = draw_path(world, seed)
    episode = ToolEpisode(world, path, RulePolicy(world, rule), rule, seed, layers)
    ages = np.zeros((world.periods, len(numbers.sensors)), dtype=np.int32)
    acted = np.zeros((world.periods, len(numbers.specs)), dtype=np.bool_)
    while episode.step():
        t = episode.engine.t
        for row, spec in enumerate(numbers.specs):
            turn = episode.gateway.sessions[spec.name].turn
            if turn is not None and turn.observation is not None:
                ages[t, numbers.reader == row] = turn.observation[spec.slices["ages"]]
        for placed in episode.gateway.server.inbox.taken:
            acted[t, numbers.row[placed.agent]] = placed.period == t
    return Recording(ages, acted)
