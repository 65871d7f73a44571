"""Laws of training by the gradient, alone and as a warm start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.checkpoint.bundle import load_policy, read_bundle
from agents.learn.evaluation import evaluate, evaluate_static
from agents.learn.metrics import read_rows
from agents.learn.rollout import Sampler
from agents.learn.setup import Setup
from tests.learning_world import tiny_world, trained
from tests.pathwise_world import configured, prepared
from twin.errors import TrainingError

pytestmark = pytest.mark.usefixtures("one_thread")


def test_training_lowers_the_cost_on_seeds_that_it_has_not_seen(tmp_path: Path) -> None:
    config = configured(updates=25, replications=8, segment=12, pathwise={"rate": 0.02})
    setup = Setup.of(tiny_world(), tiny_world().order_up_to, config)
    trained(tmp_path, config)
    policy = load_policy(tmp_path / "bundle", setup.world)
    layers = [policy._actors[group.group.agents[0]][1] for group in setup.groups]
    after = evaluate(setup, layers, range(100, 132)).mean()
    before = evaluate_static(setup, range(100, 132)).mean()
    assert after < 0.97 * before
    assert read_rows(tmp_path)[-1].policy_loss != 0.0


def test_a_cost_that_is_not_finite_stops_training() -> None:
    setup, learner = prepared(tiny_world(), configured())
    segment = learner.collect(Sampler(setup, learner.config), 0)
    with torch.no_grad():
        learner.actors[0].mean.linear[0].weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match="not finite"):
        learner.update(segment.batch, 0, 0.0)


def test_a_warm_start_goes_down_the_gradient_first_and_then_learns_as_configured(
    tmp_path: Path,
) -> None:
    config = configured(algorithm="mappo", warm_start=0.5)
    trained(tmp_path, config)
    rows = read_rows(tmp_path)
    assert [row.entropy == 0.0 for row in rows] == [True, True, False, False]
    assert all(row.value_loss > 0 for row in rows)
    assert read_bundle(tmp_path / "bundle")[0].algorithm == "mappo"


def test_a_warm_started_run_that_is_resumed_ends_with_the_same_weights_bit_for_bit(
    tmp_path: Path,
) -> None:
    config = configured(algorithm="mappo", warm_start=0.5)
    expected = read_bundle(trained(tmp_path / "whole", config))[1]
    for last in (1, 3):

        def stop(row: Any, last: int = last) -> None:
            if row.update == last:
                raise KeyboardInterrupt

        folder = tmp_path / f"parts{last}"
        with pytest.raises(KeyboardInterrupt):
            trained(folder, config, report=stop)
        found = read_bundle(trained(folder, config, resume=True))[1]
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_only_actors_can_be_warmed() -> None:
    with pytest.raises(ValueError, match="warm_start needs one of"):
        configured(algorithm="vdn", warm_start=0.5)
