"""The central policy learns, and plays on the event engine what the batch engine says it costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from agents.learn.central import (
    MOST_PERIODS,
    Central,
    CentralPolicy,
    CentralShape,
    evaluate_central,
    train_central,
)
from agents.learn.config import TrainConfig
from agents.learn.evaluation import evaluate_static
from agents.learn.setup import Setup
from tests.learning_world import tiny, tiny_world
from twin.env.episode import run_policy
from twin.env.observe import Layout
from twin.exogenous.path import draw_path


def configured(**changes: object) -> TrainConfig:
    return tiny(**{"algorithm": "pathwise", **changes})


@pytest.mark.usefixtures("one_thread")
def test_a_central_policy_plays_on_the_event_engine_what_the_batch_engine_said() -> None:
    world = tiny_world()
    config = configured(updates=20, replications=8, hidden=(16, 16), pathwise={"rate": 0.02})
    setup = Setup.of(world, world.order_up_to, config)
    policy = train_central(setup, config)
    found = evaluate_central(setup, policy, range(5, 13))
    costs = [run_policy(world, draw_path(world, s), policy).cost.mean() for s in range(5, 13)]
    np.testing.assert_allclose(found, costs, rtol=1e-4)
    assert found.mean() < evaluate_static(setup, range(5, 13)).mean()


def test_before_training_it_is_the_static_policy() -> None:
    world = tiny_world()
    config = configured()
    setup = Setup.of(world, world.order_up_to, config)
    central = Central(setup, config)
    with torch.no_grad():
        central.network.linear[-1].weight.zero_()
    policy = CentralPolicy(setup, central.shape, central.network.arrays())
    found = evaluate_central(setup, policy, range(4))
    np.testing.assert_allclose(found, evaluate_static(setup, range(4)), rtol=1e-6)


def test_training_a_central_policy_twice_gives_the_same_weights() -> None:
    world = tiny_world()
    config = configured(updates=3)
    setup = Setup.of(world, world.order_up_to, config)
    first, second = (train_central(setup, config).layers for _ in range(2))
    for (weight, bias), (again, same) in zip(first, second, strict=True):
        np.testing.assert_array_equal(weight, again)
        np.testing.assert_array_equal(bias, same)


def test_on_a_long_horizon_it_is_not_told_the_period() -> None:
    for periods, told in ((MOST_PERIODS, True), (MOST_PERIODS + 1, False)):
        world = replace(tiny_world(), periods=periods)
        shape = CentralShape(Setup.of(world, world.order_up_to, configured()))
        early, late = np.ones((len(shape.places), 1)), np.ones((len(shape.places), 1))
        clock = np.flatnonzero(shape.places == Layout.of(world).starts["clock"])
        early[clock], late[clock] = 1.0, 9.0
        vectors = [np.zeros((int(shape.places.max()) + 1, 1)) for _ in range(2)]
        for vector, seen in zip(vectors, (early, late), strict=True):
            vector[shape.places] = seen
        inputs = [shape.numpy_inputs(v, t) for v, t in zip(vectors, (1, 9), strict=True)]
        assert np.array_equal(*inputs) is not told
        assert len(inputs[0]) == shape.inputs
