"""Laws of learning with actors that remember: exact memory, the right gradient, its use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.checkpoint.bundle import read_bundle
from agents.checkpoint.memory import Cell
from agents.learn.batch import Array, Batch, GroupBatch
from agents.learn.memory import Memory
from agents.learn.networks import RecurrentMlp
from agents.learn.policy_gradient import PolicyGradient
from agents.learn.rollout import Sampler
from agents.learn.setup import Setup
from agents.learn.unrolling import Unrolling
from tests.learning_world import trained
from tests.remembering import configured, eager, prepared
from twin.exogenous.streams import stream

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_unit_in_numpy_is_torchs() -> None:
    network = RecurrentMlp((5, 7, 3), 4, 1.0, stream(0, "test"))
    rng = stream(1, "test")
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.from_numpy(rng.standard_normal(tuple(parameter.shape))))
    inputs = rng.standard_normal((30, 9, 5)).astype(np.float32)
    memory = rng.standard_normal((9, 4)).astype(np.float32)
    expected = network(torch.from_numpy(inputs), torch.from_numpy(memory)).detach().numpy()
    own = Memory((), 0, 0)
    own.state = [memory.T]
    layers, cell = network.arrays(), network.cell()
    assert isinstance(cell, Cell)
    found = [own.act(0, layers, cell, np.ascontiguousarray(x.T)).T for x in inputs]
    np.testing.assert_allclose(np.array(found), expected, atol=1e-6 * np.abs(expected).max())


def test_the_gradient_sees_what_the_rollout_played_through_the_end_of_an_episode(
    tmp_path: Path,
) -> None:
    config = configured()
    setup, learner = prepared(config, tmp_path)
    sampler, weights = Sampler(setup, config), eager(learner).weights()
    batches = [sampler.collect(weights, number).batch for number in range(3)]
    assert np.flatnonzero(batches[2].cut).tolist() == [1, 4]
    for batch in batches:
        counted = learner._data(batch, batch.rewards, batch.rewards, None)
        for part in learner._minibatches(counted, stream(0, "test")):
            for g in range(len(setup.groups)):
                ratio = torch.exp(learner.climber.log_ratio(counted, g, part.rows)).detach().numpy()
                np.testing.assert_allclose(ratio, 1.0, atol=1e-4)


def test_memory_is_carried_from_segment_to_segment_and_begins_anew_with_an_episode(
    tmp_path: Path,
) -> None:
    config = configured()
    setup, learner = prepared(config, tmp_path)
    sampler, weights = Sampler(setup, config), learner.weights()
    first, second = (sampler.collect(weights, number).batch for number in range(2))
    for one, two in zip(first.groups, second.groups, strict=True):
        assert one.memory is not None
        assert two.memory is not None
        np.testing.assert_array_equal(one.memory, 0.0)
        assert np.abs(two.memory).max() > 0
    sampler.start_horizon(7)
    assert all((state == 0).all() for state in sampler.horizon.memory.state)
    again = Sampler(setup, config)
    again.collect(weights, 0)
    for held, group in zip(again.horizon.memory.rows(), second.groups, strict=True):
        np.testing.assert_array_equal(held, np.array(group.memory))


@pytest.mark.parametrize(
    ("algorithm", "reward"),
    [("mappo", "scenario"), ("ippo", "difference"), ("happo", "scenario")],
)
def test_a_resumed_run_ends_with_the_same_weights_bit_for_bit(
    algorithm: str, reward: str, tmp_path: Path
) -> None:
    config = configured(algorithm=algorithm, reward={"mode": reward}, checkpoint_every=1)
    expected = read_bundle(trained(tmp_path / "whole", config))[1]

    def stop(row: Any) -> None:
        if row.update == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "parts", config, report=stop)
    found = read_bundle(trained(tmp_path / "parts", config, resume=True))[1]
    assert found.keys() == expected.keys()
    assert any("/cell/" in name for name in found)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_value_learners_pathwise_and_a_warm_start_refuse_memory_by_name() -> None:
    for changes in ({"algorithm": "vdn"}, {"algorithm": "pathwise"}, {"warm_start": 0.5}):
        with pytest.raises(ValueError, match="recurrent needs one of mappo, ippo, happo"):
            configured(**changes)


CUE, STEPS, WIDTH = 0, 3, 64


def recall_task(setup: Setup, learner: PolicyGradient, update: int) -> tuple[Batch, float]:
    """Episodes that show a sign at first only; the reward is how close actions come to it at last.

    Also how far the mean actions are from the sign at the end, on average.
    """
    rng, weights = stream(update, "test/recall"), learner.weights()
    memory = Memory(setup.groups, setup.units, WIDTH)
    start = memory.rows()
    cue = rng.choice([-1.0, 1.0], WIDTH).astype(np.float32)
    groups, rewards = [], np.zeros((STEPS, WIDTH, 1), dtype=np.float32)
    missed = []
    for g, group in enumerate(setup.groups):
        agents, size = len(group.used), group.group.input_size
        inputs = np.zeros((STEPS, agents, size, WIDTH), dtype=np.float32)
        inputs[0, :, CUE] = cue
        mean = np.stack([weights.outputs(g, x, memory) for x in inputs])
        log_std = weights.log_std[g][..., None]
        noise = rng.standard_normal(mean.shape).astype(np.float32)
        spread: Array = np.exp(log_std)
        acted = mean + spread * noise
        density = (0.5 * noise**2 + log_std + 0.5 * np.log(2 * np.pi)) * group.used[..., None]
        used = group.used[..., None] / group.used.sum()
        rewards[-1, :, 0] -= (np.abs(acted[-1] - cue) * used).sum((0, 1))
        missed.append(float((np.abs(mean[-1] - cue) * used).sum((0, 1)).mean()))
        parts = [np.ascontiguousarray(x.transpose(0, 3, 1, 2)) for x in (inputs, acted)]
        chance = np.ascontiguousarray(-density.sum(2).transpose(0, 2, 1))
        own = start[g] if start else None
        groups.append(GroupBatch(parts[0], parts[1], chance, parts[0][:1], own))
    cut = np.array([False] * (STEPS - 1) + [True])
    states = np.zeros((STEPS, WIDTH, setup.state_size), dtype=np.float32)
    return Batch(tuple(groups), states, cut, states[:1], rewards), float(np.mean(missed))


def test_what_must_be_remembered_is_learnt_by_actors_that_remember_and_by_no_others(
    tmp_path: Path,
) -> None:
    missed = {}
    for name, recurrent in (("unit", {"hidden": 8}), ("none", None)):
        config = configured(
            recurrent=recurrent,
            gamma=0.0,
            lam=0.0,
            epochs=4,
            critic_epochs=1,
            minibatches=2,
            actor_rate=1e-2,
            final_rate_share=1.0,
            kl_stop=0.1,
        )
        setup, learner = prepared(config, tmp_path)
        for update in range(60):
            learner.update(recall_task(setup, learner, update)[0], update, 0.0)
        missed[name] = recall_task(setup, learner, 99)[1]
    assert missed["unit"] < 0.4, missed
    assert missed["none"] > 0.8, missed  # a sign that is not seen is missed by one on average


def test_an_agent_out_of_control_teaches_a_recurrent_network_nothing(tmp_path: Path) -> None:
    config = configured(sharing="none", absence={"kill": 0.3, "spell": 2})
    setup, learner = prepared(config, tmp_path)
    batch = Sampler(setup, config).collect(learner.weights(), 0).batch
    alive = np.ones((*batch.rewards.shape[:2], setup.agents), dtype=np.bool_)
    alive[..., 1] = False
    before = learner.weights().cells
    learner.update(replace(batch, alive=alive, cut_alive=alive[:1]), 0, 0.0)
    moved = [
        not np.array_equal(one.weight_memory, two.weight_memory)
        for one, two in zip(before, learner.weights().cells, strict=True)
    ]
    assert moved == [True, False, True, True]


def test_without_memory_rows_are_not_unrolled(tmp_path: Path) -> None:
    config = configured(recurrent=None)
    setup, learner = prepared(config, tmp_path)
    batch = Sampler(setup, config).collect(learner.weights(), 0).batch
    assert Unrolling.of(batch, torch.device("cpu")) is None
    assert learner.weights().cells == ()
