"""The tiny world with a node that is down for a while, and learners in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from agents.learn.batch import Weights
from agents.learn.config import TrainConfig
from agents.learn.setup import Setup
from tests.learning_world import tiny, tiny_world
from twin.network.world import World, compile_world
from twin.scenario import from_mapping

NORTH, SOUTH = "replenish:north", "replenish:south"


def configured(**changes: Any) -> TrainConfig:
    small = {"steps": 4, "sequences": 4, "choices": 5}
    return tiny(**{"value_learning": small, "absence": {"down": True}, **changes})


def world_without(node: str, start: str, end: str) -> World:
    """The tiny world with one node down for a while."""
    model = tiny_world().model.model_dump(exclude_none=True)
    window = {"start": start, "end": end}
    strike = {"targets": {"nodes": [node]}, "windows": [window]}
    return compile_world(from_mapping({**model, "disruptions": {"fire": strike}}).model)


def names(setup: Setup) -> list[str]:
    return [name for group in setup.groups for name in group.group.agents]


def loud(weights: Weights) -> Weights:
    """Actors that always want much more than the static policy."""
    layers = tuple((*own[:-1], (own[-1][0], own[-1][1] + 2)) for own in weights.layers)
    return replace(weights, layers=layers)


def equal(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    assert first.keys() == second.keys()
    return all(np.array_equal(first[name], second[name]) for name in first)
