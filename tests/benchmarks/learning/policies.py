"""Trained policies on disk, so that what a row judged can be played again elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.checkpoint.bundle import load_policy
from agents.checkpoint.groups import Layers
from agents.learn.central import CentralPolicy, CentralShape, evaluate_central, train_central
from agents.learn.config import TrainConfig
from agents.learn.evaluation import evaluate
from agents.learn.export import write_bundle
from agents.learn.parent import read_parent
from agents.learn.run import TrainingRun
from agents.learn.setup import Setup
from tests.benchmarks.learning.problems import CENTRAL, Problem
from twin.env.policy import Policy
from twin.network.world import World

Floats = NDArray[np.float64]
WEIGHTS = "central.npz"


@dataclass(frozen=True)
class Trained:
    """A policy for the event engine and its cost on paths by the batch engine."""

    policy: Policy
    setup: Setup
    layers: Sequence[Layers] = ()

    def costs(self, paths: Sequence[int], discount: float) -> Floats:
        """Cost per period on each path."""
        if isinstance(self.policy, CentralPolicy):
            return evaluate_central(self.setup, self.policy, paths)
        return evaluate(self.setup, self.layers, paths, (), discount)


def train_fleet(
    problem: Problem,
    world: World,
    levels: Floats,
    config: TrainConfig,
    folder: Path,
    parent: Path | None,
) -> Trained:
    """Train agents in ``folder``, from a parent's bundle on; their bundle is in its ``bundle``."""
    origin = read_parent(parent, world) if parent else None
    run = TrainingRun(world, levels, config, folder, origin)
    run.start(resume=False)
    while not run.over:
        run.advance()
    bundle = write_bundle(run, problem.name, problem.digest)
    return Trained(load_policy(bundle, world), run.setup, run.progress.best.layers)


def train_one_for_all(world: World, levels: Floats, config: TrainConfig, folder: Path) -> Trained:
    """Train a central policy; its weights stay in ``folder``."""
    setup = Setup.of(world, levels, config)
    policy = train_central(setup, config)
    named = {
        f"{i}{kind}": a
        for i, pair in enumerate(policy.layers)
        for kind, a in zip("wb", pair, strict=True)
    }
    np.savez(folder / WEIGHTS, **named)
    return Trained(policy, setup)


def kept_policy(
    world: World, levels: Floats, learner: str, config: TrainConfig, folder: Path
) -> Policy:
    """The policy that a training run left in ``folder``."""
    if learner != CENTRAL:
        return load_policy(folder / "bundle", world)
    setup = Setup.of(world, levels, config)
    with np.load(folder / WEIGHTS) as named:
        layers = tuple((named[f"{i}w"], named[f"{i}b"]) for i in range(len(named) // 2))
    return CentralPolicy(setup, CentralShape(setup), layers)


def keep(folder: Path, to: Path) -> None:
    """Move what a later reader needs out of a training folder."""
    to.mkdir(parents=True, exist_ok=True)
    for name in ("bundle", WEIGHTS):
        if (folder / name).is_dir():
            shutil.copytree(folder / name, to / name, dirs_exist_ok=True)
        elif (folder / name).exists():
            shutil.copy(folder / name, to / name)
