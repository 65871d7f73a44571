"""Laws of agents out of control while a fleet learns: they decide and teach nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents.learn.batch import Batch
from agents.learn.gae import advantages
from agents.learn.horizon import Horizon, paths
from agents.learn.normaliser import ValueNormaliser
from agents.learn.rollout import Sampler
from agents.learn.value_learner import lambda_returns
from tests.absent_world import NORTH, SOUTH, configured, equal, names, world_without
from tests.learning_world import prepared

pytestmark = pytest.mark.usefixtures("one_thread")
LEARNERS = ("mappo", "ippo", "happo", "vdn", "iql")


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
