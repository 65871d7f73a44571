"""A chain whose cost has a gradient, and learners that go down it."""

from __future__ import annotations

from typing import Any

import torch

from agents.learn.config import TrainConfig
from agents.learn.pathwise import Pathwise
from agents.learn.setup import Setup
from tests.learning_world import tiny
from twin.exogenous.streams import stream
from twin.network.world import World, compile_world
from twin.scenario import from_mapping

CPU = torch.device("cpu")


def configured(**changes: Any) -> TrainConfig:
    return tiny(**{"algorithm": "pathwise", **changes})


def prepared(world: World, config: TrainConfig) -> tuple[Setup, Pathwise]:
    """A learner whose actors do something, and not the same for everybody."""
    setup = Setup.of(world, world.order_up_to, config)
    learner = Pathwise(setup, config)
    rng = stream(1, "test/actors")
    with torch.no_grad():
        for actor in learner.actors:
            head = actor.mean.linear[-1]
            head.weight.add_(torch.from_numpy(0.4 * rng.standard_normal(tuple(head.weight.shape))))
    return setup, learner


def chain(**changes: Any) -> World:
    """Two stores behind a warehouse: no trucks, no whole units, nothing but straight lines."""
    store = {"kind": "store", "stock": 12, "holding": 0.5, "unmet": "lost", "penalty": 8}
    demand = {"model": "poisson", "mean": 5}
    nodes = {
        "plant": {"kind": "supplier"},
        "dc": {"kind": "warehouse", "stock": 20, "holding": 0.1, "capacity": 60},
        "north": {**store, "demand": demand},
        "south": {**store, "demand": demand, "unmet": "backlog"},
    }
    lanes = {
        "plant -> dc": {"lead_time": "2 d"},
        "dc -> north": {"lead_time": "1 d", "capacity": 8},
        "dc -> south": {"lead_time": "1 d"},
    }
    content = {"kind": "scenario", "name": "chain", "horizon": "12 d", "nodes": nodes}
    return compile_world(from_mapping({**content, "lanes": lanes, **changes}).model)
