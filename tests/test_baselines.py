"""Tuned baselines: simulation optimisation under common random numbers, and rules on disk."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agents.baselines import (
    TunedRule,
    default_rules,
    rule_from_json,
    rule_to_json,
    tune_baselines,
)
from agents.baselines.search import minimise
from agents.baselines.space import separate_weekdays, space_for
from agents.baselines.tune import costs, repeated
from twin.engine.batch import stack_paths
from twin.env.rules import RULE_KINDS, TUNED_KINDS, WITH_REORDER, OrderingRule, RuleKind
from twin.errors import UsageError
from twin.exogenous.path import draw_path
from twin.network.world import World, compile_world
from twin.scenario.model import ScenarioModel
from twin.simulation import run_rule

POISSON = {"model": "poisson", "mean": 20, "weekly": [0.5, 0.5, 0.5, 1, 1.5, 2, 1]}


def shop(**changes: Any) -> World:
    """One store that loses what it cannot serve, fed by a supplier in two days."""
    store = {"kind": "store", "unmet": "lost", "holding": 1, "penalty": 9, "stock": 60}
    return compile_world(
        ScenarioModel.model_validate(
            {
                "name": "shop",
                "horizon": "56 d",
                "nodes": {"plant": {"kind": "supplier"}, "store": store | {"demand": POISSON}},
                "lanes": {"plant -> store": {"lead_time": "1 d", "order_cost": 20}},
            }
            | changes
        )
    )


def newsvendor() -> World:
    """A store with constant demand 10, no lead time, and a cost for every unit left over."""
    demand = {"model": "constant", "mean": 10}
    store = {"kind": "store", "unmet": "lost", "holding": 1, "penalty": 9, "demand": demand}
    nodes = {"plant": {"kind": "supplier"}, "store": store | {"order_up_to": 17}}
    return shop(nodes=nodes, lanes={"plant -> store": {}})


@pytest.fixture(scope="module")
def tuned() -> dict[RuleKind, TunedRule]:
    return tune_baselines(shop(), seed=3, seeds=8, budget=240)


def test_the_search_finds_the_minimum_of_a_rotated_bowl() -> None:
    centre, turn = np.array([1.0, -2.0, 0.5]), np.array([[1, 0.8, 0], [0, 1, 0.5], [0, 0, 0.2]])

    def bowl(points: np.ndarray) -> np.ndarray:
        return ((turn @ (points - centre[:, None])) ** 2).sum(axis=0)

    found = minimise(bowl, np.zeros(3), 0.5, 120, 12, np.random.default_rng(1))
    np.testing.assert_allclose(found, centre, atol=1e-3)


def test_the_search_never_ends_above_its_start() -> None:
    def spike(points: np.ndarray) -> np.ndarray:
        return np.where(np.abs(points).sum(axis=0) > 0, 1.0, 0.0)

    found = minimise(spike, np.zeros(2), 0.5, 5, 8, np.random.default_rng(1))
    assert spike(found[:, None]) == 0.0


def test_tuning_finds_the_level_of_a_problem_with_a_known_answer() -> None:
    result = tune_baselines(newsvendor(), kinds=("base_stock",), seeds=2, budget=300)["base_stock"]
    np.testing.assert_allclose(result.rule.level[0, 1, 0], 10.0, rtol=1e-2)
    assert result.cost < 0.1
    assert result.fill_rate > 0.98


def test_a_tuned_rule_beats_the_untuned_one_on_held_out_seeds(
    tuned: dict[RuleKind, TunedRule],
) -> None:
    world = shop()
    rules = default_rules(world)
    for kind, found in tuned.items():
        paths = [draw_path(world, seed) for seed in found.seeds]
        default = np.mean([run_rule(world, path, rules[kind]).cost.mean() for path in paths])
        assert found.cost < default


def test_batches_are_tuned_when_asked_for() -> None:
    found = tune_baselines(shop(), seed=3, seeds=8, budget=80, kinds=("r_q",))["r_q"]
    assert found.rule.kind == "r_q"
    assert np.isfinite(found.cost)


def test_richer_rules_earn_their_parameters(tuned: dict[RuleKind, TunedRule]) -> None:
    assert tuple(tuned) == TUNED_KINDS
    assert tuned["base_stock"].cost < tuned["constant"].cost
    assert tuned["weekday_base_stock"].cost < tuned["base_stock"].cost
    assert tuned["s_s"].cost < tuned["base_stock"].cost


def test_the_reported_cost_is_that_of_the_event_engine(tuned: dict[RuleKind, TunedRule]) -> None:
    world, result = shop(), tuned["s_s"]
    runs = [run_rule(world, draw_path(world, seed), result.rule) for seed in result.seeds]
    np.testing.assert_allclose(result.cost, np.mean([run.cost.mean() for run in runs]), rtol=1e-9)
    assert result.low < result.cost < result.high


def test_tuning_is_a_pure_function_of_world_and_seed(tuned: dict[RuleKind, TunedRule]) -> None:
    again = tune_baselines(shop(), seed=3, seeds=8, budget=240, kinds=("s_s",))["s_s"]
    assert again.cost == tuned["s_s"].cost
    assert again.seeds == tuned["s_s"].seeds
    np.testing.assert_array_equal(again.rule.level, tuned["s_s"].rule.level)


def test_progress_of_every_kind_rises_to_one() -> None:
    heard: dict[str, list[float]] = {}
    kinds: tuple[RuleKind, ...] = ("weekday_base_stock", "base_stock")
    tune_baselines(
        shop(),
        kinds=kinds,
        seeds=2,
        budget=40,
        progress=lambda kind, share: heard.setdefault(kind, []).append(share),
    )
    assert set(heard) == set(kinds)
    for shares in heard.values():
        assert shares == sorted(shares)
        assert shares[-1] == 1.0


def test_weekday_levels_are_left_out_where_a_period_is_not_a_day() -> None:
    world = shop(period="7 d")
    found = tune_baselines(world, seeds=2, budget=20)
    assert tuple(found) == ("constant", "base_stock", "s_s")
    with pytest.raises(UsageError, match="no kind of rule"):
        tune_baselines(world, kinds=("weekday_base_stock",), seeds=2, budget=20)


def test_many_products_share_one_factor_per_node() -> None:
    products = {f"p{k}": {} for k in range(20)}
    node = {"kind": "store", "demand": dict.fromkeys(products, POISSON)}
    nodes = {"plant": {"kind": "supplier"}, "a": node, "b": node}
    world = shop(products=products, nodes=nodes, lanes={"plant -> a": {}, "plant -> b": {}})
    assert space_for(world, "base_stock").size == 2
    assert space_for(world, "s_s").size == 4
    shared = space_for(world, "weekday_base_stock")
    assert shared.size == 7 + 2
    separate = separate_weekdays(world, shared.single(np.zeros(shared.size)))
    assert separate is not None
    assert separate.size == 14


@pytest.mark.parametrize("kind", RULE_KINDS)
def test_zero_is_the_start_of_every_search(kind: RuleKind) -> None:
    world = shop()
    space = space_for(world, kind)
    rule = space.single(np.zeros(space.size))
    want = world.throughput if kind == "constant" else world.order_up_to
    np.testing.assert_allclose(rule.level[:, 1], np.broadcast_to(want[1], rule.level[:, 1].shape))
    if kind in WITH_REORDER:
        np.testing.assert_array_equal(rule.reorder, rule.level)


def test_repeated_paths_give_every_candidate_the_same_luck() -> None:
    world = shop()
    path = stack_paths(world, [draw_path(world, seed) for seed in (1, 2)])
    space = space_for(world, "base_stock")
    found = costs(world, space, path, np.zeros((space.size, 3)))
    np.testing.assert_allclose(found, found[0], rtol=1e-12)
    np.testing.assert_array_equal(repeated(path, 3).demand[..., 4:], path.demand)


@pytest.mark.parametrize("kind", TUNED_KINDS)
def test_a_rule_survives_its_record(kind: RuleKind, tuned: dict[RuleKind, TunedRule]) -> None:
    rule = tuned[kind].rule
    back = rule_from_json(shop(), json.loads(json.dumps(rule_to_json(shop(), rule))))
    assert back.kind == kind
    np.testing.assert_array_equal(back.level, rule.level)
    if rule.reorder is not None:
        np.testing.assert_array_equal(back.reorder, rule.reorder)


def test_a_record_for_another_network_is_refused() -> None:
    world = shop()
    record = rule_to_json(world, default_rules(world)["base_stock"])
    with pytest.raises(UsageError, match="another network"):
        rule_from_json(world, {**record, "level": {"depot": {"unit": [1.0]}}})
    with pytest.raises(UsageError, match="another network"):
        rule_from_json(world, {**record, "level": {"store": {"crate": [1.0]}}})


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "magic"},
        {"kind": "s_s"},
        {"level": {"store": {"unit": [-1.0]}}},
        {"level": {"store": {"unit": [1.0, 2.0]}}},
        {"level": {"store": {"unit": ["NaN"]}}},
        {"surprise": 1},
    ],
    ids=str,
)
def test_a_malformed_record_is_refused(change: dict[str, Any]) -> None:
    world = shop()
    record = rule_to_json(world, default_rules(world)["base_stock"])
    with pytest.raises(UsageError):
        rule_from_json(world, record | change)


def test_a_node_through_which_nothing_flows_is_not_tuned() -> None:
    world = shop()
    idle = replace(world, throughput=0 * world.throughput)
    space = space_for(idle, "base_stock")
    assert space.size == 0
    assert isinstance(space.single(np.zeros(0)), OrderingRule)
