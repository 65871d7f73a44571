"""Laws of rewards: they add up, twins differ by one agent only, shaping moves no ranking."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from agents.checkpoint.bundle import read_bundle
from agents.learn.alignment import Alignment, alignments
from agents.learn.batch import Weights
from agents.learn.config_parts import Reward
from agents.learn.horizon import Horizon, paths
from agents.learn.mappo import Mappo
from agents.learn.metrics import read_rows
from agents.learn.rewards import ownership, potential, reward_streams, shaping
from agents.learn.rollout import Sampler
from agents.learn.setup import Setup
from agents.learn.train import train
from tests.learning_world import setup_of, tiny, tiny_world, trained
from twin.engine.ledger import agent_rewards
from twin.env.agents import agent_specs
from twin.exogenous.streams import stream
from twin.network.world import World

pytestmark = pytest.mark.usefixtures("one_thread")


def lean_levels(world: World) -> np.ndarray:
    """Little enough stock in the warehouse that the stores feel every unit less."""
    return world.order_up_to * np.array([1.0, 0.4, 1.0, 1.0])[:, None]


def profits() -> np.ndarray:
    return stream(0, "test").standard_normal((6, 5, 4)) * 1e3


@pytest.mark.parametrize(
    "reward",
    [{"mode": "team"}, {"mode": "local"}, *({"mode": "mix", "alpha": a} for a in (0, 0.3))],
)
@pytest.mark.parametrize("agents", [{}, {"replenish": ["north"], "dispatch": []}])
def test_the_agents_rewards_sum_to_the_teams(reward: Any, agents: Any) -> None:
    world = tiny_world(**agents)
    found = reward_streams(world, profits(), Reward(**reward)).sum(axis=-1)
    np.testing.assert_allclose(found, profits().sum(axis=-1), rtol=0, atol=1e-9)


def test_a_node_with_two_agents_is_shared_and_one_without_belongs_to_all() -> None:
    # Agents: replenish dc, north, south, dispatch trucks (at the dc); nodes: plant first.
    expected = [[0.25, 0.5, 0, 0], [0.25, 0, 1, 0], [0.25, 0, 0, 1], [0.25, 0.5, 0, 0]]
    np.testing.assert_array_equal(ownership(tiny_world()), expected)


@pytest.mark.parametrize("kind", ["team", "local"])
def test_without_a_mode_the_scenario_decides(kind: str) -> None:
    world = tiny_world(reward=kind)
    found = reward_streams(world, profits(), Reward())
    expected = agent_rewards(world, profits())
    if kind == "team":
        np.testing.assert_allclose(found[..., 0], expected.sum(axis=-1))
    else:
        np.testing.assert_array_equal(found, expected)


def still(learner: Mappo, awake: str | None = None) -> Weights:
    """Weights that play the static policy without noise, but for one agent."""
    weights = learner.weights()
    quiet = tuple(np.full_like(log_std, -30.0) for log_std in weights.log_std)
    if awake is not None:
        quiet[learner.names.index(awake)][:] = 0.0
    zeros = tuple(
        tuple((np.zeros_like(w), np.zeros_like(b)) for w, b in layers) for layers in weights.layers
    )
    return replace(weights, layers=zeros, log_std=quiet)


def test_who_plays_the_static_policy_makes_no_difference() -> None:
    config = tiny(reward={"mode": "difference"}, sharing="none")
    setup = setup_of(config)
    learner = Mappo(setup, config)
    nothing = Sampler(setup, config).collect(still(learner), 0).batch.rewards
    np.testing.assert_allclose(nothing, 0.0, atol=1e-3)
    sampler = Sampler(setup, config)
    batch = sampler.collect(still(learner, "replenish:north"), 0)
    team = reward_streams(setup.world, np.zeros((1, 4)), Reward(mode="team"))
    assert team.shape == (1, 1)
    np.testing.assert_allclose(np.delete(batch.batch.rewards, 1, -1), 0.0, atol=1e-3)
    made = batch.batch.rewards[..., 1]
    assert made.mean() == pytest.approx(batch.baseline_cost - batch.cost, abs=1e-3)
    assert np.abs(made).max() > 1.0


def test_what_a_twin_earns_does_not_depend_on_what_its_agent_does() -> None:
    config = tiny(reward={"mode": "difference"}, sharing="none", initial_log_std=0.0)
    setup = setup_of(config)
    learner = Mappo(setup, config)
    earned = []
    for change in (0.0, 1.0):
        weights = learner.weights()
        layers = list(weights.layers)
        weight, bias = layers[1][-1]
        layers[1] = (*layers[1][:-1], (weight, bias + change))  # replenish:north
        sampler = Sampler(setup, config)
        segment = sampler.collect(replace(weights, layers=tuple(layers)), 0)
        team = Sampler(
            setup_of(tiny(reward={"mode": "team"}, sharing="none", initial_log_std=0.0)), config
        )
        actual = team.collect(replace(weights, layers=tuple(layers)), 0).batch.rewards
        earned.append(actual - segment.batch.rewards)
    np.testing.assert_allclose(earned[0][..., 1], earned[1][..., 1], atol=1e-3)
    assert np.abs(earned[0][..., 0] - earned[1][..., 0]).max() > 0.1


def test_a_run_with_twins_resumes_bit_for_bit_in_the_middle_of_a_horizon(tmp_path: Path) -> None:
    config = tiny(reward={"mode": "difference", "shaping": 0.5})
    expected = read_bundle(trained(tmp_path / "whole", config))[1]

    def stop(row: Any) -> None:
        if row.update == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "parts", config, report=stop)
    found = read_bundle(trained(tmp_path / "parts", config, resume=True))[1]
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def run(setup: Setup, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Profit (period, B, node) and potential (period + 1, B, node) of moved base-stock levels."""
    horizon = Horizon(setup, setup.longer, paths(setup.longer, range(6)))
    level = setup.levels

    def phi() -> np.ndarray:
        return potential(setup.world, level, horizon.engine.inventory_position(), 2.0)

    earned, seen = [], [phi()]
    while not horizon.over:
        moved = [np.full((*g.used.shape, 6), shift, dtype=np.float32) for g in setup.groups]
        earned.append(horizon.step(horizon.decision(moved)))
        seen.append(phi())
    return np.array(earned), np.array(seen)


