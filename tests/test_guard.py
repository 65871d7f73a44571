"""Laws of the guard: a run that loses its footing is caught, goes back, and ends no worse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.checkpoint.bundle import read_bundle
from agents.checkpoint.groups import Layers
from agents.learn.config import TrainConfig
from agents.learn.config_parts import GuardLimits
from agents.learn.evaluation import evaluate, evaluate_static, evaluation_seeds
from agents.learn.mappo import Mappo
from agents.learn.metrics import TrainingRow, read_rows
from agents.learn.parent import read_parent
from agents.learn.rollout import Sampler
from agents.learn.run import TrainingRun
from agents.learn.setup import Setup
from agents.learn.vdn import Vdn
from agents.stability.guard import Figures, Guard
from agents.stability.probe import Probe
from tests.learning_world import tiny, tiny_world, trained
from twin.errors import DivergenceError

pytestmark = pytest.mark.usefixtures("one_thread")


def hundredfold(**changes: Any) -> TrainConfig:
    """Learning rates a hundred times too high."""
    return tiny(actor_rate=0.3, critic_rate=0.3, updates=8, hidden=(32, 32), epochs=8, **changes)


def bundle_cost(folder: Path, config: TrainConfig) -> tuple[float, float]:
    """Greedy cost of a run's bundle and of the static policy, on the evaluation seeds."""
    world = tiny_world()
    parent = read_parent(folder / "bundle", world)
    setup = Setup.of(world, world.order_up_to, config)
    layers: list[Layers] = [parent.layers[g.group.name] for g in setup.groups]
    seeds = evaluation_seeds(config.eval_seeds)
    return float(evaluate(setup, layers, seeds).mean()), float(evaluate_static(setup, seeds).mean())


def test_a_learning_rate_a_hundred_times_too_high_is_caught_and_ends_no_worse_than_the_baseline(
    tmp_path: Path,
) -> None:
    config = hundredfold()
    trained(tmp_path, config)
    events = [event for row in read_rows(tmp_path) for event in row.events]
    assert any("above its limit" in event for event in events)
    assert any("rolled back to the last good state (1 of 8)" in event for event in events)
    cost, static = bundle_cost(tmp_path, config)
    assert cost <= static * (1 + 1e-6)


def test_the_steps_are_smaller_after_each_rollback_and_the_last_updates_hold(
    tmp_path: Path,
) -> None:
    world, config = tiny_world(), hundredfold()
    run = TrainingRun(world, world.order_up_to, config, tmp_path)
    run.start(resume=False)
    rows = []
    while not run.over:
        rows.append(run.advance())
        rate = run.learner.actor_adam.rate  # type: ignore[attr-defined]
        assert rate <= 0.3
    assert run.guard.rollbacks >= 1
    assert run.guard.rate_scale == pytest.approx(0.25**run.guard.rollbacks)
    assert not rows[-1].events
    assert rows[-1].kl < config.guard.kl


def test_a_run_that_was_rolled_back_resumes_bit_for_bit(tmp_path: Path) -> None:
    config = hundredfold()
    expected = read_bundle(trained(tmp_path / "whole", config))[1]

    def stop(row: TrainingRow) -> None:
        if row.events and row.update >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "parts", config, report=stop)
    found = read_bundle(trained(tmp_path / "parts", config, resume=True))[1]
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    events = [[row.events for row in read_rows(tmp_path / name)] for name in ("whole", "parts")]
    assert events[0] == events[1]


def poisoned(monkeypatch: pytest.MonkeyPatch, kind: Any, when: int) -> None:
    """Rewards of one update are not numbers."""
    update = kind.update

    def spoilt(self: Any, batch: Any, number: int, progress: float) -> Any:
        if number == when:
            batch.rewards[:] = np.nan
        return update(self, batch, number, progress)

    monkeypatch.setattr(kind, "update", spoilt)


