"""What every algorithm is to the training loop: it collects, updates, and can be put away.

All of them use the same rollout, the same greedy evaluation and the same bundles.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.learn.algorithms import ALGORITHMS, REPLAYING
from agents.learn.batch import Array, Batch, Weights
from agents.learn.config import TrainConfig
from agents.learn.parent import Parent
from agents.learn.rollout import Sampler, Segment
from agents.learn.setup import Setup
from agents.learn.storage import Storage


@dataclass(frozen=True)
class UpdateStats:
    """How one update went; zero where an algorithm has no such number."""

    policy_loss: float
    value_loss: float
    entropy: float
    kl: float
    clip_share: float
    explained_variance: float
    events: tuple[str, ...] = ()
    """What a person should know: the disk was slow, a guard stepped in."""


class Learner(Protocol):
    """An algorithm: what it knows, how it learns from a segment, and how it is put away."""

    rate_scale: float
    """Factor on all learning rates, one unless the guard has lowered it."""

    def weights(self) -> Weights:
        """Numpy copies of what the rollout needs, and of what a bundle holds."""

    def collect(self, sampler: Sampler, number: int) -> Segment:
        """The experience of update ``number``, by the policies as they are."""

    def update(self, batch: Batch, number: int, progress: float) -> UpdateStats:
        """Learn from one segment; ``progress`` is the share of the budget that is used up.

        Raises TrainingError when a loss is not a finite number.
        """

    def adopt(self, parent: Parent) -> None:
        """Start from an earlier fleet; raises TrainingError where it does not fit."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Copies of everything that the next update depends on, random streams aside.

        Names under ``replay/`` are experience, which a rollback keeps.
        """

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Put back what ``state`` gave: the next update is bit for bit the same."""

    def judges(self) -> dict[str, Array]:
        """What the bundle keeps besides the actors, by name: critics."""


NO_STATS = UpdateStats(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""Stands for an update that came to nothing."""


def make_learner(
    setup: Setup, config: TrainConfig, folder: Path, storage: Storage | None = None
) -> Learner:
    """The configured algorithm; ``folder`` is where it may keep large files, such as a replay.

    ``storage`` replaces the disk of those that have a replay.
    """
    module, name = ALGORITHMS[config.algorithm].split(":")
    build = getattr(importlib.import_module(module), name)
    replays = config.algorithm in REPLAYING
    learner: Learner = build(setup, config, folder, *((storage,) if replays else ()))
    if config.warm_start == 0:
        return learner
    warm: Learner = importlib.import_module("agents.learn.warm_start").WarmStarted(setup, learner)
    return warm
