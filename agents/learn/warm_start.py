"""A warm start: the actors first go down the gradient through the twin, then learn as configured.

The gradient finds good decisions in a few hundred steps, but only what slopes tell it; a policy
gradient needs no slopes. The critic learns from the first segment on, so that it can judge when its
turn comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from agents.learn.batch import Array, Batch, Weights
from agents.learn.learner import UpdateStats
from agents.learn.parent import Parent
from agents.learn.pathwise import Pathwise
from agents.learn.policy_gradient import PolicyGradient
from agents.learn.rollout import Sampler, Segment
from agents.learn.setup import Setup
from agents.learn.tensors import Arrays
from twin.exogenous.streams import stream

FIRST = "warm start/"


class WarmStarted:
    """One set of actors and two ways to train them, one after the other."""

    def __init__(self, setup: Setup, then: PolicyGradient) -> None:
        self.config = config = then.config
        self.then = then
        self.first = Pathwise(setup, config, actors=then.actors)
        self.updates = max(1, round(config.warm_start * config.planned_updates(setup.agents)))

    @property
    def rate_scale(self) -> float:
        """Factor on all learning rates."""
        return self.then.rate_scale

    @rate_scale.setter
    def rate_scale(self, scale: float) -> None:
        self.first.rate_scale = self.then.rate_scale = scale

    def weights(self) -> Weights:
        """Numpy copies of what the rollout needs."""
        return self.then.weights()

    def collect(self, sampler: Sampler, number: int) -> Segment:
        """The experience of one update."""
        now = self.first if number < self.updates else self.then
        return now.collect(sampler, number)

    def update(self, batch: Batch, number: int, progress: float) -> UpdateStats:
        """Learn from one segment; raises TrainingError when a loss is not a finite number."""
        if number >= self.updates:
            return self.then.update(batch, number, progress)
        order = stream(self.config.seed, f"minibatches/{number}")
        _, value_loss, explained = self.then.judge(batch, number, progress, order)
        stats = self.first.update(batch, number, number / self.updates)
        return UpdateStats(stats.policy_loss, value_loss, 0.0, 0.0, 0.0, explained)

    def adopt(self, parent: Parent) -> None:
        """Start from an earlier fleet."""
        self.then.adopt(parent)

    def state(self) -> Arrays:
        """All that both depend on."""
        return self.then.state() | {FIRST + k: array for k, array in self.first.state().items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Put back what ``state`` gave."""
        self.then.restore({k: a for k, a in state.items() if not k.startswith(FIRST)})
        self.first.restore({k[len(FIRST) :]: a for k, a in state.items() if k.startswith(FIRST)})

    def judges(self) -> dict[str, Array]:
        """The critic's layers by name."""
        return self.then.judges()