@pytest.mark.parametrize(("algorithm", "kind"), [("mappo", Mappo), ("vdn", Vdn)])
def test_a_number_that_is_not_finite_is_rolled_back_and_said(
    algorithm: str, kind: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    poisoned(monkeypatch, kind, 2)
    replay = {"choices": 5, "steps": 2, "sequences": 4, "replay": {"segments": 1}}
    bundle = trained(tmp_path, tiny(algorithm=algorithm, value_learning=replay))
    rows = read_rows(tmp_path)
    assert [bool(row.events) for row in rows] == [False, False, True, False]
    assert "not finite" in rows[2].events[0]
    assert all(
        np.isfinite(array).all()
        for name, array in read_bundle(bundle)[1].items()
        if not name.endswith("grid")
    )


def test_without_a_guard_it_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    poisoned(monkeypatch, Mappo, 2)
    with pytest.raises(DivergenceError, match="not finite"):
        trained(tmp_path, tiny(guard={"enabled": False}))


def test_a_run_that_keeps_its_limits_is_not_touched(tmp_path: Path) -> None:
    found = read_bundle(trained(tmp_path / "guarded", tiny()))[1]
    expected = read_bundle(trained(tmp_path / "alone", tiny(guard={"enabled": False})))[1]
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert not any(row.events for row in read_rows(tmp_path / "guarded"))


def test_too_many_rollbacks_end_the_run_with_the_best_so_far(tmp_path: Path) -> None:
    config = tiny(updates=20, guard={"kl": 1e-12, "rollbacks": 2})
    trained(tmp_path, config)
    rows = read_rows(tmp_path)
    assert len(rows) == 3
    assert "stopped after 2 rollbacks" in rows[-1].events[-1]
    cost, static = bundle_cost(tmp_path, config)
    assert cost <= static * (1 + 1e-6)


def test_drift_is_held_against_the_parent(tmp_path: Path) -> None:
    parent = trained(tmp_path / "parent", tiny(updates=2))
    config = tiny(guard={"drift": 1e-6})
    trained(tmp_path / "child", config, parent=parent)
    events = [event for row in read_rows(tmp_path / "child") for event in row.events]
    assert any(event.startswith("drift in behaviour") for event in events)


GOOD = Figures(kl=0.01, residual_variance=1.0, drift=0.1, cost=110.0, baseline_cost=100.0)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"kl": 0.6}, "KL"),
        ({"kl": float("nan")}, "KL"),
        ({"residual_variance": 30.0}, "residual variance"),
        ({"drift": 2.0}, "drift"),
        ({"cost": 211.0}, "cost above"),
    ],
)
def test_each_limit_catches_its_own_figure(change: dict[str, float], name: str) -> None:
    guard = Guard(GuardLimits(drift=1.0), {})
    assert guard.breaches(GOOD) == ()  # the first rollout may cost a tenth more
    found = guard.breaches(Figures(**{**vars(GOOD), **change}))
    assert len(found) == 1
    assert found[0].startswith(name)
    assert "limit" in found[0]


def test_earnings_are_costs_below_zero() -> None:
    guard = Guard(GuardLimits(cost=0.5), {})
    assert guard.cost_breach(-400.0, -500.0) == ()
    assert guard.cost_breach(-200.0, -500.0) != ()


def test_a_fleet_does_not_differ_from_itself_and_padding_counts_nothing() -> None:
    config = tiny(sharing="all")
    world = tiny_world()
    setup = Setup.of(world, world.order_up_to, config)
    weights = Mappo(setup, config).weights()
    probe = Probe.of(setup, weights)
    assert probe.distance(weights) == 0.0
    moved = weights.plain()
    by_agent = probe.by_agent(moved)
    assert set(by_agent) == {codec.spec.name for g in setup.groups for codec in g.codecs}
    sizes = {c.spec.name: c.action_size for g in setup.groups for c in g.codecs}
    weighted = sum(by_agent[name][0] ** 2 * size for name, size in sizes.items())
    assert probe.distance(moved) == pytest.approx(np.sqrt(weighted / sum(sizes.values())))
    shifted = [
        tuple((w, b + 1.0) if i == len(layers) - 1 else (w, b) for i, (w, b) in enumerate(layers))
        for layers in moved.layers
    ]
    far = probe.distance(type(weights)(tuple(shifted), weights.log_std))
    assert far == pytest.approx(1.0, abs=0.1)


def test_a_rollback_starts_on_fresh_sample_paths(tmp_path: Path) -> None:
    world, config = tiny_world(), tiny(guard={"kl": 1e-12, "rollbacks": 5})
    run = TrainingRun(world, world.order_up_to, config, tmp_path)
    run.start(resume=False)
    before = run.sampler.number
    run.advance()
    assert run.sampler.number == before + 1
    assert run.sampler.horizon.t == 0
    assert isinstance(run.sampler, Sampler)
