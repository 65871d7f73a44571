"""Behaviour compared: what two fleets do on the same situations.

The situations are those that the reference fleet gets into, without exploration, on a few seeds.
Distances are root mean squares of actions within the codec's bounds, where 2 is as far from the
static policy as an action can go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.learn.batch import Array, Weights
from agents.learn.evaluation import evaluation_seeds
from agents.learn.horizon import Horizon, paths
from agents.learn.memory import Memory
from agents.learn.setup import GroupSetup, Setup

SEEDS = 4


@dataclass(frozen=True)
class Probe:
    """Situations of one fleet and what it did in them, per group."""

    setup: Setup
    inputs: tuple[Array, ...]  # (agent, in, row)
    actions: tuple[Array, ...]  # (agent, action, row) within bounds
    count: int  # networks; one period's rows follow another's

    @classmethod
    def of(cls, setup: Setup, weights: Weights, seeds: Sequence[int] = ()) -> Probe:
        """Let a fleet run and note what it saw."""
        horizon = Horizon(setup, setup.world, paths(setup.world, seeds or evaluation_seeds(SEEDS)))
        seen: list[list[Array]] = [[] for _ in setup.groups]
        while not horizon.over:
            inputs = [group.inputs(horizon.vector) for group in setup.groups]
            for rows, of_group in zip(seen, inputs, strict=True):
                rows.append(of_group)
            acted = [
                weights.greedy(g, x, horizon.memory, horizon.possible(g))
                for g, x in enumerate(inputs)
            ]
            horizon.step(horizon.decision(acted))
        joined = tuple(np.concatenate(rows, axis=-1) for rows in seen)
        count = horizon.engine.path.replications
        return cls(setup, joined, tuple(_bounded(setup, weights, joined, count)), count)

    def distance(self, weights: Weights) -> float:
        """Root mean square over agents, actions and situations of how another fleet differs."""
        apart = self.apart(weights)
        squares = [float((x**2).sum()) for x in apart]
        count = sum(
            int(group.used.sum()) * x.shape[-1]
            for group, x in zip(self.setup.groups, apart, strict=True)
        )
        return float(np.sqrt(sum(squares) / max(count, 1)))

    def by_agent(self, weights: Weights) -> dict[str, tuple[float, float]]:
        """By agent: root mean square distance, and share of situations acted in otherwise."""
        found = {}
        for group, apart in zip(self.setup.groups, self.apart(weights), strict=True):
            for i, codec in enumerate(group.codecs):
                own = apart[i, : codec.action_size].astype(np.float64)
                changed = (np.abs(own) > CHANGED * (codec.high - codec.low)).any(axis=0)
                found[codec.spec.name] = float(np.sqrt((own**2).mean())), float(changed.mean())
        return found

    def apart(self, weights: Weights) -> list[NDArray[np.float32]]:
        """Actions of another fleet less the reference's: (agent, action, row) per group."""
        others = _bounded(self.setup, weights, self.inputs, self.count)
        return [mine - own for mine, own in zip(others, self.actions, strict=True)]


CHANGED = 0.05
"""Share of an action's range from which on it counts as another decision."""


def _bounded(setup: Setup, weights: Weights, inputs: Sequence[Array], count: int) -> list[Array]:
    """What a fleet does in the situations of another, in their order where it remembers."""
    memory = Memory(setup.groups, setup.units, count)
    periods = inputs[0].shape[-1] // count if weights.cells else 1
    acted = [
        np.concatenate([weights.greedy(g, part, memory) for part in np.split(x, periods, -1)], -1)
        for g, x in enumerate(inputs)
    ]
    pairs = zip(setup.groups, acted, strict=True)
    return [_clipped(group, actions) for group, actions in pairs]


def _clipped(group: GroupSetup, actions: Array) -> Array:
    """Actions within each agent's bounds; zero where they are padding."""
    low = np.array([codec.low for codec in group.codecs], dtype=np.float32)[:, None, None]
    high = np.array([codec.high for codec in group.codecs], dtype=np.float32)[:, None, None]
    bounded: Array = np.clip(actions, low, high) * group.used[..., None]
    return bounded
