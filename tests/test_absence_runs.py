"""Laws of runs with agents that are down or killed: they resume, are evaluated and credited."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.checkpoint.bundle import read_bundle
from agents.credit.replay import Game
from agents.credit.shapley import shapley
from agents.credit.training import learnt_policy
from agents.learn.absence import Absent, draw_kills
from agents.learn.evaluation import evaluate, evaluation_seeds
from agents.learn.horizon import Horizon, paths
from agents.learn.rollout import Sampler
from agents.learn.setup import Setup
from agents.learn.train import train
from tests.absent_world import NORTH, configured, equal, loud, names, world_without
from tests.learning_world import prepared, tiny_world, trained
from twin.env.episode import run_policy
from twin.env.policy import RulePolicy
from twin.env.rules import OrderingRule
from twin.exogenous.path import draw_path
from twin.network.world import World

pytestmark = pytest.mark.usefixtures("one_thread")
LEARNERS = ("mappo", "ippo", "happo", "vdn", "iql")


@pytest.mark.parametrize("algorithm", ["mappo", "iql"])
def test_where_nothing_closes_the_run_is_the_same_bit_for_bit(
    algorithm: str, tmp_path: Path
) -> None:
    plain = configured(algorithm=algorithm, absence={})
    expected = read_bundle(trained(tmp_path / "plain", plain))[1]
    found = read_bundle(trained(tmp_path / "absence", configured(algorithm=algorithm)))[1]
    assert equal(found, expected)


def test_kills_have_their_share_and_their_length_and_belong_to_the_horizon(tmp_path: Path) -> None:
    config = configured(absence={"kill": 0.25, "spell": 4}, replications=400)
    setup, _ = prepared(tiny_world(), config, tmp_path)
    killed, again, other = (np.array(draw_kills(setup, config, n)) for n in (0, 0, 1))
    assert killed.mean() == pytest.approx(0.25, abs=0.02)
    assert killed[0].mean() == pytest.approx(0.25, abs=0.05)
    back = killed[:-1] & ~killed[1:]
    assert killed[:-1].sum() / back.sum() == pytest.approx(4, rel=0.1)
    np.testing.assert_array_equal(killed, again)
    assert (killed != other).any()
    assert draw_kills(setup, configured(), 0) is None


@pytest.mark.parametrize("algorithm", ["mappo", "iql"])
def test_a_run_with_kills_resumes_bit_for_bit(algorithm: str, tmp_path: Path) -> None:
    config = configured(algorithm=algorithm, absence={"kill": 0.3, "spell": 3})
    expected = read_bundle(trained(tmp_path / "whole", config))[1]

    def stop(row: Any) -> None:
        if row.update == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "parts", config, report=stop)
    assert equal(read_bundle(trained(tmp_path / "parts", config, resume=True))[1], expected)


def test_an_agent_out_of_control_makes_no_difference(tmp_path: Path) -> None:
    config = configured(reward={"mode": "difference"}, initial_log_std=0.0)
    setup, learner = prepared(world_without("north", "0 d", "12 d"), config, tmp_path)
    batch = Sampler(setup, config).collect(learner.weights(), 0).batch
    own = names(setup).index(NORTH)
    np.testing.assert_allclose(batch.rewards[..., own], 0.0, atol=1e-4)  # sums in another order
    assert np.abs(np.delete(batch.rewards, own, axis=2)).max() > 0


def test_an_agent_out_of_control_has_no_shapley_value(tmp_path: Path) -> None:
    setup, learner = prepared(world_without("north", "0 d", "12 d"), configured(), tmp_path)
    policy = learnt_policy(setup, loud(learner.weights()))
    rule = OrderingRule("base_stock", setup.levels[None])
    found = shapley(Game(setup.world, policy, rule, down=True), range(4))
    own = list(found.agents).index(NORTH)
    np.testing.assert_array_equal(found.shapley[:, own], 0.0)
    assert np.abs(found.shapley).max() > 0


class Down:
    """A policy whose agent at ``north`` follows the static rule in some periods."""

    def __init__(self, world: World, policy: Any, absent: Absent) -> None:
        self.name = "down"
        rule = OrderingRule("base_stock", world.order_up_to[None])
        self.policy, self.static = policy, RulePolicy(world, rule)
        self.absent, self.t = absent, -1

    def reset(self, seed: int) -> None:
        self.t = -1

    def act(self, observations: Mapping[str, Any]) -> dict[str, Any]:
        self.t += 1
        wishes = self.policy.act(observations)
        for codec, alive in zip(self.absent.members, self.absent.alive[self.t], strict=True):
            if not alive[0]:
                wishes |= self.static.act({codec.spec.name: observations[codec.spec.name]})
        return dict(wishes)


def test_evaluation_plays_what_the_event_engine_plays_with_the_agent_taken_out(
    tmp_path: Path,
) -> None:
    world = world_without("north", "3 d", "6 d")
    setup, learner = prepared(world, configured(), tmp_path)
    weights = loud(learner.weights())
    seeds = evaluation_seeds(2)
    absent = Horizon(setup, world, paths(world, seeds)).absent
    assert absent is not None
    policy = Down(world, learnt_policy(setup, weights), absent)
    expected = [run_policy(world, draw_path(world, s), policy).cost.mean() for s in seeds]
    found = evaluate(setup, weights.layers, seeds)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    other = evaluate(
        Setup.of(world, world.order_up_to, configured(absence={})), weights.layers, seeds
    )
    assert (np.abs(found - other) > 1e-6).any()


def test_a_run_in_which_nodes_go_down_ends_with_a_bundle(tmp_path: Path) -> None:
    world = world_without("dc", "2 d", "9 d")
    config = configured(algorithm="ippo", absence={"down": True, "kill": 0.5, "spell": 2})
    folder = train(world, "tiny", "0" * 64, world.order_up_to, config, tmp_path / "run")
    assert all(np.isfinite(array).all() for array in read_bundle(folder)[1].values())


def test_pathwise_refuses_absence_by_name() -> None:
    with pytest.raises(ValueError, match="absence needs an algorithm other than pathwise"):
        configured(algorithm="pathwise")
    with pytest.raises(ValueError, match="without warm_start"):
        configured(warm_start=0.5)
