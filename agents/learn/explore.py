"""Exploration in plain numpy, with noise that is drawn before a segment and belongs to its update.

Gaussian actors add noise to their mean. Choosers take the choice worth most, or with probability
epsilon one at random, action by action.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.checkpoint.groups import Layers, best_choice, choice_values, chosen, forward
from agents.learn.batch import Array, Flags, GroupBatch, Weights
from agents.learn.config import TrainConfig
from agents.learn.setup import Setup
from twin.exogenous.streams import stream

if TYPE_CHECKING:
    from agents.learn.horizon import Horizon
    from agents.learn.memory import Memory

Floats = NDArray[np.float64]
HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class Acted:
    """What the agents of one group saw and did in one period."""

    inputs: Array  # (agent, in, B)
    actions: Array  # (agent, action, B) as the codec takes them
    recorded: Array  # (agent, action, B) the same, or the index of the choice
    log_probability: Array  # (agent, B)
    possible: Flags | None = None  # (agent, action, choice, B) what could be chosen, if states say

    def first(self, count: int) -> Acted:
        """The same of the first ``count`` networks."""
        if self.inputs.shape[-1] == count:
            return self
        possible = None if self.possible is None else self.possible[..., :count]
        return Acted(
            self.inputs[..., :count],
            self.actions[..., :count],
            self.recorded[..., :count],
            self.log_probability[..., :count],
            possible,
        )


class Explorer(Protocol):
    """Acts for the groups of a setup through one segment."""

    def act(self, g: int, vector: Floats, k: int, horizon: Horizon) -> Acted:
        """What group ``g`` does in step ``k``, from the padded global vector (size + 1, B).

        B may be several times the replications: noise is then repeated, block by block. The memory
        of the ``horizon`` takes in what the agents see, and its state says what can be chosen.
        """


def explorer_of(setup: Setup, config: TrainConfig, weights: Weights, update: int) -> Explorer:
    """The exploration that the weights call for."""
    if weights.grids:
        return EpsilonGreedy(setup, config, weights, update)
    return Gaussian(setup, config, weights, update)


def forward_of(weights: Weights, config: TrainConfig) -> Callable[[int, Array, Memory], Array]:
    """Outputs of a group for all replications; alone where several processes have some each.

    A matrix product of another width may round differently, and then the result would depend on
    who plays how many.
    """
    if config.engine == "event":
        return lambda g, inputs, memory: forward_apart(weights.layers[g], inputs)
    return weights.outputs


def forward_apart(layers: Layers, inputs: Array) -> Array:
    """As ``forward``, replication by replication: (agent, in, B) to (agent, out, B)."""
    apart = np.ascontiguousarray(np.moveaxis(inputs, -1, 0))[..., None]
    found: Array = np.moveaxis(forward(layers, apart)[..., 0], 0, -1)
    return found


class Gaussian:
    """Normal noise around the mean action."""

    def __init__(self, setup: Setup, config: TrainConfig, weights: Weights, update: int) -> None:
        self.setup, self.weights = setup, weights
        self.forward = forward_of(weights, config)
        rng = stream(config.seed, f"exploration/{update}")
        self.noise: list[Array] = []  # (period, agent, action, B) per group, or for several blocks
        self.log_probability: list[Array] = []  # (period, agent, B) of what it leads to
        for group, log_std in zip(setup.groups, weights.log_std, strict=True):
            shape = (config.segment, *group.used.shape, config.replications)
            noise = rng.standard_normal(shape, dtype=np.float32)[..., setup.share.columns]
            density = 0.5 * noise**2 + log_std[..., None] + HALF_LOG_2PI
            self.noise.append(np.exp(log_std)[..., None] * noise)
            self.log_probability.append(-(density * group.used[..., None]).sum(axis=2))

    def act(self, g: int, vector: Floats, k: int, horizon: Horizon) -> Acted:
        """Mean plus noise, and the log density of the sum."""
        inputs = self.setup.groups[g].inputs(vector)
        mean = self.forward(g, inputs, horizon.memory)
        if self.noise[g].shape[-1] != vector.shape[-1]:
            self.noise[g] = _repeated(self.noise[g], vector)
        actions = mean + self.noise[g][k]
        return Acted(inputs, actions, actions, self.log_probability[g][k])


class EpsilonGreedy:
    """The choice worth most, or one of the allowed at random."""

    def __init__(self, setup: Setup, config: TrainConfig, weights: Weights, update: int) -> None:
        self.setup, self.weights = setup, weights
        self.forward = forward_of(weights, config)
        rng = stream(config.seed, f"exploration/{update}")
        self.explores: list[NDArray[Any]] = []  # (period, agent, action, B) per group
        self.random: list[NDArray[np.intp]] = []
        self.uniform: list[Array] = []
        for group, grid in zip(setup.groups, weights.grids, strict=True):
            shape = (config.segment, *group.used.shape, config.replications)
            explores, uniform = (rng.random(shape, dtype=np.float32) for _ in range(2))
            own = setup.share.columns
            self.explores.append(explores[..., own] < weights.epsilon)
            self.uniform.append(uniform[..., own])
            self.random.append(_random_choice(grid, self.uniform[-1]))

    def act(self, g: int, vector: Floats, k: int, horizon: Horizon) -> Acted:
        """The actions, and the index of the choice as what is recorded."""
        inputs = self.setup.groups[g].inputs(vector)
        grid = self.weights.grids[g]
        possible = horizon.possible(g)
        out = self.forward(g, inputs, horizon.memory)
        best = best_choice(choice_values(grid, out, possible))
        explores = _repeated(self.explores[g][k], vector)
        random = _repeated(self.random[g][k], vector)
        if possible is not None:
            random = nth_possible(possible, _repeated(self.uniform[g][k], vector))
        index = np.where(explores, random, best)
        nothing = np.zeros((len(grid), inputs.shape[-1]), dtype=np.float32)
        return Acted(inputs, chosen(grid, index), index.astype(np.float32), nothing, possible)


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


def nth_possible(possible: Flags, uniform: Array) -> NDArray[np.intp]:
    """A choice of (agent, action, choice, B) that are possible, for each (agent, action, B)."""
    count = np.maximum(possible.sum(axis=2), 1)
    nth = np.minimum((uniform * count).astype(np.intp), count - 1)
    order = np.argsort(~possible, axis=2, kind="stable")  # possible choices first
    return np.take_along_axis(order, nth[:, :, None], axis=2)[:, :, 0]


def group_batches(
    steps: Sequence[Sequence[Acted]],
    cut_inputs: Sequence[Sequence[Array]],
    remembered: Sequence[Array] = (),
    cut_possible: Sequence[Sequence[Flags | None]] = (),
) -> tuple[GroupBatch, ...]:
    """What each group saw and did in a segment, from what it did in each period.

    ``remembered`` is what recurrent actors remembered at its start, group by group;
    ``cut_possible`` what could have been chosen after each cut.
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
    if remembered:
        groups = tuple(replace(g, memory=m) for g, m in zip(groups, remembered, strict=True))
    return tuple(
        replace(
            group,
            possible=_flags([acted[g].possible for acted in steps]),
            cut_possible=_flags([cut[g] for cut in cut_possible]),
        )
        for g, group in enumerate(groups)
    )


def _flags(rows: Sequence[Flags | None]) -> Flags | None:
    """Rows (agent, action, choice, B) as (row, B, agent, action, choice); None where states do not
    matter."""
    known = [row for row in rows if row is not None]
    return np.ascontiguousarray(np.stack(known).transpose(0, 4, 1, 2, 3)) if known else None


def _stacked(parts: list[Array]) -> Array:
    """Parts (agent, x, B), one per step, as (step, B, agent, x)."""
    return np.ascontiguousarray(np.stack(parts).transpose(0, 3, 1, 2))
