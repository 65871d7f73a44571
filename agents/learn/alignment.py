"""Does an agent that helps itself help the team? Paired runs before training, and a sign test.

Each agent's action is moved up and down a little while all others play the static policy, on the
same sample paths. Of the runs in which its own reward rose, those count in which the team's fell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agents.learn.batch import Array
from agents.learn.counterfactual import widened
from agents.learn.rewards import reward_streams
from agents.learn.setup import Setup
from twin.env.agents import agent_specs

if TYPE_CHECKING:
    from agents.learn.horizon import Horizon

Floats = NDArray[np.float64]
STEP = 0.5
"""How far an agent's action is moved, of a range of two."""
UNLIKELY = 0.01
"""A sign test below this probability is believed."""


@dataclass(frozen=True)
class Alignment:
    """One agent's sign test."""

    agent: str
    gained: int
    """Paired runs in which its own reward rose."""
    harmed: int
    """Those of them in which the team's fell."""
    own: float
    """Mean change of its own reward per period in the runs where it rose."""
    team: float
    """Mean change of the team's in the same runs."""

    @property
    def p_value(self) -> float:
        """Chance of so many harmful runs if helping and harming were equally likely."""
        n = self.gained
        return float(sum(math.comb(n, k) for k in range(self.harmed, n + 1)) / 2**n)

    @property
    def misaligned(self) -> bool:
        """True where the sign test says that its own gain is the team's loss."""
        return self.gained > 0 and self.team < 0 and self.p_value < UNLIKELY

    def __str__(self) -> str:
        return (
            f"reward of {self.agent} is misaligned with the team's: a small change that raised its "
            f"own by {self.own:.3g} per period cost the team {-self.team:.3g}; the team lost in "
            f"{self.harmed} of {self.gained} paired runs (sign test p = {self.p_value:.1g})"
        )


def alignments(setup: Setup, seeds: Sequence[int]) -> tuple[Alignment, ...]:
    """One sign test per agent with its own reward stream; none where the team shares one."""
    from agents.learn.horizon import Horizon, paths

    specs = agent_specs(setup.world)
    if setup.streams < 2:
        return ()
    width, blocks = len(seeds), 2 * len(specs) + 1
    path = widened(paths(setup.world, seeds), blocks)
    horizon = Horizon(setup, setup.world, path)
    moved = _moved_actions(setup, width)
    profits = []
    while not horizon.over:
        profits.append(horizon.step(_nudged(horizon, moved)))
    profit = np.mean(profits, axis=0).reshape(blocks, width, -1)  # (block, seed, node)
    own = reward_streams(setup.world, profit, setup.reward)
    gain, team = own[1:] - own[0], profit[1:].sum(-1) - profit[0].sum(-1)
    return tuple(
        _test(spec.name, gain[2 * i : 2 * i + 2, :, i], team[2 * i : 2 * i + 2])
        for i, spec in enumerate(specs)
    )


def _test(agent: str, gain: Floats, team: Floats) -> Alignment:
    rose = gain > 1e-9 * (1.0 + np.abs(gain).max())
    count = int(rose.sum())
    harmed = int((rose & (team < 0)).sum())
    mean = (float(gain[rose].mean()), float(team[rose].mean())) if count else (0.0, 0.0)
    return Alignment(agent, count, harmed, *mean)


def _moved_actions(setup: Setup, width: int) -> list[Array]:
    """Zero but for one agent in each block, one up and one down: (agent, action, B) per group."""
    order = [spec.name for spec in agent_specs(setup.world)]
    found = []
    for group in setup.groups:
        actions = np.zeros((*group.used.shape, (2 * len(order) + 1) * width), dtype=np.float32)
        for i, name in enumerate(group.group.agents):
            first = (1 + 2 * order.index(name)) * width
            actions[i, :, first : first + width] = STEP
            actions[i, :, first + width : first + 2 * width] = -STEP
        found.append(actions + group.start[None, :, None])
    return found


def _nudged(horizon: Horizon, moved: list[Array]) -> tuple[Floats, Floats, Floats]:
    decision: tuple[Floats, Floats, Floats] = horizon.decision(moved)
    return decision
