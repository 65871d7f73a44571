"""The perfect-information bound: nobody beats it, and where it is exact its plan is carried out."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import twin
from agents.baselines.oracle import discounted_cost, lp_bound, replayed_cost
from agents.baselines.oracle_room import measure_seeds, summed_up
from agents.baselines.oracle_rules import UNPROVEN, WHOLE_VEHICLES
from tests.profiles import laws
from tests.strategies import decisions, sample_paths, worlds
from twin.cli import run
from twin.engine.event import EventEngine
from twin.env.rules import default_rule
from twin.errors import UsageError
from twin.exogenous.path import draw_path
from twin.network.world import compile_world
from twin.simulation import run_rule

SMALL_STORE = ["convention=standard", "integral=false", "lanes.stage1 -> retailer.holding=0.3"]
ROOT = Path(__file__).parent.parent
SCENARIOS = ROOT / "scenarios"


def world_of(name, *overrides):
    return compile_world(twin.load(SCENARIOS / f"{name}.yaml", list(overrides)).model)


def close(value):
    return pytest.approx(value, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("reference/orgym_inv_backlog", ["integral=false"]),
        ("reference/orgym_inv_lost", ["integral=false"]),
        ("reference/orgym_inv_lost", []),
        ("reference/orgym_inv_backlog", ["lanes.plant -> stage2.order_lead_time=2 d"]),
        ("reference/snyder_6_1", ["horizon=40 d"]),
        ("reference/snyder_6_1", ["horizon=40 d", "convention=standard"]),
        ("reference/orgym_inv_lost", ["nodes.retailer.capacity=110", *SMALL_STORE]),
    ],
)
def test_the_bounds_orders_cost_exactly_the_bound(name, overrides):
    world = world_of(name, *overrides)
    for seed in range(3):
        path = draw_path(world, seed)
        bound = lp_bound(world, path)
        assert bound.relaxed == ()
        assert replayed_cost(world, path, bound) == close(bound.cost)


@pytest.mark.parametrize(
    ("name", "mean", "sd"),
    [
        ("orgym_inv_backlog", 560.4, 32.5),
        ("orgym_inv_lost", 556.0, 28.7),
        ("orgym_network_backlog", 861.3, 56.4),
        ("orgym_network_lost", 854.9, 49.9),
    ],
)
def test_the_bound_of_or_gym_is_the_published_one(name, mean, sd):
    world = world_of(f"reference/{name}")
    rewards = [lp_bound(world, draw_path(world, seed)).reward for seed in range(500, 510)]
    assert np.mean(rewards) == pytest.approx(mean, abs=3 * sd / np.sqrt(len(rewards)))


@laws(25)
@given(st.data())
def test_no_policy_costs_less_than_the_bound(data):
    world = data.draw(worlds(8).filter(lambda world: not world.model.independent_links))
    path = data.draw(sample_paths(world))
    chosen = data.draw(decisions(world, 1))
    bound = lp_bound(world, path, data.draw(st.booleans()))
    engine = EventEngine(world, path)
    while engine.advance():
        engine.decide(chosen.of(engine.t, 0))
    replayed = replayed_cost(world, path, bound)
    least = bound.cost - 1e-6 * (1 + abs(bound.cost))
    assert bound.cost <= bound.planned + 1e-9
    assert min(discounted_cost(engine.ledger), replayed) >= least
    assert discounted_cost(run_rule(world, path, default_rule(world))) >= least
    if set(bound.relaxed) <= {UNPROVEN}:
        assert replayed == close(bound.planned)


def test_whole_vehicles_can_only_cost_more():
    world = world_of("quickstart", "horizon=21 d")
    path = draw_path(world, 0)
    whole, parts = lp_bound(world, path), lp_bound(world, path, False)
    assert whole.cost > parts.cost
    assert WHOLE_VEHICLES in parts.relaxed
    assert WHOLE_VEHICLES not in whole.relaxed
    assert replayed_cost(world, path, whole) == pytest.approx(whole.cost, rel=0.01)


def test_a_path_with_a_closed_lane_costs_at_least_as_much():
    world = world_of("reference/orgym_inv_lost")
    path = draw_path(world, 1)
    closed = path.lane_open.copy()
    closed[:10, world.lanes.index("stage1->retailer")] = 0.0
    assert lp_bound(world, replace(path, lane_open=closed)).cost > lp_bound(world, path).cost


def test_order_costs_are_relaxed_and_said_so():
    world = world_of("reference/snyder_6_1", "horizon=20 d", "lanes.stage2 -> stage1.order_cost=9")
    path = draw_path(world, 0)
    bound = lp_bound(world, path)
    assert [rule.partition(":")[0] for rule in bound.relaxed] == ["fixed order costs"]
    assert replayed_cost(world, path, bound) > bound.cost


def test_independent_links_have_no_bound():
    world = world_of("reference/orgym_inv_lost", "independent_links=true")
    with pytest.raises(UsageError, match="below zero"):
        lp_bound(world, draw_path(world, 0))


def test_the_room_is_paired_and_the_same_in_any_number_of_processes():
    world = world_of("reference/orgym_inv_lost")
    runs = [measure_seeds(world, default_rule(world), range(3), jobs=jobs) for jobs in (1, 2)]
    first, second = ([replace(run, seconds=0.0) for run in found] for found in runs)
    assert first == second
    room = summed_up(first)
    assert room.room.mean == pytest.approx(room.static.mean - room.bound.mean)
    assert room.room.low < room.room.mean < room.room.high


def test_the_command_prints_static_bound_and_room(capsys):
    scenario = str(SCENARIOS / "reference" / "orgym_inv_lost.yaml")
    assert run(["bound", scenario, "--seeds", "2", "--no-tune"]) == 0
    text = capsys.readouterr().out
    assert "static base-stock" in text
    assert "perfect information" in text
    assert "can be won" in text
    assert run(["bound", scenario, "--seeds", "2", "--no-tune", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    costs = document["cost_per_period"]
    assert costs["bound"]["mean"] < costs["static"]["mean"]
    assert document["nothing_to_win"] is False


def test_the_command_says_when_there_is_nothing_to_win(capsys):
    # Nothing can be shipped within the horizon, so that no decision matters.
    overrides = [
        word
        for lane in ("source -> stage3", "stage3 -> stage2", "stage2 -> stage1")
        for word in ("--set", f"lanes.{lane}.lead_time=9 d")
    ]
    scenario = str(SCENARIOS / "reference" / "snyder_6_1.yaml")
    idle = [
        "--set", "horizon=5 d",
        *(word for i in (1, 2, 3) for word in ("--set", f"nodes.stage{i}.order_up_to=0")),
    ]  # fmt: skip
    assert run(["bound", scenario, "--seeds", "2", "--no-tune", *overrides, *idle]) == 0
    assert "There is no room" in capsys.readouterr().out
