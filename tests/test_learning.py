"""Laws of learning: the update learns, the mathematics is right, a resumed run is the same run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.checkpoint.bundle import load_policy, read_bundle
from agents.checkpoint.groups import forward
from agents.learn.batch import Batch, GroupBatch
from agents.learn.config import TrainConfig
from agents.learn.evaluation import evaluate, evaluate_static
from agents.learn.gae import advantages
from agents.learn.mappo import Mappo
from agents.learn.metrics import read_rows
from agents.learn.networks import orthogonal
from agents.learn.normaliser import ValueNormaliser, explained_variance
from agents.learn.rollout import Sampler
from agents.learn.setup import Setup
from agents.learn.state import CHECKPOINTS
from tests.learning_world import TINY, tiny_world, trained
from twin.env.episode import run_policy
from twin.errors import TrainingError
from twin.exogenous.path import draw_path
from twin.exogenous.streams import stream

pytestmark = pytest.mark.usefixtures("one_thread")


def prepared(config: TrainConfig = TINY, **agents: Any) -> tuple[Setup, Mappo]:
    world = tiny_world(**agents)
    setup = Setup.of(world, world.order_up_to, config)
    return setup, Mappo(setup, config)


def test_advantages_equal_the_hand_worked_case_with_a_time_limit_in_the_middle() -> None:
    rewards = np.array([[1.0], [2.0], [3.0], [4.0]], dtype=np.float32)
    values = np.array([[10.0], [20.0], [30.0], [40.0]], dtype=np.float32)
    # After step 1 the time limit strikes in a state worth 100; step 3 ends the segment (200).
    following = np.array([[20.0], [100.0], [40.0], [200.0]], dtype=np.float32)
    cut = np.array([False, True, False, True])
    found, targets = advantages(rewards, values, following, cut, 0.5, 0.5)
    # deltas: 1 + 10 - 10 = 1; 2 + 50 - 20 = 32; 3 + 20 - 30 = -7; 4 + 100 - 40 = 64
    np.testing.assert_allclose(found[:, 0], [1 + 0.25 * 32, 32, -7 + 0.25 * 64, 64])
    np.testing.assert_allclose(targets, found + values)


def test_normalised_values_can_be_restored() -> None:
    rng = stream(0, "test")
    normaliser = ValueNormaliser(2, 0.9)
    returns = (rng.standard_normal((50, 2)) * [3.0, 500.0] + [-7.0, 1e4]).astype(np.float32)
    np.testing.assert_allclose(normaliser.restored(normaliser.normalised(returns)), returns)
    normaliser.update(returns)
    np.testing.assert_allclose(normaliser.mean, returns.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(normaliser.sd, returns.std(axis=0), rtol=1e-3)
    again = normaliser.restored(normaliser.normalised(returns))
    np.testing.assert_allclose(again, returns, rtol=1e-5)


def test_new_statistics_of_returns_leave_the_values_as_they_were() -> None:
    setup, learner = prepared()
    states = stream(0, "test").standard_normal((20, setup.state_size)).astype(np.float32)
    before = learner.critic.values([states])
    learner.critic.renormalise(np.full((5, 4, 1), 300.0, dtype=np.float32) + before[0])
    np.testing.assert_allclose(learner.critic.values([states]), before, rtol=1e-3, atol=1e-3)


def test_explained_variance_is_one_for_perfect_and_zero_for_constant_values() -> None:
    returns = np.arange(6, dtype=np.float32)
    assert explained_variance(returns, returns) == 1.0
    assert explained_variance(np.zeros(6, dtype=np.float32), returns) == pytest.approx(0.0)


def test_initial_weights_are_orthogonal() -> None:
    for rows, columns in ((5, 9), (9, 5)):
        found = orthogonal(rows, columns, stream(0, "test"))
        product = found @ found.T if rows < columns else found.T @ found
        np.testing.assert_allclose(product, np.eye(5), atol=1e-12)


def test_the_ratio_is_one_before_the_first_gradient_step() -> None:
    setup, learner = prepared()
    batch = Sampler(setup, TINY).collect(learner.weights(), 0).batch
    for actor, used, group in zip(learner.actors, learner.used, batch.groups, strict=True):
        new = actor.log_probability(
            torch.from_numpy(group.inputs), torch.from_numpy(group.actions), used
        )
        ratio = np.exp(new.detach().numpy() - group.log_probability)
        np.testing.assert_allclose(ratio, 1.0, atol=1e-4)


def test_the_first_kl_divergence_is_small_and_a_tight_limit_stops_the_actors() -> None:
    setup, _ = prepared()
    batch = Sampler(setup, TINY).collect(prepared()[1].weights(), 0).batch
    moved = []
    for limit in (1e-9, 1e9):
        config = TINY.model_copy(update={"kl_stop": limit, "epochs": 6})
        _, learner = prepared(config)
        before = learner.weights().layers[0][0][0]
        learner.update(batch, 0, 0.0)
        moved.append(float(np.abs(learner.weights().layers[0][0][0] - before).sum()))
    assert 0 < moved[0] < moved[1]


def bandit(setup: Setup, learner: Mappo, update: int) -> Batch:
    """One-period trajectories whose reward is the negative distance of all actions from one."""
    rng = stream(update, "test/bandit")
    periods, replications = 8, 64
    groups, distance = [], np.zeros((periods, replications), dtype=np.float32)
    weights = learner.weights()
    for group, layers, log_std in zip(setup.groups, weights.layers, weights.log_std, strict=True):
        agents = len(group.used)
        inputs = np.zeros((periods, replications, agents, group.group.input_size), np.float32)
        inputs[..., np.arange(agents), group.group.observation_size + np.arange(agents)] = 1.0
        mean = forward(layers, inputs.swapaxes(-1, -2)).swapaxes(-1, -2)
        noise = rng.standard_normal(mean.shape).astype(np.float32)
        acted = mean + np.exp(log_std) * noise
        density = (0.5 * noise**2 + log_std + 0.5 * np.log(2 * np.pi)) * group.used
        groups.append(GroupBatch(inputs, acted, -density.sum(-1), inputs))
        distance += (np.abs(acted - 1.0) * group.used).sum((-1, -2))
    states = np.zeros((periods, replications, setup.state_size), dtype=np.float32)
    cut = np.ones(periods, dtype=np.bool_)
    return Batch(tuple(groups), states, cut, states, -distance[..., None])


def test_the_mean_moves_to_where_the_advantage_is() -> None:
    config = TINY.model_copy(
        update={"actor_rate": 3e-3, "gamma": 0.0, "epochs": 4, "final_rate_share": 1.0}
    )
    setup, learner = prepared(config)
    first = learner.update(bandit(setup, learner, 0), 0, 0.0)
    assert first.kl < 1.0
    for update in range(1, 60):
        learner.update(bandit(setup, learner, update), update, 0.0)
    for group, acted in zip(setup.groups, bandit(setup, learner, 99).groups, strict=True):
        mean = acted.actions.mean((0, 1))[group.used > 0]
        assert mean.min() > 0.4, mean


def test_a_loss_that_is_not_finite_is_an_error_that_says_so() -> None:
    setup, learner = prepared()
    batch = Sampler(setup, TINY).collect(learner.weights(), 0).batch
    broken = replace(batch, rewards=np.full_like(batch.rewards, np.nan))
    with pytest.raises(TrainingError, match="value loss is not finite") as caught:
        learner.update(broken, 17, 0.0)
    assert caught.value.where == "update 17"


def test_numpy_and_torch_agree_on_the_actors() -> None:
    setup, learner = prepared()
    for group, actor in zip(setup.groups, learner.actors, strict=True):
        rows = stream(1, "test").standard_normal((50, group.group.input_size)).astype(np.float32)
        expected = actor.mean(torch.from_numpy(rows)).detach().numpy()
        found = forward(actor.mean.arrays(), np.ascontiguousarray(rows.T)).T
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_segment_that_passes_the_time_limit_is_cut_there_and_shows_the_state_after_it() -> None:
    setup, learner = prepared()
    sampler = Sampler(setup, TINY)
    weights = learner.weights()
    cuts = [sampler.collect(weights, update).batch for update in range(3)]
    assert [np.flatnonzero(b.cut).tolist() for b in cuts] == [[4], [4], [1, 4]]
    clock = len(setup.state_scale) - 8
    assert cuts[2].cut_states[0, :, clock] == pytest.approx(1.0)
    assert cuts[2].states[2, :, clock] == pytest.approx(0.0)


def test_exploration_belongs_to_the_update_and_paths_to_the_horizon() -> None:
    setup, learner = prepared()
    weights = learner.weights()
    first, again = Sampler(setup, TINY), Sampler(setup, TINY)
    one, two = first.collect(weights, 0), again.collect(weights, 0)
    np.testing.assert_array_equal(one.batch.states, two.batch.states)
    np.testing.assert_array_equal(one.batch.groups[0].actions, two.batch.groups[0].actions)
    other = again.collect(weights, 7)
    assert not np.array_equal(first.collect(weights, 1).batch.rewards, other.batch.rewards)


def test_without_shared_networks_every_agent_has_its_own() -> None:
    config = TINY.model_copy(update={"sharing": "none"})
    setup, learner = prepared(config)
    assert [g.group.agents for g in setup.groups] == [
        ("replenish:dc",),
        ("replenish:north",),
        ("replenish:south",),
        ("dispatch:trucks",),
    ]
    batch = Sampler(setup, config).collect(learner.weights(), 0).batch
    assert np.isfinite(learner.update(batch, 0, 0.0).value_loss)


def test_local_rewards_make_one_stream_per_agent() -> None:
    setup, learner = prepared(reward="local")
    batch = Sampler(setup, TINY).collect(learner.weights(), 0).batch
    assert batch.rewards.shape == (5, 4, 4)
    assert np.isfinite(learner.update(batch, 0, 0.0).value_loss)


def test_actions_that_are_orders_start_at_the_mean_flow() -> None:
    setup, learner = prepared(action={"form": "order_quantity"})
    weights = learner.weights()
    inputs = setup.groups[0].inputs(np.zeros((len(setup.state_scale) + 1, 1)))
    np.testing.assert_allclose(forward(weights.layers[0], inputs), 0.25, atol=0.02)


def test_greedy_evaluation_costs_what_the_event_engine_says(tmp_path: Path) -> None:
    world = tiny_world()
    bundle = trained(tmp_path)
    manifest, _ = read_bundle(bundle)
    assert manifest.scenario == "tiny"
    setup, _ = prepared()
    policy = load_policy(bundle, world)
    layers = [policy._actors[group.group.agents[0]][1] for group in setup.groups]
    found = evaluate(setup, layers, range(5, 8))
    expected = [run_policy(world, draw_path(world, s), policy).cost.mean() for s in range(5, 8)]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert evaluate_static(setup, range(5, 8)).shape == (3,)


def test_a_resumed_run_ends_with_the_same_weights_bit_for_bit(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = read_bundle(trained(whole))[1]

    def stop(row: Any) -> None:
        if row.update == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(parts, report=stop)
    assert not (parts / "bundle").exists()
    found = read_bundle(trained(parts, resume=True))[1]
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    rows = [replaceable(row) for row in read_rows(parts)]
    assert rows == [replaceable(row) for row in read_rows(whole)]


def replaceable(row: Any) -> dict[str, object]:
    """A row without its clock times."""
    content: dict[str, object] = row.model_dump(exclude={"seconds", "steps_per_second"})
    return content


def test_an_interrupt_in_the_middle_of_an_update_loses_that_update_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = read_bundle(trained(whole))[1]
    original = Mappo._learn_policies

    def interrupted(self: Mappo, data: Any, order: Any, number: int) -> Any:
        found = original(self, data, order, number)
        if number == 2:
            raise KeyboardInterrupt
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Mappo, "_learn_policies", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained(parts)
    assert [p.name for p in sorted((parts / CHECKPOINTS).iterdir())] == ["update_000002"]
    found = read_bundle(trained(parts, resume=True))[1]
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_a_damaged_checkpoint_and_another_configuration_are_refused(tmp_path: Path) -> None:
    trained(tmp_path)
    newest = sorted((tmp_path / CHECKPOINTS).iterdir())[-1]
    with pytest.raises(TrainingError, match="another configuration"):
        trained(tmp_path, TINY.model_copy(update={"gamma": 0.5}), resume=True)
    path = newest / "state.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(TrainingError, match="damaged"):
        trained(tmp_path, resume=True)


def test_only_the_newest_checkpoints_are_kept(tmp_path: Path) -> None:
    trained(tmp_path, TINY.model_copy(update={"checkpoint_every": 1, "keep_checkpoints": 2}))
    names = sorted(p.name for p in (tmp_path / CHECKPOINTS).iterdir())
    assert names == ["update_000003", "update_000004"]


def test_a_run_is_never_written_over(tmp_path: Path) -> None:
    trained(tmp_path, TINY.model_copy(update={"updates": 1}))
    with pytest.raises(TrainingError, match="already"):
        trained(tmp_path)


def test_training_leaves_torch_as_it_found_it(tmp_path: Path) -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    trained(tmp_path, TINY.model_copy(update={"updates": 1, "threads": 2}))
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
