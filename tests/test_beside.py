"""Laws of networks that are played together: what plays beside them changes nothing in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twin
from agents.learn.batch import Batch
from agents.learn.config import TrainConfig
from agents.learn.counterfactual import widened
from agents.learn.horizon import Horizon, paths, static_profit
from agents.learn.mappo import Mappo
from agents.learn.rollout import Sampler, Segment
from agents.learn.setup import Setup
from tests.learning_world import TINY, tiny_world
from twin.engine.bounds import at_least
from twin.env.observe import global_vector
from twin.exogenous.streams import stream
from twin.network.world import compile_world

SCENARIOS = Path(__file__).parent.parent / "scenarios"
WORLDS = [
    "quickstart",
    "library/ecommerce_trucks",
    "library/cold_chain_lite",
    "library/two_tier_components",
]
FORMS = ("base_stock_correction", "order_quantity")


class Apart(Sampler):
    """The static policy is played by itself, before the networks are."""

    static_beside = False


def configured(**changes: Any) -> TrainConfig:
    return TrainConfig.model_validate({**TINY.model_dump(), "sharing": "none", **changes})


def segments(kind: type[Sampler], config: TrainConfig) -> list[Segment]:
    """Across a horizon's end."""
    world = tiny_world()
    setup = Setup.of(world, world.order_up_to, config)
    sampler, weights = kind(setup, config), Mappo(setup, config).weights()
    return [sampler.collect(weights, number) for number in range(4)]


def seen_and_done(batch: Batch) -> list[np.ndarray]:
    groups = [(g.inputs, g.actions, g.log_probability, g.cut_inputs) for g in batch.groups]
    return [batch.states, batch.cut_states, *(array for group in groups for array in group)]


CHANGES: list[dict[str, Any]] = [
    {},
    {"absence": {"kill": 0.3, "spell": 3}},
    {"recurrent": {"hidden": 4}},
    {"reward": {"mode": "difference"}},
]


@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_the_static_policy_earns_beside_the_networks_what_it_earns_alone(
    changes: dict[str, Any],
) -> None:
    config = configured(**changes)
    pairs = zip(segments(Sampler, config), segments(Apart, config), strict=True)
    for beside, apart in pairs:
        assert beside.baseline_cost == pytest.approx(apart.baseline_cost, rel=1e-6)
        assert beside.cost == pytest.approx(apart.cost, rel=1e-6)
        np.testing.assert_allclose(beside.batch.rewards, apart.batch.rewards, atol=1e-3)
        for one, other in zip(*map(seen_and_done, (beside.batch, apart.batch)), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_networks_with_twins_go_the_same_way_as_without() -> None:
    twins = segments(Sampler, configured(reward={"mode": "difference"}))
    alone = segments(Sampler, configured(reward={"mode": "team"}))
    for with_twins, without in zip(twins, alone, strict=True):
        assert with_twins.cost == pytest.approx(without.cost, rel=1e-6)
        pairs = zip(*map(seen_and_done, (with_twins.batch, without.batch)), strict=True)
        for one, other in pairs:
            np.testing.assert_allclose(one, other, atol=1e-5)


def playing(name: str, form: str, unmanned: int = 0) -> Horizon:
    """Three networks of a shipped scenario."""
    model = twin.load(SCENARIOS / f"{name}.yaml", ["horizon=10 d", f"agents.action.form={form}"])
    world = compile_world(model.model)
    setup = Setup.of(world, world.order_up_to, TINY)
    path = widened(paths(world, range(3)), 2) if unmanned else paths(world, range(3))
    return Horizon(setup, world, path, unmanned=unmanned)


def random_actions(horizon: Horizon, rng: np.random.Generator) -> list[np.ndarray]:
    """Some of them out of bounds."""
    shapes = [(*group.used.shape, horizon.manned) for group in horizon.setup.groups]
    return [rng.normal(0, 1.5, shape).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", WORLDS)
def test_all_agents_at_once_decide_what_each_decides_alone(name: str, form: str) -> None:
    horizon, rng = playing(name, form), stream(0, "test/actions")
    while not horizon.over:
        actions = random_actions(horizon, rng)
        found = horizon.decision(actions)
        expected = horizon.static_decision()
        for group, acts in zip(horizon.setup.groups, actions, strict=True):
            for i, codec in enumerate(group.codecs):
                lanes = codec.spec.lanes
                seen = horizon.vector[group.places[i, : codec.spec.size]]
                wish = codec.decode(seen, acts[i, : codec.action_size])
                if codec.spec.role == "replenish":
                    expected[0][lanes] = wish.reshape(len(lanes), -1, wish.shape[-1])
                else:
                    expected[1][lanes], expected[2][lanes] = np.split(wish, 2)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
        horizon.step(found)


def test_networks_without_agents_are_the_static_policys() -> None:
    horizon, rng = playing("quickstart", FORMS[0], unmanned=3), stream(0, "test/actions")
    expected = static_profit(horizon.setup, horizon.world, paths(horizon.world, range(3)))
    for row in expected:
        profit = horizon.step(horizon.decision(random_actions(horizon, rng)))
        np.testing.assert_allclose(profit[3:], row, rtol=1e-9)
        assert not np.allclose(profit[:3], row)


def test_who_looks_late_sees_what_was_there_all_along() -> None:
    """The vector is carried along from epoch to epoch, or read anew where nobody looked."""
    always, late = playing("quickstart", FORMS[0]), playing("quickstart", FORMS[0])
    while not always.over:
        fresh = global_vector(always.world, always.engine)
        np.testing.assert_array_equal(always.vector[:-1], fresh)
        if always.t % 4 == 3:
            np.testing.assert_array_equal(late.vector, always.vector)
        for horizon in (always, late):
            horizon.step(horizon.static_decision())


def test_a_bound_from_below_is_numpys_clip() -> None:
    values = stream(0, "test/bounds").standard_normal((3, 4)).astype(np.float32)
    found = at_least(values, 0, np)
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, np.clip(values, 0, None))
