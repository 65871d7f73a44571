"""Configurations, learners and fleets whose actors remember."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from agents.checkpoint.bundle import FleetPolicy, load_policy
from agents.learn.config import TrainConfig
from agents.learn.learner import make_learner
from agents.learn.policy_gradient import PolicyGradient
from agents.learn.setup import Setup
from tests.learning_world import tiny, tiny_world, trained


def configured(**changes: Any) -> TrainConfig:
    return tiny(**{"algorithm": "mappo", "recurrent": {"hidden": 6}, **changes})


def prepared(config: TrainConfig, folder: Path) -> tuple[Setup, PolicyGradient]:
    world = tiny_world()
    setup = Setup.of(world, world.order_up_to, config)
    learner = make_learner(setup, config, folder)
    assert isinstance(learner, PolicyGradient)
    return setup, learner


def eager(learner: PolicyGradient) -> PolicyGradient:
    """The learner with heads so loud that memory shows in what it does."""
    with torch.no_grad():
        for actor in learner.actors:
            actor.mean.linear[-1].weight.mul_(100)
    return learner


def played(folder: Path, **changes: Any) -> FleetPolicy:
    return load_policy(trained(folder, configured(**changes)), tiny_world())
