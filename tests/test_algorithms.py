"""Laws that every learning algorithm keeps: exact resume, playable bundles, any sharing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from agents.checkpoint.bundle import load_policy, read_bundle
from agents.learn.algorithms import ALGORITHMS, Algorithm
from agents.learn.config import train_config
from agents.learn.evaluation import evaluate
from agents.learn.happo import Happo
from agents.learn.ippo import Ippo
from agents.learn.learner import make_learner
from agents.learn.mappo import Mappo
from agents.learn.metrics import read_rows
from agents.learn.rollout import Sampler
from agents.learn.setup import Setup
from tests.learning_world import setup_of, tiny, tiny_world, trained
from twin.env.episode import run_policy
from twin.errors import ScenarioError, TrainingError
from twin.exogenous.path import draw_path
from twin.exogenous.streams import stream

pytestmark = pytest.mark.usefixtures("one_thread")


def test_every_name_has_a_home() -> None:
    assert set(get_args(Algorithm)) == set(ALGORITHMS)


@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if name != "mappo"])
def test_a_resumed_run_ends_with_the_same_weights_bit_for_bit(
    algorithm: str, tmp_path: Path
) -> None:
    config = tiny(algorithm=algorithm)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = read_bundle(trained(whole, config))[1]

    def stop(row: Any) -> None:
        if row.update == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(parts, config, report=stop)
    found = read_bundle(trained(parts, config, resume=True))[1]
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    clock = {"seconds", "steps_per_second"}
    rows = [[row.model_dump(exclude=clock) for row in read_rows(f)] for f in (whole, parts)]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("sharing", ["role", "all", "none"])
def test_a_bundle_plays_on_the_event_engine_what_greedy_evaluation_said(
    algorithm: str, sharing: str, tmp_path: Path
) -> None:
    config = tiny(algorithm=algorithm, sharing=sharing, updates=1, eval_every=1)
    world = tiny_world()
    policy = load_policy(trained(tmp_path, config), world)
    setup = Setup.of(world, world.order_up_to, config)
    assert len(setup.groups) == {"role": 2, "all": 1, "none": 4}[sharing]
    _, arrays = read_bundle(tmp_path / "bundle")
    layers = [policy._actors[group.group.agents[0]][1] for group in setup.groups]
    names = [f"actor/{group.group.name}/grid" for group in setup.groups]
    grids = [arrays[name] for name in names if name in arrays]
    found = evaluate(setup, layers, range(5, 7), grids)
    expected = [run_policy(world, draw_path(world, s), policy).cost.mean() for s in range(5, 7)]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_an_independent_critic_values_what_its_own_agent_sees_and_nothing_else() -> None:
    config = tiny(algorithm="ippo", sharing="none")
    setup = setup_of(config)
    learner = Ippo(setup, config)
    batch = Sampler(setup, config).collect(learner.weights(), 0).batch
    before = learner.critic.values(learner.critic.inputs(batch))
    seen = learner.critic.inputs(batch)
    seen[2] = seen[2] + 1.0
    after = learner.critic.values(seen)
    np.testing.assert_array_equal(np.delete(after, 2, -1), np.delete(before, 2, -1))
    assert np.abs(after[..., 2] - before[..., 2]).min() > 0


def test_new_statistics_leave_independent_values_as_they_were() -> None:
    config = tiny(algorithm="ippo")
    learner = Ippo(setup_of(config), config)
    rng = stream(0, "test")
    shapes = [
        (7, *inputs.shape)
        for inputs in (g.inputs(np.zeros((200, 1)))[..., 0] for g in setup_of(config).groups)
    ]
    seen = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    before = learner.critic.values(seen)
    learner.critic.renormalise(before + np.float32(300.0))
    np.testing.assert_allclose(learner.critic.values(seen), before, rtol=1e-3, atol=1e-3)


def test_an_independent_learner_is_rewarded_by_its_own_stream() -> None:
    config = tiny(algorithm="ippo")
    setup = setup_of(config, reward="local")
    learner = Ippo(setup, config)
    batch = Sampler(setup, config).collect(learner.weights(), 0).batch
    np.testing.assert_array_equal(learner.critic.rewards(batch), batch.rewards)
    team = setup_of(config)
    alone = Ippo(team, config)
    batch = Sampler(team, config).collect(alone.weights(), 0).batch
    rewards = alone.critic.rewards(batch)
    assert rewards.shape[-1] == 4
    np.testing.assert_array_equal(rewards, np.repeat(batch.rewards, 4, axis=-1))


def test_sequential_agents_weigh_their_advantages_by_how_those_before_have_moved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = tiny(algorithm="happo", kl_stop=1e9)
    setup = setup_of(config)
    learner = Happo(setup, config)
    batch = Sampler(setup, config).collect(learner.weights(), 0).batch
    turns: list[tuple[int, np.ndarray]] = []
    passes = Happo._passes

    def watched(self: Happo, data: Any, order: Any, number: int, groups: Any, factor: Any) -> Any:
        turns.append((groups[0], factor.numpy().copy()))
        expected = np.ones_like(turns[-1][1])
        for g, _ in turns[:-1]:
            ratio = self.climber.log_ratio(data, g, slice(None)).sum(1).exp()
            expected = expected * ratio.detach().numpy()
        np.testing.assert_allclose(turns[-1][1], expected, rtol=1e-5)
        return passes(self, data, order, number, groups, factor)

    monkeypatch.setattr(Happo, "_passes", watched)
    learner.update(batch, 0, 0.0)
    assert sorted(g for g, _ in turns) == [0, 1, 2, 3]
    assert [g for g, _ in turns] == stream(config.seed, "agent order/0").permutation(4).tolist()
    assert np.abs(turns[-1][1] - 1.0).max() > 0


def test_with_one_agent_the_sequential_update_is_the_joint_one() -> None:
    agents = {"replenish": ["north"], "dispatch": []}
    results = []
    for algorithm, kind in (("happo", Happo), ("mappo", Mappo)):
        config = tiny(algorithm=algorithm, sharing="none")
        setup = setup_of(config, **agents)
        learner = kind(setup, config)
        learner.update(Sampler(setup, config).collect(learner.weights(), 0).batch, 0, 0.0)
        results.append(learner.weights().layers[0])
    for (weight, bias), (other, another) in zip(*results, strict=True):
        np.testing.assert_array_equal(weight, other)
        np.testing.assert_array_equal(bias, another)


@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if name != "pathwise"])
def test_a_reward_that_is_not_finite_is_an_error_that_says_so(
    algorithm: str, tmp_path: Path
) -> None:
    config = tiny(algorithm=algorithm)
    setup = setup_of(config)
    learner = make_learner(setup, config, tmp_path)
    batch = learner.collect(Sampler(setup, config), 0).batch
    broken = replace(batch, rewards=np.full_like(batch.rewards, np.nan))
    with pytest.raises(TrainingError, match="not finite"):
        learner.update(broken, 17, 0.0)


def test_a_parent_that_was_trained_otherwise_is_refused(tmp_path: Path) -> None:
    parent = trained(tmp_path / "parent", tiny(updates=1))
    with pytest.raises(TrainingError, match="grouped otherwise"):
        trained(tmp_path / "child", tiny(algorithm="happo"), parent=parent)
    child = trained(tmp_path / "fine", tiny(algorithm="ippo", updates=1), parent=parent)
    assert read_bundle(child)[0].parent


def test_a_training_file_says_what_is_trained_and_options_win(tmp_path: Path) -> None:
    path = tmp_path / "training.yaml"
    path.write_text("kind: training\nalgorithm: ippo\ngamma: 0.9\nseed: 7\n", encoding="utf-8")
    config = train_config(1, None, "happo", path)
    assert (config.algorithm, config.gamma, config.seed) == ("happo", 0.9, 1)
    assert config.shared == "none"
    path.write_text("kind: training\nalgoritm: ippo\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match="algorithm"):
        train_config(1, file=path)
