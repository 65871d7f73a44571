"""Laws of choices: what cannot be done in a state is not offered, and something always is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.checkpoint.bundle import load_policy, read_bundle
from agents.credit.training import learnt_policy
from agents.learn.config import TrainConfig
from agents.learn.evaluation import evaluate, evaluation_seeds
from agents.learn.explore import nth_possible
from agents.learn.grid import action_grid
from agents.learn.horizon import Horizon, paths
from agents.learn.rollout import Sampler
from agents.learn.train import train
from tests.learning_world import prepared, tiny, tiny_world
from twin.env.act import codecs
from twin.env.choices import Choices, choices_of
from twin.env.episode import run_policy
from twin.exogenous.path import draw_path
from twin.exogenous.streams import stream
from twin.network.world import World, compile_world
from twin.scenario import from_mapping

pytestmark = pytest.mark.usefixtures("one_thread")
COUNT = 9


def small_world(form: str = "order_quantity") -> World:
    """The tiny world with a plant that ships on workdays only, and a lane of limited capacity."""
    model = tiny_world(action={"form": form, "range": 0.7}).model.model_dump(exclude_none=True)
    model["lanes"]["plant -> dc"] |= {
        "capacity": 20,
        "open": {"days": ["mon", "tue", "wed", "thu", "fri"]},
    }
    return compile_world(from_mapping(model).model)


def chooser(world: World, agent: str) -> Choices:
    codec = next(c for c in codecs(world) if c.spec.name == agent)
    return choices_of(world, codec, COUNT, 1.0)


def seen(choices: Choices, t: int = 0, **numbers: float) -> np.ndarray[Any, Any]:
    """An observation with some numbers in it, in a period of a horizon that starts on a Monday."""
    spec = choices.codec.spec
    found = np.zeros(spec.size)
    found[spec.slices["clock"].start] = t
    for name, value in numbers.items():
        [place] = [
            at for field, at in spec.slices.items() if field.endswith(f"{spec.entity}/{name}")
        ]
        found[place] = value
    return found


def test_an_order_above_what_the_lane_can_still_carry_is_not_possible() -> None:
    choices = chooser(small_world(), "replenish:dc")
    order = choices.grid[0] * choices.codec.max_order[0]
    assert order.max() == pytest.approx(20)
    np.testing.assert_array_equal(choices.possible(seen(choices))[0], True)
    np.testing.assert_array_equal(choices.possible(seen(choices, waiting=12.0))[0], order <= 8)
    full = choices.possible(seen(choices, waiting=50.0))[0]
    np.testing.assert_array_equal(full, order == 0)


def test_nothing_can_be_ordered_on_a_lane_that_is_closed() -> None:
    choices = chooser(small_world(), "replenish:dc")
    for t in range(10):
        found = choices.possible(seen(choices, t))[0]
        np.testing.assert_array_equal(found, (choices.grid[0] == 0) | (t % 7 < 5))
    struck = choices.possible(seen(choices), gate=np.array([0.0]))[0]
    np.testing.assert_array_equal(struck, choices.grid[0] == 0)


def test_of_corrections_that_order_nothing_only_the_nearest_to_zero_is_offered() -> None:
    choices = chooser(small_world("base_stock_correction"), "replenish:dc")
    codec = choices.codec
    level = codec.level[0] + codec.range * codec.flow[0] * choices.grid[0]
    stock = float((level[3] + level[4]) / 2)  # four choices order nothing
    found = choices.possible(seen(choices, on_hand=stock))[0]
    np.testing.assert_array_equal(found, [False, False, False, True, True, True, True, True, True])
    rich = choices.possible(seen(choices, on_hand=1e6))[0]
    np.testing.assert_array_equal(rich, choices.grid[0] == 0)
    poor = choices.possible(seen(choices, on_hand=0.0, waiting=19.0))[0]
    assert poor.tolist() == [True] + [False] * 8  # none fits: the least


def test_vehicles_that_are_not_there_cannot_be_sent() -> None:
    choices = chooser(small_world("base_stock_correction"), "dispatch:trucks")
    sent = np.round(3 * np.exp(0.7 * np.minimum(choices.grid, 0)))
    for idle in range(4):
        found = choices.possible(seen(choices, idle=float(idle)))
        for row, grid, number in zip(found, choices.grid, sent, strict=True):
            expected = np.isfinite(grid) & ((grid >= 0) | (number < idle))
            np.testing.assert_array_equal(row, expected if idle else grid == 0)


def test_many_states_at_once_mean_what_each_means_alone() -> None:
    world = small_world("base_stock_correction")
    for codec in codecs(world):
        choices = choices_of(world, codec, COUNT, 3.0)
        rows = stream(1, codec.spec.name).uniform(0, 30, (codec.spec.size, 20))
        rows[codec.spec.slices["clock"].start] = 5
        together = choices.possible(rows)
        assert together.any(axis=1).all()
        for b in range(20):
            np.testing.assert_array_equal(together[..., b], choices.possible(rows[:, b]))


def configured(**changes: Any) -> TrainConfig:
    small = {"steps": 4, "sequences": 4, "choices": COUNT, "bend": 1, "masks": True}
    content = {"value_learning": {**small, **changes.pop("value_learning", {})}, **changes}
    return tiny(**{"algorithm": "vdn", **content})


@pytest.mark.parametrize("epsilon", [0.0, 1.0])
def test_an_impossible_choice_is_never_made_neither_greedily_nor_at_random(
    epsilon: float, tmp_path: Path
) -> None:
    config = configured(value_learning={"epsilon": epsilon, "final_epsilon": epsilon}, segment=12)
    setup, learner = prepared(small_world(), config, tmp_path)
    batch = learner.collect(Sampler(setup, config), 0).batch
    forbidden = 0
    for group, setup_group in zip(batch.groups, setup.groups, strict=True):
        assert group.possible is not None
        taken = group.actions.astype(int)[..., None]
        made = np.take_along_axis(group.possible, taken, axis=-1)[..., 0]
        assert made[:, :, setup_group.used > 0].all()
        forbidden += int((~group.possible[:, :, setup_group.used > 0]).sum())
    assert forbidden > 0


def test_random_choices_reach_everything_that_is_possible_and_nothing_else() -> None:
    possible = np.array([True, False, True, True])[None, None, :, None].repeat(400, axis=3)
    uniform = stream(0, "test").random((1, 1, 400), dtype=np.float32)
    found, count = np.unique(nth_possible(possible, uniform), return_counts=True)
    assert found.tolist() == [0, 2, 3]
    assert count.min() > 100


@pytest.mark.parametrize("algorithm", ["vdn", "iql"])
@pytest.mark.parametrize("sharing", ["role", "all"])
def test_a_bundle_plays_on_the_event_engine_what_evaluation_said_within_the_masks(
    algorithm: str, sharing: str, tmp_path: Path
) -> None:
    world = small_world("base_stock_correction")
    config = configured(algorithm=algorithm, sharing=sharing, updates=2)
    folder = train(world, "tiny", "0" * 64, world.order_up_to, config, tmp_path / "run")
    policy = load_policy(folder, world)
    setup, _ = prepared(world, config, tmp_path)
    arrays = read_bundle(folder)[1]
    groups = [g.group.name for g in setup.groups]
    layers = [policy._actors[g.group.agents[0]].layers for g in setup.groups]
    grids = [arrays[f"actor/{name}/grid"] for name in groups]
    seeds = evaluation_seeds(3)
    found = evaluate(setup, layers, seeds, grids)
    expected = [run_policy(world, draw_path(world, s), policy).cost.mean() for s in seeds]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_masks_change_what_a_fleet_does_and_a_learnt_policy_keeps_to_them(tmp_path: Path) -> None:
    world, seeds = small_world(), evaluation_seeds(3)
    setup, learner = prepared(world, configured(), tmp_path)
    weights = learner.weights()
    found = evaluate(setup, weights.layers, seeds, weights.grids)
    policy = learnt_policy(setup, weights)
    expected = [run_policy(world, draw_path(world, s), policy).cost.mean() for s in seeds]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    plain, _ = prepared(world, configured(value_learning={"masks": False}), tmp_path / "plain")
    assert plain.masks == ()
    assert Horizon(plain, world, paths(world, seeds)).possible(0) is None
    assert (evaluate(plain, weights.layers, seeds, weights.grids) != found).any()


@pytest.mark.parametrize("algorithm", ["vdn", "iql"])
def test_learning_within_masks_is_finite_and_resumes_bit_for_bit(
    algorithm: str, tmp_path: Path
) -> None:
    world, config = small_world(), configured(algorithm=algorithm)

    def run(folder: Path, **options: Any) -> dict[str, Any]:
        made = train(world, "tiny", "0" * 64, world.order_up_to, config, folder, **options)
        return read_bundle(made)[1]

    def stop(row: Any) -> None:
        if row.update == 3:
            raise KeyboardInterrupt

    expected = run(tmp_path / "whole")
    assert all(np.isfinite(a).all() for name, a in expected.items() if "grid" not in name)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", report=stop)
    found = run(tmp_path / "parts", resume=True)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_the_grid_of_a_group_is_that_of_its_agents(tmp_path: Path) -> None:
    world = small_world("base_stock_correction")
    setup, _ = prepared(world, configured(), tmp_path)
    for group, masks in zip(setup.groups, setup.masks, strict=True):
        grid = action_grid(group, COUNT, 1.0, world.model.integral)
        for row, choices in zip(grid, masks, strict=True):
            np.testing.assert_array_equal(row[: len(choices.grid)], choices.grid)
