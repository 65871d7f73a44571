"""Laws of actors that remember: one unit in numpy and torch, exact memory, what it is good for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.checkpoint.bundle import FleetPolicy, load_policy, read_bundle
from agents.checkpoint.memory import Cell
from agents.credit.replay import Game, coalition_costs
from agents.credit.training import learnt_policy
from agents.gateway.episode import run_through_tools
from agents.learn.batch import Array, Batch, GroupBatch
from agents.learn.config import TrainConfig
from agents.learn.evaluation import evaluate, evaluation_seeds
from agents.learn.learner import make_learner
from agents.learn.memory import Memory
from agents.learn.networks import RecurrentMlp
from agents.learn.parent import read_parent
from agents.learn.policy_gradient import PolicyGradient
from agents.learn.rollout import Sampler
from agents.learn.setup import Setup
from agents.learn.unrolling import Unrolling
from agents.stability.delta import layer_deltas
from agents.stability.probe import Probe
from stress.invariants import weights_digest
from tests.learning_world import tiny, tiny_world, trained
from twin.engine.event import EventEngine
from twin.env.agents import agent_specs
from twin.env.episode import observation, run_policy, static_decision
from twin.env.observe import global_vector
from twin.env.rules import OrderingRule, default_rule
from twin.errors import TrainingError
from twin.exogenous.path import draw_path
from twin.exogenous.streams import stream

pytestmark = pytest.mark.usefixtures("one_thread")
Observations = dict[str, np.ndarray[Any, Any]]


def configured(**changes: Any) -> TrainConfig:
    return tiny(**{"algorithm": "mappo", "recurrent": {"hidden": 6}, **changes})


def prepared(config: TrainConfig, folder: Path) -> tuple[Setup, PolicyGradient]:
    world = tiny_world()
    setup = Setup.of(world, world.order_up_to, config)
    learner = make_learner(setup, config, folder)
    assert isinstance(learner, PolicyGradient)
    return setup, learner


def eager(learner: PolicyGradient) -> PolicyGradient:
    """The learner with heads so loud that memory shows in what it does."""
    with torch.no_grad():
        for actor in learner.actors:
            actor.mean.linear[-1].weight.mul_(100)
    return learner


def played(folder: Path, **changes: Any) -> FleetPolicy:
    return load_policy(trained(folder, configured(**changes)), tiny_world())


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
                ratio = torch.exp(learner._log_ratio(counted, g, part.rows)).detach().numpy()
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


@pytest.mark.parametrize("sharing", ["role", "none"])
def test_a_bundle_plays_on_the_event_engine_and_in_an_audit_what_evaluation_said(
    sharing: str, tmp_path: Path
) -> None:
    config = configured(sharing=sharing)
    setup, learner = prepared(config, tmp_path)
    weights, seeds = eager(learner).weights(), evaluation_seeds(2)
    found = evaluate(setup, weights.layers, seeds, cells=weights.cells)
    policy = learnt_policy(setup, weights)
    world = setup.world
    expected = [run_policy(world, draw_path(world, s), policy).cost.mean() for s in seeds]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    game = Game(world, policy, OrderingRule("base_stock", setup.levels[None]))
    everybody = np.ones((2, len(game.agents)), dtype=bool)
    np.testing.assert_allclose(coalition_costs(game, everybody, list(seeds)), found, rtol=1e-6)
    forgetful = replace(weights, cells=tuple(_still(cell) for cell in weights.cells))
    other = evaluate(setup, weights.layers, seeds, cells=forgetful.cells)
    assert (np.abs(other - found) > 1e-6).all()


def _still(cell: Cell) -> Cell:
    """The unit without its memory."""
    return cell._replace(weight_memory=np.zeros_like(cell.weight_memory))


def test_through_the_tools_a_fleet_remembers_what_it_would_have_seen_directly(
    tmp_path: Path,
) -> None:
    world, fleet = tiny_world(), played(tmp_path)
    rule = OrderingRule("base_stock", world.order_up_to[None])
    direct = run_policy(world, draw_path(world, 4), fleet, rule)
    for _ in range(2):  # the second episode starts with nothing remembered
        through = run_through_tools(world, draw_path(world, 4), fleet, rule, 0)
        assert through.ledger.digest == direct.digest


def epochs(count: int) -> list[Observations]:
    """What the agents see in the first epochs of the static policy."""
    world = tiny_world()
    engine = EventEngine(world, draw_path(world, 1))
    found = []
    for _ in range(count):
        engine.advance()
        vector = global_vector(world, engine)
        found.append({spec.name: observation(spec, vector) for spec in agent_specs(world)})
        engine.decide(static_decision(world, engine, default_rule(world)))
    return found


def test_asking_twice_or_in_another_order_changes_no_decision(tmp_path: Path) -> None:
    fleet = played(tmp_path)
    seen = epochs(4)
    expected = [fleet.act(observations) for observations in seen]
    fleet.reset(0)
    for observations, wishes in zip(seen, expected, strict=True):
        for name in reversed(list(observations)):
            for _ in range(2):
                own = fleet.act({name: observations[name]})[name]
                np.testing.assert_array_equal(own, wishes[name])


def test_a_missed_epoch_leaves_no_trace_and_reset_forgets(tmp_path: Path) -> None:
    setup, learner = prepared(configured(), tmp_path)
    fleet = learnt_policy(setup, eager(learner).weights())
    seen = epochs(4)
    first = fleet.act(seen[0])
    fleet.act(seen[2])
    third = fleet.act(seen[3])
    fleet.reset(0)
    assert _same(fleet.act(seen[0]), first)
    fleet.act(seen[1])
    fleet.act(seen[2])
    assert not _same(fleet.act(seen[3]), third)  # the second epoch was seen this time
    assert _same(fleet.act(seen[0]), first)  # an earlier epoch: another episode


def test_what_a_fleet_remembers_is_no_weight_and_its_unit_is(tmp_path: Path) -> None:
    fleet = played(tmp_path)
    before = weights_digest(fleet)
    for observations in epochs(2):
        fleet.act(observations)
    assert weights_digest(fleet) == before
    cell = fleet._actors["replenish:dc"].cell
    assert cell is not None
    changed = cell._replace(bias_in=cell.bias_in + 1)
    fleet._actors = {n: a._replace(cell=changed) for n, a in fleet._actors.items()}
    assert weights_digest(fleet) != before


def _same(one: Observations, two: Observations) -> bool:
    return all(np.array_equal(one[name], two[name]) for name in one)


def test_a_child_starts_with_what_its_parent_remembers_with(tmp_path: Path) -> None:
    parent = trained(tmp_path / "parent", configured(updates=1))
    setup, learner = prepared(configured(), tmp_path)
    learner.adopt(read_parent(parent, setup.world))
    arrays = read_bundle(parent)[1]
    for group, cell in zip(setup.groups, learner.weights().cells, strict=True):
        np.testing.assert_array_equal(
            cell.weight_memory, arrays[f"actor/{group.group.name}/cell/weight_memory"]
        )
    with pytest.raises(TrainingError, match="another number of units"):
        trained(tmp_path / "other", configured(recurrent={"hidden": 8}), parent=parent)
    plain = trained(tmp_path / "plain", configured(updates=1, recurrent=None))
    with pytest.raises(TrainingError, match="units"):
        trained(tmp_path / "forgets", configured(), parent=plain)
    changed = {d.layer: d.relative for d in layer_deltas(arrays, arrays)}
    assert changed["replenish/cell"] == 0.0


def test_drift_is_measured_with_memory(tmp_path: Path) -> None:
    setup, learner = prepared(configured(), tmp_path)
    weights = eager(learner).weights()
    probe = Probe.of(setup, weights)
    assert probe.distance(weights) == 0.0
    forgetful = replace(weights, cells=tuple(_still(cell) for cell in weights.cells))
    assert probe.distance(forgetful) > 0.0


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
