"""Laws of agents that are down or killed while a fleet learns: they decide and teach nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.checkpoint.bundle import read_bundle
from agents.credit.replay import Game
from agents.credit.shapley import shapley
from agents.credit.training import learnt_policy
from agents.learn.absence import Absent, draw_kills
from agents.learn.batch import Batch, Weights
from agents.learn.config import TrainConfig
from agents.learn.evaluation import evaluate, evaluation_seeds
from agents.learn.gae import advantages
from agents.learn.horizon import Horizon, paths
from agents.learn.normaliser import ValueNormaliser
from agents.learn.rollout import Sampler
from agents.learn.setup import Setup
from agents.learn.train import train
from agents.learn.value_learner import lambda_returns
from tests.learning_world import prepared, tiny, tiny_world, trained
from twin.env.episode import run_policy
from twin.env.policy import RulePolicy
from twin.env.rules import OrderingRule
from twin.exogenous.path import draw_path
from twin.network.world import World, compile_world
from twin.scenario import from_mapping

pytestmark = pytest.mark.usefixtures("one_thread")
LEARNERS = ("mappo", "ippo", "happo", "vdn", "iql")
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


@pytest.mark.parametrize("standby", ["static", "stop"])
def test_a_node_that_is_down_is_run_by_its_standby_and_decides_again_when_it_is_back(
    standby: str, tmp_path: Path
) -> None:
    config = configured(absence={"down": True, "standby": standby})
    world = world_without("north", "3 d", "6 d")
    setup, _ = prepared(world, config, tmp_path)
    horizon = Horizon(setup, world, paths(world, [1, 2]))
    lane = world.lanes.index("dc->north")
    for t in range(9):
        wish = [np.full((*g.used.shape, 2), 1.5) for g in setup.groups]
        decision, static = horizon.decision(wish)[0][lane], horizon.static_decision()[0][lane]
        down = 3 <= t < 6
        assert horizon.alive[names(setup).index(NORTH)].tolist() == [not down] * 2
        if not down:
            assert (decision > static).all()
        else:
            np.testing.assert_array_equal(decision, static if standby == "static" else 0.0)
        horizon.step(horizon.static_decision())


def test_the_batch_says_who_was_in_control_and_who_will_be_after_a_cut(tmp_path: Path) -> None:
    config = configured()
    setup, learner = prepared(world_without("north", "3 d", "6 d"), config, tmp_path)
    batch = Sampler(setup, config).collect(learner.weights(), 0).batch
    assert batch.alive is not None
    assert batch.cut_alive is not None
    assert (batch.alive.shape, batch.cut_alive.shape) == ((5, 4, 4), (1, 4, 4))
    own = names(setup).index(NORTH)
    assert batch.alive[:, :, own].all(1).tolist() == [True, True, True, False, False]
    assert not batch.cut_alive[:, :, own].any()
    assert np.delete(batch.alive, own, axis=2).all()
    np.testing.assert_array_equal(batch.states[..., -4:], batch.alive)  # the critic knows


def test_a_depot_that_is_down_takes_its_dispatcher_out(tmp_path: Path) -> None:
    config = configured()
    setup, _ = prepared(world_without("dc", "0 d", "2 d"), config, tmp_path)
    horizon = Horizon(setup, setup.world, paths(setup.world, [1]))
    known = dict(zip(names(setup), horizon.alive[:, 0].tolist(), strict=True))
    assert known == {"replenish:dc": False, NORTH: True, SOUTH: True, "dispatch:trucks": False}


def silenced(batch: Batch, agent: int) -> Batch:
    """The batch as if one agent had been out of control throughout."""
    alive = np.ones((*batch.rewards.shape[:2], 4), dtype=np.bool_)
    alive[..., agent] = False
    return replace(batch, alive=alive, cut_alive=alive[: len(batch.cut_states)])


@pytest.mark.parametrize("algorithm", LEARNERS)
def test_the_gradients_of_an_agent_out_of_control_are_exactly_zero(
    algorithm: str, tmp_path: Path
) -> None:
    config = configured(algorithm=algorithm, sharing="none")
    setup, learner = prepared(world_without("north", "3 d", "6 d"), config, tmp_path)
    dead = names(setup).index(NORTH)
    batch = silenced(learner.collect(Sampler(setup, config), 0).batch, dead)
    before = learner.weights()
    learner.update(batch, 0, 0.0)
    after = learner.weights()
    both = (before, after)
    for g, group in enumerate(setup.groups):
        own = group.group.agents == (NORTH,)
        parts = [np.concatenate([x.ravel() for xs in w.layers[g] for x in xs]) for w in both]
        same = np.array_equal(parts[0], parts[1])
        assert same == own, group.group.name
        if before.log_std:
            assert np.array_equal(before.log_std[g], after.log_std[g]) == own


@pytest.mark.parametrize("algorithm", LEARNERS)
def test_what_an_agent_out_of_control_would_have_done_teaches_nobody(
    algorithm: str, tmp_path: Path
) -> None:
    config = configured(algorithm=algorithm, sharing="role")
    found = []
    for wrong in (False, True):
        world = world_without("north", "3 d", "6 d")
        setup, learner = prepared(world, config, tmp_path / str(wrong))
        batch = learner.collect(Sampler(setup, config), 0).batch
        alive = batch.alive
        assert alive is not None
        first = batch.groups[0]  # replenish
        dead = ~alive[..., : first.actions.shape[2]]
        actions, chance = first.actions.copy(), first.log_probability.copy()
        if wrong:
            actions[dead] = 0.0
            chance[dead] = -50.0
        groups = (replace(first, actions=actions, log_probability=chance), *batch.groups[1:])
        learner.update(replace(batch, groups=groups), 0, 0.0)
        found.append(learner.state())
    own = [{k: v for k, v in state.items() if not k.startswith("replay/")} for state in found]
    assert equal(*own)


@pytest.mark.parametrize("algorithm", LEARNERS)
def test_when_nobody_is_in_control_nothing_is_learnt_and_nothing_is_nan(
    algorithm: str, tmp_path: Path
) -> None:
    config = configured(algorithm=algorithm)
    setup, learner = prepared(world_without("north", "3 d", "6 d"), config, tmp_path)
    batch = learner.collect(Sampler(setup, config), 0).batch
    nobody = np.zeros((*batch.rewards.shape[:2], 4), dtype=np.bool_)
    before = learner.weights()
    some = nobody.copy()
    some[0] = True
    learner.update(replace(batch, alive=nobody, cut_alive=nobody[:1]), 0, 0.0)
    after = learner.weights()
    for old, new in zip(before.layers, after.layers, strict=True):
        for a, b in zip(old, new, strict=True):
            np.testing.assert_array_equal(a[0], b[0])
    stats = learner.update(replace(batch, alive=some, cut_alive=nobody[:1]), 1, 0.0)
    assert np.isfinite([stats.policy_loss, stats.value_loss, stats.kl]).all()
    assert all(np.isfinite(v).all() for v in learner.state().values())


def test_returns_pass_through_steps_without_control_and_leave_the_other_agents_alone() -> None:
    rng = np.random.default_rng(0)
    rewards, values = (rng.standard_normal((4, 1, 2)).astype(np.float32) for _ in range(2))
    following = np.concatenate([values[1:], values[-1:]])
    cut = np.array([False, False, False, True])
    alive = np.ones((4, 1, 2), dtype=np.bool_)
    alive[1:3, 0, 0] = False
    plain, _ = advantages(rewards, values, following, cut, 0.9, 0.5)
    found, returns = advantages(rewards, values, following, cut, 0.9, 0.5, alive)
    np.testing.assert_array_equal(found[..., 1], plain[..., 1])
    r, v = rewards[:, 0, 0], values[:, 0, 0]
    last = 0.5 * (r[3] + 0.9 * v[3]) + 0.5 * v[3]  # lambda return of the step back in control
    expected = r[0] + 0.9 * (r[1] + 0.9 * (r[2] + 0.9 * last))
    np.testing.assert_allclose(returns[0, 0, 0], expected, rtol=1e-6)


def test_lambda_returns_of_choosers_pass_through_as_well() -> None:
    rewards = np.array([[[1.0], [2.0], [3.0]]], dtype=np.float32)
    following = np.array([[[np.float32(1e9)], [10.0], [20.0]]], dtype=np.float32)
    cut = np.array([[False, False, True]])
    alive = np.array([[[True], [False], [True]]])
    found = lambda_returns(rewards, following, cut, 0.5, 0.0, alive)[0, :, 0]
    np.testing.assert_allclose(found, [1 + 0.5 * (2 + 0.5 * 10), 2 + 0.5 * 10, 3 + 0.5 * 20])


def test_statistics_of_returns_are_those_of_what_counts() -> None:
    returns = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    counted = np.ones((3, 2, 2), dtype=np.bool_)
    counted[0, :, 0] = False
    counted[..., 1] = False
    normaliser = ValueNormaliser(2, 0.9)
    normaliser.update(returns, counted)
    assert normaliser.mean[0] == pytest.approx(returns[1:, :, 0].mean())
    assert normaliser.sd[0] == pytest.approx(returns[1:, :, 0].std())
    assert (normaliser.mean[1], normaliser.sd[1]) == pytest.approx((0.0, 1.0))


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
