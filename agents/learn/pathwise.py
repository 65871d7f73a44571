"""Pathwise: the actors go down the gradient of what the network costs, taken through the twin.

The batch engine is a function from weights and a sample path to a cost, so its derivative says at
once how every decision changed every later cost; no critic has to guess it (Alvo et al. 2023,
"Neural Inventory Control in Networks via Hindsight Differentiable Policy Optimization"). The
actors, what they see and the bundle are MAPPO's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.learn.adam import Adam
from agents.learn.batch import Array, Batch, Weights
from agents.learn.config import TrainConfig
from agents.learn.differentiable import GroupTensors, Run, columns, detached, layers_of
from agents.learn.evaluation import evaluate_static, evaluation_seeds
from agents.learn.horizon import Horizon
from agents.learn.learner import UpdateStats
from agents.learn.networks import Actor, make_actors, weights_of
from agents.learn.parent import Parent, copy_layers
from agents.learn.rollout import Sampler, Segment
from agents.learn.setup import Setup
from agents.learn.sight import own_eyes
from agents.learn.straight_through import StraightThrough
from agents.learn.tensors import (
    Arrays,
    descend,
    restore_tensors,
    tensor_arrays,
)

SCALE_SEEDS = 8
"""Sample paths of the static policy that say what a cost of order one is."""


class Pathwise:
    """Decentralised actors and their optimiser; there is no critic."""

    def __init__(
        self,
        setup: Setup,
        config: TrainConfig,
        folder: Path | None = None,
        actors: Sequence[Actor] = (),
    ) -> None:
        """``actors`` are another learner's, to be trained in its place for a while."""
        self.rate_scale = 1.0
        self.setup = setup = own_eyes(setup) if config.hardening else setup
        self.config = config
        self.own = config.pathwise
        self.device = torch.device(config.device)
        self.xp = StraightThrough(self.own.sharpness)
        self.actors = list(actors) or make_actors(
            [(g.group, g.start) for g in setup.groups], config
        )
        self.gather = [GroupTensors.of(group, self.device) for group in setup.groups]
        self.means = nn.ModuleList(actor.mean for actor in self.actors)
        self.adam = Adam(self.means.parameters(), self.own.rate)
        static = evaluate_static(setup, evaluation_seeds(SCALE_SEEDS))
        self.scale = max(float(np.abs(static).mean()), 1e-9)
        self.starts: list[Run] = []
        with torch.no_grad():
            for actor in self.actors:
                actor.log_std.fill_(self.own.log_std)

    def weights(self) -> Weights:
        """Numpy copies of what the rollout needs; the spread stays the configuration's."""
        return weights_of(self.actors)

    def collect(self, sampler: Sampler, number: int) -> Segment:
        """One segment with a little exploration; the states that it starts from are kept."""
        self.starts = []
        return sampler.collect(self.weights(), number, self._start)

    def _start(self, horizon: Horizon) -> None:
        count = self.setup.share.count(self.config.replications)
        run = Run(self.setup, horizon.engine, self.xp, self.device, horizon.sight, count)
        self.starts.append(run)

    def update(self, batch: Batch, number: int, progress: float) -> UpdateStats:
        """One step down the gradient on the segment's sample paths, from where it started.

        Raises TrainingError when the cost or its gradient is not a finite number.
        """
        share = 1 - progress * (1 - self.config.final_rate_share)
        self.adam.rate = self.own.rate * share * self.rate_scale
        total = torch.zeros((), device=self.device)
        left, periods = self.config.segment, self.setup.world.periods
        for run in self.starts:
            count = min(left, periods - run.t)
            total = total + self._cost(run, count)
            left -= count
        self.starts = []
        loss = total / (self.config.segment * self.scale)
        longest, ranks = self.config.gradient_norm, self.setup.ranks
        weight = ranks.share.count(self.config.replications) / self.config.replications
        mean = descend(loss, self.adam, longest, "cost", number, ranks, weight)
        return UpdateStats(mean, 0.0, 0.0, 0.0, 0.0, 0.0)

    def _cost(self, run: Run, count: int) -> Tensor:
        """Discounted cost of some periods, and of those that their decisions still move.

        What leaves in the last periods of a segment arrives after it. So the run goes on for a
        while: the same actors act, but as constants, for their part there is another segment's.
        """
        layers = [layers_of(actor.mean) for actor in self.actors]
        world = self.setup.world
        end = run.t + count
        last = min(end + self.own.tail, world.periods)
        total = torch.zeros((), device=self.device)
        for t in range(run.t, last):
            if t == end:
                layers = [detached(of_group) for of_group in layers]
            actions = [
                columns(of_group, gather.inputs(run.vector))
                for of_group, gather in zip(layers, self.gather, strict=True)
            ]
            total = total + world.model.discount**t * run.step(actions).mean()
        return total

    def adopt(self, parent: Parent) -> None:
        """Give the actors the parent's weights."""
        for group, actor in zip(self.setup.groups, self.actors, strict=True):
            copy_layers(actor.mean, parent, group.group.name)

    def state(self) -> Arrays:
        """Weights and optimiser."""
        return tensor_arrays({"means": self.means}, {"actor": self.adam})

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Put back what ``state`` gave."""
        restore_tensors(dict(state), {"means": self.means}, {"actor": self.adam})

    def judges(self) -> dict[str, Array]:
        """Nothing: no critic is needed."""
        return {}
