"""Laws of VDN, IQL and their replay: right targets, exact memory, a full or a slow disk."""

from __future__ import annotations

import errno
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.checkpoint.bundle import load_policy, read_bundle
from agents.checkpoint.groups import best_choice, choice_values, chosen, forward
from agents.learn.batch import Batch, GroupBatch
from agents.learn.config import TrainConfig
from agents.learn.grid import action_grid
from agents.learn.iql import Iql
from agents.learn.replay import Replay
from agents.learn.rollout import Sampler
from agents.learn.setup import Setup
from agents.learn.state import CHECKPOINTS
from agents.learn.storage import Disk
from agents.learn.value_learner import lambda_returns
from agents.learn.vdn import Vdn
from tests.learning_world import setup_of, tiny, tiny_world, trained
from twin.errors import TrainingError
from twin.exogenous.streams import stream

pytestmark = pytest.mark.usefixtures("one_thread")


def configured(options: dict[str, Any] | None = None, **changes: Any) -> TrainConfig:
    small = {"choices": 5, "bend": 1, "steps": 4, "sequences": 4}
    return tiny(**{"algorithm": "vdn", "value_learning": {**small, **(options or {})}, **changes})


def segments(setup: Setup, config: TrainConfig, folder: Path, count: int) -> list[Batch]:
    sampler, learner = Sampler(setup, config), Vdn(setup, config, folder)
    return [sampler.collect(learner.weights(), n).batch for n in range(count)]


def test_lambda_returns_equal_the_hand_worked_case_with_a_cut_in_the_middle() -> None:
    rewards = np.array([[[1.0], [2.0], [3.0], [4.0]]], dtype=np.float32)
    following = np.array([[[20.0], [100.0], [40.0], [200.0]]], dtype=np.float32)
    cut = np.array([[False, True, False, True]])
    found = lambda_returns(rewards, following, cut, 0.5, 0.5)[0, :, 0]
    # The cuts bootstrap: 2 + 50 = 52 and 4 + 100 = 104; the others mix value and return half.
    np.testing.assert_allclose(found, [1 + 0.5 * (10 + 26), 52, 3 + 0.5 * (20 + 52), 104])


def test_zero_is_a_choice_and_training_starts_at_the_static_policy(tmp_path: Path) -> None:
    config = configured()
    setup = setup_of(config)
    learner = Vdn(setup, config, tmp_path)
    sampler = Sampler(setup, config)
    for group, grid, layers in zip(
        setup.groups, learner.grids, learner.weights().layers, strict=True
    ):
        inputs = group.inputs(sampler.horizon.vector)
        index = best_choice(choice_values(grid, forward(layers, inputs)))
        np.testing.assert_array_equal(chosen(grid, index), 0.0)


def test_choices_that_mean_the_same_are_offered_once() -> None:
    setup = setup_of(configured())
    by_role = {group.group.name: group for group in setup.groups}
    grid = action_grid(by_role["dispatch"], 9, 1.0, integral=False)
    # Three trucks: at range 1 the shares exp(-2 .. 0) of them round to 0, 1, 1, 2 and 3.
    np.testing.assert_array_equal(grid[0, 0], [-2, np.nan, -1, -0.5, 0, 0.5, 1, 1.5, 2])
    assert np.isfinite(action_grid(by_role["replenish"], 9, 1.0, integral=True)).all()
    orders = setup_of(configured(), action={"form": "order_quantity", "max_order": 2})
    whole = action_grid(orders.groups[0], 9, 2.0, integral=True)
    assert np.isfinite(whole).sum(axis=2).max() == 3  # nothing, one or two units


def test_bent_choices_lie_closer_together_near_the_static_policy() -> None:
    group = setup_of(configured()).groups[0]
    found = action_grid(group, 5, 2.0, integral=False)[0, 0]
    np.testing.assert_allclose(found, [-2, -0.5, 0, 0.5, 2])


def test_a_forbidden_choice_is_never_made_not_even_at_random(tmp_path: Path) -> None:
    config = configured({"choices": 9, "epsilon": 1.0})
    setup = setup_of(config)
    learner = Vdn(setup, config, tmp_path)
    batch = learner.collect(Sampler(setup, config), 0).batch
    dispatch = [g.group.name for g in setup.groups].index("dispatch")
    made = set(np.unique(batch.groups[dispatch].actions).tolist())
    assert made <= {0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0}
    assert len(made) > 5


