"""Laws of credit: Shapley values by replay add up, on both engines, in any order."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from agents.credit import shapley as shapley_module
from agents.credit.decompose import SIGNS, UNASSIGNED, decompose, rewards
from agents.credit.estimate import estimates
from agents.credit.replay import Game, affordable, coalition_costs, team_ledgers
from agents.credit.shapley import joinings, leave_one_out, shapley
from tests.casts import (
    SEEDS,
    Cast,
    OneByOne,
    copycat,
    frozen,
    game_of,
    saboteur,
    static_rule,
    town,
    weekly_rule,
)
from twin.env.agents import agent_specs
from twin.env.policy import RulePolicy
from twin.env.rules import OrderingRule, default_rule
from twin.errors import SimulationError
from twin.network.world import compile_world
from twin.scenario import load


def test_shapley_values_sum_to_what_the_team_saves_on_every_seed() -> None:
    found = shapley(game_of(town(), east=saboteur), SEEDS)
    assert found.method == "exact"
    assert found.episodes == 8 * len(SEEDS)
    assert np.abs(found.shapley.sum(axis=1) - found.saved).max() < 1e-9


def test_shapley_values_are_the_mean_over_all_orders_of_joining() -> None:
    game, seeds = game_of(town(), north=frozen(20.0)), (3, 4)
    found = shapley(game, seeds)
    slow = np.zeros((2, 3))
    orders = list(permutations(range(3)))
    for order in orders:
        members = np.zeros((2, 3), dtype=bool)
        before = coalition_costs(game, members, seeds)
        for agent in order:
            members[:, agent] = True
            after = coalition_costs(game, members, seeds)
            slow[:, agent] += (before - after) / len(orders)
            before = after
    np.testing.assert_allclose(found.shapley, slow, atol=1e-9)


def test_the_weights_of_all_joinings_of_an_agent_are_one() -> None:
    for n in range(1, 7):
        joined, without, weights = joinings(n)
        assert weights.sum() == pytest.approx(1.0)
        assert (joined - without == 2 ** np.arange(n)[:, None]).all()


def test_both_engines_replay_a_coalition_to_the_same_cost() -> None:
    fleets = {
        "vans": {"depot": "dc", "vehicles": 4, "capacity": 25, "round_trip": "2 d",
                 "cost_per_trip": 3}
    }  # fmt: skip
    world = town(fleets=fleets, lane={"fleet": "vans"}, agents={"dispatch": ["vans"]})
    side_by_side = game_of(world, south=saboteur)
    slowly = OneByOne(RulePolicy(world, weekly_rule(world)), {"replenish:south": saboteur})
    one_by_one = Game(world, slowly, side_by_side.rule)
    fast, slow = leave_one_out(side_by_side, (1, 2)), leave_one_out(one_by_one, (1, 2))
    np.testing.assert_allclose(fast.without, slow.without, atol=1e-8)
    np.testing.assert_allclose(fast.default, slow.default, atol=1e-8)


def test_both_engines_replay_many_products_to_the_same_cost() -> None:
    library = Path(__file__).parents[1] / "scenarios" / "library"
    world = compile_world(load(library / "apparel_promotions.yaml", ("horizon=28 d",)).model)
    rule = default_rule(world)
    bolder = RulePolicy(world, OrderingRule("base_stock", 1.1 * rule.level))
    fast = leave_one_out(Game(world, Cast(bolder, {}), rule), (1, 2))
    slow = leave_one_out(Game(world, OneByOne(bolder, {}), rule), (1, 2))
    assert len(world.products) > 1
    np.testing.assert_allclose(fast.without, slow.without, rtol=1e-9, atol=1e-7)


def test_sampled_orders_agree_with_all_coalitions_and_still_sum_to_the_saving(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    game, seeds = game_of(town(), east=copycat(town(), "east")), range(40)
    exact = shapley(game, seeds)
    monkeypatch.setattr(shapley_module, "MOST_EXACT", 2)
    sampled = shapley(game, seeds)
    assert sampled.method == "permutations"
    assert sampled.episodes == shapley_module.episodes_needed(3, 40)
    assert np.abs(sampled.shapley.sum(axis=1) - sampled.saved).max() < 1e-9
    np.testing.assert_allclose(sampled.without, exact.without, atol=1e-9)
    bounds = estimates(sampled.shapley - exact.shapley, "test")
    assert all(e.low - 1e-9 <= 0 <= e.high + 1e-9 for e in bounds)


def test_episodes_put_side_by_side_in_any_number_cost_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    game = game_of(town())
    whole = leave_one_out(game, SEEDS)
    monkeypatch.setattr("agents.credit.replay.MOST_AT_ONCE", 7)
    np.testing.assert_allclose(leave_one_out(game, SEEDS).without, whole.without, atol=1e-9)


def test_the_books_of_all_agents_sum_to_the_cost_of_the_team() -> None:
    fleets = {
        "vans": {"depot": "dc", "vehicles": 5, "capacity": 25, "round_trip": "1 d",
                 "cost_per_trip": 3}
    }  # fmt: skip
    world = town(fleets=fleets, lane={"fleet": "vans"}, agents={"dispatch": ["vans"]})
    game = game_of(world)
    ledgers = list(team_ledgers(game, SEEDS))
    books = decompose(world, ledgers)
    team = float(np.mean([ledger.cost.mean() for ledger in ledgers]))
    assert books.owners == (*(spec.name for spec in agent_specs(world)), UNASSIGNED)
    assert books.team == pytest.approx(team, abs=1e-9)
    assert sum(books.local.values()) == pytest.approx(team, abs=1e-9)
    assert set(books.of("dispatch:vans")) == {"trips"}
    paid = rewards(books, shapley(game, SEEDS))
    np.testing.assert_allclose(paid.team, -team, atol=1e-8)
    assert (paid.difference[:3] > 0).all()


def test_common_random_numbers_cut_the_variance_of_a_contribution() -> None:
    ratio = shapley(game_of(town(), east=copycat(town(), "east")), SEEDS).variance_ratio
    assert (ratio[[0, 2]] > 1).all()
    assert np.isnan(ratio[1])  # the same on every seed


def test_a_budget_buys_fewer_episodes_of_a_fleet_that_runs_one_by_one() -> None:
    world = town()
    usual = RulePolicy(world, weekly_rule(world))
    fast, slow = (Game(world, kind(usual, {}), static_rule(world)) for kind in (Cast, OneByOne))
    assert affordable(fast, 1_000) == 1_000
    assert affordable(slow, 1_000) < 100
    assert affordable(slow, 1) == 1


def test_every_part_of_the_accounts_is_a_cost_or_an_income() -> None:
    assert set(SIGNS.values()) == {-1.0, 1.0}
    assert SIGNS["revenue"] == -1.0
    assert SIGNS["holding"] == 1.0


def test_an_impossible_decision_is_refused_on_both_engines() -> None:
    world = town()
    usual, bad = RulePolicy(world, weekly_rule(world)), {"replenish:east": frozen(-1.0)}
    for fleet in (Cast(usual, bad), OneByOne(usual, bad)):
        with pytest.raises(SimulationError, match="finite and not negative"):
            leave_one_out(Game(world, fleet, static_rule(world)), (1, 2))
