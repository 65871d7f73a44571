"""Forecasts are functions of the path, seen alike through tools, by both engines, and by agents."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import twin
from agents.gateway.episode import run_through_tools
from twin.engine.batch import BatchEngine, stack_paths
from twin.engine.event import EventEngine
from twin.env.act import codecs
from twin.env.agents import agent_specs
from twin.env.episode import run_policy
from twin.env.observe import Layout, global_vector
from twin.env.policy import RulePolicy
from twin.env.rules import default_rule
from twin.exogenous.forecast import forecasts
from twin.exogenous.path import draw_path
from twin.network.world import compile_world

QUICKSTART = Path(__file__).parent.parent / "scenarios" / "quickstart.yaml"
MODELS = {
    "naive": "{model: naive, horizon: 3}",
    "moving_average": "{model: moving_average, horizon: 3, window: 4}",
    "exponential_smoothing": "{model: exponential_smoothing, horizon: 3, alpha: 0.3}",
    "perfect": "{model: perfect, horizon: 3}",
}


def world_with(model, *more):
    return compile_world(twin.load(QUICKSTART, [f"forecasts={model}", *more]).model)


def test_naive_and_average_forecasts_are_what_their_names_say():
    world = world_with(MODELS["moving_average"])
    demand = draw_path(world, 2).demand
    seen = forecasts(world, demand, 2)
    north = world.nodes.index("north")
    # In the standard convention today's demand is known when orders are placed.
    assert seen[10, north, 0] == pytest.approx(3 * demand[7:11, north, 0].mean())
    naive = forecasts(world_with(MODELS["naive"]), demand, 2)
    np.testing.assert_allclose(naive[:, north, 0], 3 * demand[:, north, 0])


def test_a_perfect_forecast_without_error_comes_true():
    world = world_with(MODELS["perfect"])
    demand = draw_path(world, 2).demand
    seen = forecasts(world, demand, 2)
    east = world.nodes.index("east")
    assert seen[5, east, 0] == demand[6:9, east, 0].sum()
    noisy = forecasts(world_with("{model: perfect, horizon: 3, error: 0.3}"), demand, 2)
    ratio = noisy[:100, east, 0] / seen[:100, east, 0]
    assert ratio.mean() == pytest.approx(1.0, abs=0.1)
    assert 0.2 < np.log(ratio).std() < 0.4


def test_a_warehouse_is_told_what_its_stores_will_ask_for():
    world = world_with(MODELS["perfect"])
    demand = draw_path(world, 4).demand
    seen = forecasts(world, demand, 4)
    dc, stores = world.nodes.index("dc"), [world.nodes.index(n) for n in ("north", "east", "south")]
    np.testing.assert_allclose(seen[:, dc], seen[:, stores].sum(axis=1))


@pytest.mark.parametrize("model", list(MODELS))
def test_both_engines_show_the_same_forecast(model):
    world = world_with(MODELS[model])
    path = draw_path(world, 1)
    event, batch = EventEngine(world, path), BatchEngine(world, stack_paths(world, [path]))
    places = Layout.of(world).places("forecast")
    assert event.advance()
    assert batch.advance()
    one, many = global_vector(world, event), global_vector(world, batch)
    np.testing.assert_allclose(many[:, 0], one, rtol=1e-12, atol=1e-9)
    np.testing.assert_array_equal(one[places].ravel(), forecasts(world, path.demand, 1)[0].ravel())


def test_forecasts_come_through_the_tools_as_they_are():
    world = world_with(MODELS["moving_average"], "horizon=20 d")
    path = draw_path(world, 1)
    rule = default_rule(world)
    direct = run_policy(world, path, RulePolicy(world, rule))
    through = run_through_tools(world, path, RulePolicy(world, rule), rule, 1)
    assert through.ledger.digest == direct.digest
    assert through.violations == ()


def test_without_forecasts_nothing_changes_and_with_them_agents_see_one_number_more():
    without = compile_world(twin.load(QUICKSTART).model)
    world = world_with(MODELS["naive"])
    assert Layout.of(world).size == Layout.of(without).size + len(world.nodes)
    before = {spec.name: spec.size for spec in agent_specs(without)}
    for spec in agent_specs(world):
        more = 2 if spec.role == "replenish" else 0  # the forecast and its age
        assert spec.size == before[spec.name] + more
    assert all(np.isfinite(codec.scale).all() for codec in codecs(world))
    changed = replace(draw_path(world, 0), demand=2 * draw_path(world, 0).demand)
    assert forecasts(world, changed.demand, 0).sum() > forecasts(world, changed.demand / 2, 0).sum()