def test_the_replay_gives_back_what_was_written_and_forgets_the_oldest(tmp_path: Path) -> None:
    config = configured({"replay": {"segments": 2}})
    setup = setup_of(config)
    batches = segments(setup, config, tmp_path / "other", 3)
    replay = Replay(setup, config, tmp_path)
    for number, batch in enumerate(batches):
        replay.append(number, batch)
    found = replay.sample(200, stream(0, "test"))
    known = [b.groups[0].inputs[:, r] for b in batches[1:] for r in range(4)]
    for inputs in found.inputs[0][:, :5]:
        assert any(np.array_equal(inputs, other) for other in known)
    assert {float(r[0, 0]) for r in found.rewards} == {
        float(b.rewards[0, r, 0]) for b in batches[1:] for r in range(4)
    }


def test_the_state_that_follows_a_time_limit_is_the_true_one(tmp_path: Path) -> None:
    config = configured()
    setup = setup_of(config)
    batch = segments(setup, config, tmp_path / "other", 3)[2]  # cut after steps 1 and 4
    replay = Replay(setup, config, tmp_path)
    replay.append(0, batch)
    found = replay.sample(30, stream(0, "test"))
    np.testing.assert_array_equal(found.following[0], [1, 5, 3, 4, 6])
    clock = setup.groups[0].group.observation_size
    after = {tuple(x) for x in found.inputs[0][:, 5, 0, :clock].tolist()}
    assert after == {tuple(x) for x in batch.groups[0].cut_inputs[0, :, 0, :clock].tolist()}


@pytest.mark.parametrize("kind", [Vdn, Iql])
def test_choices_move_to_where_the_reward_is(kind: Any, tmp_path: Path) -> None:
    config = configured({"steps": 16, "sequences": 16, "rate": 3e-3}, gamma=0.0, replications=32)
    setup = setup_of(config)
    learner = kind(setup, config, tmp_path)
    for number in range(12):
        learner.update(_bandit(setup, learner, number), number, 0.0)
    for g, layers in enumerate(learner.weights().layers):
        inputs = _bandit(setup, learner, 99).groups[g].inputs[0, 0].T[None, :, :]
        outputs = forward(layers, inputs)[0].T[..., None]
        grid = learner.grids[g]
        found = chosen(grid, best_choice(choice_values(grid, outputs)))[..., 0]
        np.testing.assert_array_equal(found[setup.groups[g].used > 0], 1.0)


def _bandit(setup: Setup, learner: Vdn, number: int) -> Batch:
    """One-period trajectories whose reward is the negative distance of all actions from one."""
    rng = stream(number, "test/bandit")
    periods, replications = 5, 32
    groups, distance = [], np.zeros((periods, replications), dtype=np.float32)
    for group, grid in zip(setup.groups, learner.grids, strict=True):
        agents = len(group.used)
        inputs = np.zeros((periods, replications, agents, group.group.input_size), np.float32)
        inputs[..., np.arange(agents), group.group.observation_size + np.arange(agents)] = 1.0
        index = rng.integers(grid.shape[2], size=(periods, replications, *grid.shape[:2]))
        index = np.where(np.isfinite(grid).all(-1), index, 2)
        action = np.take_along_axis(grid[None, None], index[..., None], -1)[..., 0]
        distance += np.nansum(np.abs(action - 1.0) * group.used, axis=(-1, -2))
        groups.append(
            GroupBatch(inputs, index.astype(np.float32), np.zeros(index.shape[:3]), inputs[:1])
        )
    states = np.zeros((periods, replications, setup.state_size), dtype=np.float32)
    cut = np.array([False] * 4 + [True])
    return Batch(tuple(groups), states, cut, states[:1], -distance[..., None])


def test_an_agent_of_a_sum_learns_only_what_the_team_earned(tmp_path: Path) -> None:
    config = configured()
    local = setup_of(config, reward="local")
    rewards = stream(0, "test").standard_normal((5, 4, 4)).astype(np.float32)
    vdn, iql = Vdn(local, config, tmp_path / "vdn"), Iql(local, config, tmp_path / "iql")
    np.testing.assert_allclose(vdn.column_rewards(rewards)[..., 0], rewards.sum(-1))
    np.testing.assert_array_equal(iql.column_rewards(rewards), rewards)


