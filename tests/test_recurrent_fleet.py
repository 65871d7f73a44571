"""Laws of a fleet that remembers: what it plays, what it forgets, how it goes on from a parent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.checkpoint.bundle import read_bundle
from agents.checkpoint.memory import Cell
from agents.credit.replay import Game, coalition_costs
from agents.credit.training import learnt_policy
from agents.gateway.episode import run_through_tools
from agents.learn.evaluation import evaluate, evaluation_seeds
from agents.learn.parent import read_parent
from agents.stability.delta import layer_deltas
from agents.stability.probe import Probe
from stress.invariants import weights_digest
from tests.learning_world import tiny_world, trained
from tests.remembering import configured, eager, played, prepared
from twin.engine.event import EventEngine
from twin.env.agents import agent_specs
from twin.env.episode import observation, run_policy, static_decision
from twin.env.observe import global_vector
from twin.env.rules import OrderingRule, default_rule
from twin.errors import TrainingError
from twin.exogenous.path import draw_path

pytestmark = pytest.mark.usefixtures("one_thread")
Observations = dict[str, np.ndarray[Any, Any]]


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