def test_shaping_leaves_the_order_of_policies_alone() -> None:
    setup, gamma = setup_of(tiny(reward={"shaping": 2.0})), 0.9
    plain, shaped, first = [], [], []
    for shift in (-1.0, -0.3, 0.0, 0.4, 1.5):
        earned, phi = run(setup, shift)
        discount = gamma ** np.arange(len(earned))[:, None, None]
        ended = (np.arange(len(earned)) == len(earned) - 1)[:, None, None]
        extra = shaping(phi[:-1], phi[1:], gamma, ended)
        plain.append((discount * earned).sum(axis=(0, 2)))
        shaped.append((discount * (earned + extra)).sum(axis=(0, 2)))
        first.append(phi[0].sum(axis=-1))
        assert np.abs(extra).max() > 1.0
    moved = np.array(shaped) - np.array(plain)
    np.testing.assert_allclose(moved, -np.array(first), atol=1e-9)
    np.testing.assert_array_equal(np.argsort(shaped, axis=0), np.argsort(plain, axis=0))


def test_a_bootstrapped_time_limit_keeps_the_true_potential() -> None:
    phi, gamma = stream(1, "test").standard_normal(7), 0.9
    earned, value_after = stream(2, "test").standard_normal(6), 5.0
    discount = gamma ** np.arange(6)
    plain = (discount * earned).sum() + gamma**6 * value_after
    extra = shaping(phi[:-1], phi[1:], gamma)
    # Values of the shaped rewards are the plain ones less Phi: V'(s) = V(s) - Phi(s).
    shaped = (discount * (earned + extra)).sum() + gamma**6 * (value_after - phi[-1])
    assert shaped - plain == pytest.approx(-phi[0])


def test_a_reward_that_misleads_is_named_with_numbers_and_a_shared_one_is_not() -> None:
    # The warehouse pays for holding stock, and only the stores for running out of it.
    world, config = tiny_world(), tiny(reward={"mode": "local"})
    lean = Setup.of(world, lean_levels(world), config)
    tests = {t.agent: t for t in alignments(lean, range(32))}
    found = tests["replenish:dc"]
    assert found.misaligned
    assert found.own > 0 > found.team
    assert found.p_value < 0.01
    assert "replenish:dc is misaligned" in str(found)
    assert f"{found.harmed} of {found.gained} paired runs" in str(found)
    assert alignments(setup_of(tiny(reward={"mode": "team"})), range(8)) == ()
    equal = alignments(setup_of(tiny(reward={"mode": "mix", "alpha": 0})), range(8))
    assert [t.agent for t in equal] == [s.name for s in agent_specs(tiny_world())]
    assert not any(t.misaligned or t.harmed for t in equal)


def test_the_sign_test_is_the_binomial_tail() -> None:
    assert Alignment("a", 4, 3, 1.0, -1.0).p_value == pytest.approx(5 / 16)
    assert Alignment("a", 0, 0, 0.0, 0.0).p_value == 1.0


def test_training_says_so_once_with_its_first_update(tmp_path: Path) -> None:
    world, config = tiny_world(), tiny(reward={"mode": "local", "alignment_seeds": 32})
    train(world, "tiny", "0" * 64, lean_levels(world), config, tmp_path)
    first, *others = read_rows(tmp_path)
    assert any("replenish:dc is misaligned" in event for event in first.events)
    assert not any(row.events for row in others)


def test_a_sum_of_values_refuses_differences() -> None:
    with pytest.raises(ValidationError, match="vdn splits the team's reward itself"):
        tiny(reward={"mode": "difference"}, algorithm="vdn")
