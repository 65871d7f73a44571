"""Exploration in plain numpy, with noise that is drawn before a segment and belongs to its update.

Gaussian actors add noise to their mean. Choosers take the choice worth most, or with probability
epsilon one at random, action by action.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.checkpoint.groups import best_choice, choice_values, chosen
from agents.learn.batch import Array, GroupBatch, Weights
from agents.learn.config import TrainConfig
from agents.learn.memory import Memory
from agents.learn.setup import Setup
from twin.exogenous.streams import stream

Floats = NDArray[np.float64]
HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class Acted:
    """What the agents of one group saw and did in one period."""

    inputs: Array  # (agent, in, B)
    actions: Array  # (agent, action, B) as the codec takes them
    recorded: Array  # (agent, action, B) the same, or the index of the choice
    log_probability: Array  # (agent, B)


class Explorer(Protocol):
    """Acts for the groups of a setup through one segment."""

    def act(self, g: int, vector: Floats, k: int, memory: Memory) -> Acted:
        """What group ``g`` does in step ``k``, from the padded global vector (size + 1, B).

        B may be several times the replications: noise is then repeated, block by block. The
        ``memory`` of the networks takes in what the agents see.
        """


def explorer_of(setup: Setup, config: TrainConfig, weights: Weights, update: int) -> Explorer:
    """The exploration that the weights call for."""
    if weights.grids:
        return EpsilonGreedy(setup, config, weights, update)
    return Gaussian(setup, config, weights, update)


class Gaussian:
    """Normal noise around the mean action."""

    def __init__(self, setup: Setup, config: TrainConfig, weights: Weights, update: int) -> None:
        self.setup, self.weights = setup, weights
        rng = stream(config.seed, f"exploration/{update}")
        self.noise: list[Array] = [  # (period, agent, action, B) per group
            rng.standard_normal(
                (config.segment, *group.used.shape, config.replications), dtype=np.float32
            )
            for group in setup.groups
        ]

    def act(self, g: int, vector: Floats, k: int, memory: Memory) -> Acted:
        """Mean plus noise, and the log density of the sum."""
        group, log_std = self.setup.groups[g], self.weights.log_std[g]
        noise = _repeated(self.noise[g][k], vector)
        inputs = group.inputs(vector)
        std: Array = np.exp(log_std)
        actions = self.weights.outputs(g, inputs, memory) + std[..., None] * noise
        density = (0.5 * noise**2 + log_std[..., None] + HALF_LOG_2PI) * group.used[..., None]
        return Acted(inputs, actions, actions, -density.sum(axis=1))


class EpsilonGreedy:
    """The choice worth most, or one of the allowed at random."""

    def __init__(self, setup: Setup, config: TrainConfig, weights: Weights, update: int) -> None:
        self.setup, self.weights = setup, weights
        rng = stream(config.seed, f"exploration/{update}")
        self.explores: list[NDArray[Any]] = []  # (period, agent, action, B) per group
        self.random: list[NDArray[np.intp]] = []
        for group, grid in zip(setup.groups, weights.grids, strict=True):
            shape = (config.segment, *group.used.shape, config.replications)
            self.explores.append(rng.random(shape, dtype=np.float32) < weights.epsilon)
            self.random.append(_random_choice(grid, rng.random(shape, dtype=np.float32)))

    def act(self, g: int, vector: Floats, k: int, memory: Memory) -> Acted:
        """The actions, and the index of the choice as what is recorded."""
        inputs = self.setup.groups[g].inputs(vector)
        grid = self.weights.grids[g]
        best = best_choice(choice_values(grid, self.weights.outputs(g, inputs, memory)))
        explores, random = self.explores[g][k], self.random[g][k]
        index = np.where(_repeated(explores, vector), _repeated(random, vector), best)
        nothing = np.zeros((len(grid), inputs.shape[-1]), dtype=np.float32)
        return Acted(inputs, chosen(grid, index), index.astype(np.float32), nothing)


def _repeated(noise: NDArray[Any], vector: Floats) -> NDArray[Any]:
    """Noise (..., B) for as many blocks of replications as the vector has."""
    blocks = vector.shape[-1] // noise.shape[-1]
    return noise if blocks == 1 else np.tile(noise, blocks)


def _random_choice(grid: Array, uniform: Array) -> NDArray[np.intp]:
    """An allowed choice for each uniform number: (period, agent, action, B)."""
    allowed = np.isfinite(grid)
    count = np.maximum(allowed.sum(axis=2), 1)[..., None]
    nth = np.minimum((uniform * count).astype(np.intp), count - 1)
    order = np.argsort(~allowed, axis=2, kind="stable")  # allowed choices first
    return np.take_along_axis(np.broadcast_to(order, (len(uniform), *order.shape)), nth, axis=3)


def group_batches(
    steps: Sequence[Sequence[Acted]],
    cut_inputs: Sequence[Sequence[Array]],
    remembered: Sequence[Array] = (),
) -> tuple[GroupBatch, ...]:
    """What each group saw and did in a segment, from what it did in each period.

    ``remembered`` is what recurrent actors remembered at its start, group by group.
    """
    groups = tuple(
        GroupBatch(
            inputs=_stacked([acted.inputs for acted in of_group]),
            actions=_stacked([acted.recorded for acted in of_group]),
            log_probability=np.ascontiguousarray(
                np.stack([acted.log_probability for acted in of_group]).transpose(0, 2, 1)
            ),
            cut_inputs=_stacked(list(cuts)),
        )
        for of_group, cuts in zip(
            zip(*steps, strict=True), zip(*cut_inputs, strict=True), strict=True
        )
    )
    if not remembered:
        return groups
    return tuple(replace(g, memory=m) for g, m in zip(groups, remembered, strict=True))


def _stacked(parts: list[Array]) -> Array:
    """Parts (agent, x, B), one per step, as (step, B, agent, x)."""
    return np.ascontiguousarray(np.stack(parts).transpose(0, 3, 1, 2))
