"""Optimal policies from theory, against published figures, brute force and the twin itself."""

import itertools
import math

import numpy as np
import pytest

from agents.baselines.theory import (
    clark_scarf,
    newsvendor_normal,
    newsvendor_poisson,
    poisson_pmf,
    r_q_poisson,
    s_s_poisson,
)
from twin.engine.batch import stack_paths
from twin.engine.batch_run import run_rule_batch
from twin.env.rules import OrderingRule
from twin.errors import UsageError
from twin.exogenous.path import draw_path
from twin.network.world import compile_world
from twin.scenario.model import ScenarioModel


def one_period_cost(y, holding, penalty, mean):
    demand = np.arange(0, 200)
    share = np.array([poisson_pmf(int(d), mean) for d in demand])
    return float(
        share @ (holding * np.maximum(y - demand, 0) + penalty * np.maximum(demand - y, 0))
    )


def test_clark_scarf_lands_on_example_6_1():
    policy = clark_scarf([7, 4, 2], [1, 1, 2], penalty=37.12, mean=5, sd=1)
    assert policy.levels == pytest.approx((6.484, 12.028, 22.72), abs=0.02)
    assert policy.cost == pytest.approx(47.665, rel=1e-3)
    assert policy.local_levels == pytest.approx((6.484, 5.544, 10.692), abs=0.02)


def test_one_stage_of_clark_scarf_is_the_newsvendor():
    serial = clark_scarf([3], [4], penalty=20, mean=10, sd=2)
    single = newsvendor_normal(3, 20, mean=40, sd=4)
    assert serial.levels[0] == pytest.approx(single.level, abs=0.01)
    assert serial.cost == pytest.approx(single.cost, rel=1e-3)


def test_a_stage_without_lead_time_changes_only_the_price_of_the_pipeline():
    # What is on its way to the last stage is charged to the shipper, at 3 instead of 2.
    direct = clark_scarf([5, 2], [1, 2], penalty=30, mean=8, sd=2)
    through = clark_scarf([5, 3, 2], [1, 0, 2], penalty=30, mean=8, sd=2)
    assert through.cost == pytest.approx(direct.cost + 8 * 1 * (3 - 2), rel=1e-6)


@pytest.mark.parametrize(("holding", "penalty", "mean"), [(1, 4, 6), (2, 1, 3.5), (0.5, 30, 12)])
def test_the_poisson_newsvendor_is_the_cheapest_level(holding, penalty, mean):
    costs = [one_period_cost(y, holding, penalty, mean) for y in range(60)]
    policy = newsvendor_poisson(holding, penalty, mean)
    assert policy.level == int(np.argmin(costs))
    assert policy.cost == pytest.approx(min(costs))


def test_the_s_s_optimum_is_the_published_one():
    policy = s_s_poisson(holding=1, penalty=4, order_cost=5, mean=6)
    assert (policy.reorder, policy.order_up_to) == (4, 10)
    assert policy.cost == pytest.approx(8.03411, abs=1e-5)


def s_s_cost(s, up_to, holding, penalty, order_cost, mean):
    """Cost per period from the stationary distribution of the inventory position."""
    states = list(range(s + 1, up_to + 1))
    moves = np.zeros((len(states), len(states)))
    for i, y in enumerate(states):
        for j, z in enumerate(states):
            moves[i, j] = poisson_pmf(y - z, mean) if z <= y else 0.0
    ordering = 1 - moves.sum(axis=1)
    moves[:, -1] += ordering
    system = np.vstack([moves.T - np.eye(len(states)), np.ones(len(states))])
    share = np.linalg.lstsq(system, np.array([0.0] * len(states) + [1.0]), rcond=None)[0]
    paid = [one_period_cost(y, holding, penalty, mean) for y in states]
    return float(share @ (np.array(paid) + order_cost * ordering))


@pytest.mark.parametrize(
    ("holding", "penalty", "order_cost", "mean"), [(1, 9, 20, 3), (2, 5, 1, 2), (1, 4, 5, 6)]
)
def test_no_other_s_s_policy_costs_less(holding, penalty, order_cost, mean):
    policy = s_s_poisson(holding, penalty, order_cost, mean)
    best = min(
        s_s_cost(s, up_to, holding, penalty, order_cost, mean)
        for s, up_to in itertools.product(
            range(policy.reorder - 2, policy.reorder + 3),
            range(policy.order_up_to - 2, policy.order_up_to + 3),
        )
        if s < up_to
    )
    assert policy.cost == pytest.approx(best)


def test_the_twin_charges_what_s_s_theory_says():
    # In this convention a shop orders, receives and serves within the period, as theory has it.
    world = compile_world(
        ScenarioModel.model_validate(
            {
                "name": "shop",
                "horizon": 400.0,
                "convention": "orgym",
                "nodes": {
                    "source": {"kind": "supplier"},
                    "shop": {
                        "kind": "store",
                        "stock": 10,
                        "holding": 1,
                        "penalty": 4,
                        "demand": {"model": "poisson", "mean": 6},
                    },
                },
                "lanes": {"source -> shop": {"order_cost": 5}},
            }
        )
    )
    policy = s_s_poisson(holding=1, penalty=4, order_cost=5, mean=6)
    levels = np.array([[[0.0], [policy.order_up_to]]])
    rule = OrderingRule("s_s", levels, np.array([[[0.0], [policy.reorder]]]))
    paths = stack_paths(world, [draw_path(world, seed) for seed in range(100)])
    cost, _ = run_rule_batch(world, paths, rule)
    error = cost.std(ddof=1) / math.sqrt(len(cost))
    assert error < 0.03
    assert cost.mean() == pytest.approx(policy.cost, abs=3 * error)


def test_the_r_q_optimum_is_the_published_one():
    policy = r_q_poisson(holding=20, penalty=150, order_cost=100, rate=1.5, lead_time=2)
    assert (policy.reorder, policy.batch) == (3, 5)
    assert policy.cost == pytest.approx(107.9236, abs=1e-4)


@pytest.mark.parametrize(("holding", "penalty", "order_cost"), [(20, 150, 100), (1, 3, 50)])
def test_no_other_r_q_policy_costs_less(holding, penalty, order_cost):
    rate, lead_time = 1.5, 2.0
    costs = [one_period_cost(y, holding, penalty, rate * lead_time) for y in range(-60, 90)]
    paid = np.concatenate([[0.0], np.cumsum(costs)])
    averages = {
        (i - 61, batch): (order_cost * rate + paid[i + batch] - paid[i]) / batch
        for i in range(30, 100)
        for batch in range(1, 50)
    }
    policy = r_q_poisson(holding, penalty, order_cost, rate, lead_time)
    assert policy.cost == pytest.approx(min(averages.values()))
    assert averages[policy.reorder, policy.batch] == pytest.approx(policy.cost)


@pytest.mark.parametrize(
    "call",
    [
        lambda: newsvendor_normal(0, 1, 1, 1),
        lambda: newsvendor_poisson(1, 1, math.nan),
        lambda: s_s_poisson(1, -1, 1, 1),
        lambda: r_q_poisson(1, 1, 1, 1, 0),
        lambda: clark_scarf([2, 4], [1, 1], 10, 5, 1),
        lambda: clark_scarf([4, 2], [1], 10, 5, 1),
        lambda: clark_scarf([4], [1], 10, 1e9, 1),
    ],
)
def test_impossible_parameters_are_refused(call):
    with pytest.raises(UsageError):
        call()