def test_a_run_killed_long_after_its_checkpoint_resumes_bit_for_bit(tmp_path: Path) -> None:
    config = configured({"replay": {"segments": 2}}, updates=8, checkpoint_every=3)
    expected = read_bundle(trained(tmp_path, config))[1]
    for newest in sorted((tmp_path / CHECKPOINTS).iterdir())[1:]:
        shutil.rmtree(newest)
    assert [p.name for p in (tmp_path / CHECKPOINTS).iterdir()] == ["update_000006"]
    shutil.rmtree(tmp_path / "bundle")
    found = read_bundle(trained(tmp_path, config, resume=True))[1]
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_a_replay_that_was_changed_is_refused(tmp_path: Path) -> None:
    config = configured()
    trained(tmp_path, config)
    path = tmp_path / "replay" / "rewards.bin"
    path.write_bytes(bytes(len(path.read_bytes())))
    with pytest.raises(TrainingError, match="replay is damaged"):
        trained(tmp_path, config, resume=True)


def test_the_replay_keeps_its_bound(tmp_path: Path) -> None:
    config = configured({"replay": {"segments": 1000, "megabytes": 1}})
    replay = Replay(setup_of(config), config, tmp_path)
    total = sum(path.stat().st_size for path in (tmp_path / "replay").iterdir())
    assert replay.window < 1000
    assert 500_000 < total <= 1_000_000
    tight = configured({"replay": {"megabytes": 1}}, replications=1000)
    with pytest.raises(TrainingError, match="does not fit"):
        Replay(setup_of(tight), tight, tmp_path / "tight")


class FullDisk(Disk):
    def reserve(self, path: Path, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


class SlowDisk(Disk):
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def write(self, target: Any, values: Any) -> None:
        time.sleep(self.seconds)
        super().write(target, values)


class HungDisk(Disk):
    def __init__(self) -> None:
        self.released = threading.Event()

    def write(self, target: Any, values: Any) -> None:
        self.released.wait(20)


def test_a_full_disk_is_an_error_that_says_how_much_is_needed(tmp_path: Path) -> None:
    config = configured()
    with pytest.raises(TrainingError, match="no room on the disk") as caught:
        Vdn(setup_of(config), config, tmp_path, FullDisk())
    assert "MB" in caught.value.expected
    assert caught.value.got == "No space left on device"
    assert not any((tmp_path / "replay").iterdir())


def test_a_slow_disk_slows_the_run_is_said_and_loses_nothing(tmp_path: Path) -> None:
    config = configured({"replay": {"slow_after": 0.01}})
    setup = setup_of(config)
    weights, said = [], []
    for name, storage in (("fast", Disk()), ("slow", SlowDisk(0.01))):
        learner, sampler = Vdn(setup, config, tmp_path / name, storage), Sampler(setup, config)
        for number in range(3):
            stats = learner.update(learner.collect(sampler, number).batch, number, 0.0)
        weights.append(learner.weights().layers)
        said.append(stats.events)
    for one, other in zip(weights[0], weights[1], strict=True):
        for (weight, bias), (w, b) in zip(one, other, strict=True):
            np.testing.assert_array_equal(weight, w)
            np.testing.assert_array_equal(bias, b)
    assert "collection waited" in said[1][0]


def test_a_disk_that_does_not_answer_stops_the_run_with_an_error(tmp_path: Path) -> None:
    config = configured({"replay": {"patience": 0.05}})
    setup = setup_of(config)
    disk = HungDisk()
    learner = Vdn(setup, config, tmp_path, disk)
    with pytest.raises(TrainingError, match="too slow"):
        learner.update(learner.collect(Sampler(setup, config), 0).batch, 0, 0.0)
    disk.released.set()


def test_a_bundle_of_choices_needs_its_grid_and_no_torch(tmp_path: Path) -> None:
    bundle = trained(tmp_path, configured(updates=1))
    manifest, arrays = read_bundle(bundle)
    assert manifest.algorithm == "vdn"
    assert arrays["actor/replenish/grid"].shape == (3, 1, 5)
    policy = load_policy(bundle, tiny_world())
    for agent, codec in policy.codecs.items():
        inputs = np.zeros(codec.spec.size, dtype=np.float32)
        assert set(policy.choose(agent, inputs).tolist()) <= {-2.0, -1.0, 0.0, 1.0, 2.0}
