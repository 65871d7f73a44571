"""Laws of credit: values sum to what the team saves, and the audit names who does not work."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.credit import shapley as shapley_module
from agents.credit.audit import audit, judged
from agents.credit.decompose import SIGNS, UNASSIGNED, decompose, rewards
from agents.credit.estimate import Estimate, estimates
from agents.credit.record import Audit, read_audit, write_audit
from agents.credit.replay import Game, affordable, coalition_costs, team_ledgers
from agents.credit.shapley import joinings, leave_one_out, shapley
from twin.env.agents import agent_specs
from twin.env.policy import Policy, RulePolicy
from twin.env.rules import OrderingRule, default_rule
from twin.errors import SimulationError, UsageError
from twin.network.world import World, compile_world
from twin.scenario import from_mapping, load

Floats = NDArray[np.float64]
WEEK = [0.2, 0.4, 0.6, 1.0, 1.6, 2.2, 1.0]
STORES = {"north": 20.0, "east": 30.0, "south": 12.0}
SEEDS = range(24)


def town(stores: Mapping[str, float] = STORES, **more: Any) -> World:
    """A distribution centre with plenty of room, and stores whose week swings."""
    nodes: dict[str, Any] = {
        "plant": {"kind": "supplier"},
        "dc": {"kind": "warehouse", "stock": 300, "holding": 0.05},
    }
    lanes: dict[str, Any] = {"plant -> dc": {"lead_time": "1 d"}}
    for name, mean in stores.items():
        demand = {"model": "poisson", "mean": mean, "weekly": WEEK}
        store = {"kind": "store", "stock": 3 * mean, "holding": 0.5, "penalty": 8}
        nodes[name] = {**store, "unmet": "lost", "demand": demand}
        lanes[f"dc -> {name}"] = {"lead_time": "1 d", **more.get("lane", {})}
    document = {"kind": "scenario", "name": "town", "horizon": "42 d"}
    agents = {"replenish": list(stores), **more.get("agents", {})}
    rest = {key: more[key] for key in ("fleets",) if key in more}
    whole = {**document, "nodes": nodes, "lanes": lanes, "agents": agents, **rest}
    return compile_world(from_mapping(whole).model)


def static_rule(world: World) -> OrderingRule:
    """Order up to a level: the best one for a week that swings is two days' mean and a bit."""
    level = 2 * world.throughput + np.sqrt(2 * world.throughput)
    level[world.nodes.index("dc")] *= 2
    return OrderingRule("base_stock", level[None])


def weekly_rule(world: World) -> OrderingRule:
    """What tomorrow's demand takes, and a bit: what every good store plays."""
    tomorrow = np.roll(WEEK, -1)[:, None, None] * world.throughput
    level = tomorrow + 2 * np.sqrt(tomorrow)
    level[:, world.nodes.index("dc")] = static_rule(world).level[0, world.nodes.index("dc")]
    return OrderingRule("weekday_base_stock", level)


class Cast:
    """A fleet in which each agent may play another policy."""

    takes_columns = True

    def __init__(self, usual: Policy, others: Mapping[str, Any]) -> None:
        self.name = "cast"
        self._usual = usual
        self._others = others

    def reset(self, seed: int) -> None:
        """No memory."""

    def act(self, observations: Mapping[str, Floats]) -> dict[str, Floats]:
        """Each agent's own policy."""
        usual = self._usual.act(observations)
        for name, change in self._others.items():
            if name in usual:
                usual[name] = change(observations[name], usual[name])
        return usual


class OneByOne(Cast):
    """The same fleet for one episode at a time."""

    takes_columns = False


def game_of(world: World, **others: Any) -> Game:
    """Every store plays the weekly rule, but for the agents that are told otherwise."""
    named = {f"replenish:{name}": change for name, change in others.items()}
    return Game(world, Cast(RulePolicy(world, weekly_rule(world)), named), static_rule(world))


def copycat(world: World, node: str) -> Any:
    """Decides what the static rule decides."""
    static, name = RulePolicy(world, static_rule(world)), f"replenish:{node}"
    return lambda observation, wish: static.act({name: observation})[name]


def frozen(amount: float) -> Any:
    """Orders the same every day."""
    return lambda observation, wish: np.full_like(wish, amount)


def saboteur(observation: Floats, wish: Floats) -> Floats:
    """Orders a third of what is needed."""
    return wish / 3


def one_agent_more(world: World) -> World:
    """The same town in which the distribution centre is an agent too."""
    model = world.model
    agents = model.agents.model_copy(update={"replenish": ("dc", *model.agents.replenish)})
    return compile_world(model.model_copy(update={"agents": agents}))


def free_rider(world: World, node: str) -> Any:
    """Looks busy where a bit more one day and a bit less the next make no difference."""
    spec = next(spec for spec in agent_specs(world) if spec.entity == node)

    def restless(observation: Floats, wish: Floats) -> Floats:
        odd = spec.period(observation) % 2
        moved: Floats = wish + np.where(wish > 2, 4 * odd - 2, 0.0)
        return moved

    return restless


def verdicts(found: Audit) -> dict[str, str]:
    return {row.agent.partition(":")[2]: row.verdict for row in found.agents}


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


def test_a_healthy_fleet_is_not_blamed_and_its_shares_sum_to_one() -> None:
    found = audit(game_of(town()), SEEDS)
    assert set(verdicts(found).values()) == {"works"}
    assert not found.blamed
    assert sum(row.share or 0.0 for row in found.agents) == pytest.approx(1.0)
    assert all("saves" in row.sentence for row in found.agents)


@pytest.mark.parametrize(
    ("change", "verdict", "reason"),
    [
        (copycat(town(), "east"), "lazy", "copies the default"),
        (frozen(0.0), "harmful", "frozen"),
        (saboteur, "harmful", "biased"),
    ],
    ids=["copycat", "frozen", "saboteur"],
)
def test_a_planted_fault_is_named_and_nobody_else_is(
    change: Any, verdict: str, reason: str
) -> None:
    found = audit(game_of(town(), east=change), SEEDS)
    assert verdicts(found) == {"north": "works", "east": verdict, "south": "works"}
    (blamed,) = found.blamed
    assert (blamed.agent, blamed.reason) == ("replenish:east", reason)


def test_a_free_rider_is_named_and_nobody_else_is() -> None:
    world = one_agent_more(town())
    found = audit(game_of(world, dc=free_rider(world, "dc")), SEEDS)
    assert verdicts(found) == {"dc": "lazy", "north": "works", "east": "works", "south": "works"}
    (rider,) = found.blamed
    assert rider.deviation > 0.01
    assert "free rider" in rider.sentence


CHAIN = (4, 3, 2, 1)
CHAIN_WEEK = [
    (32, 30, 53, 70), (20, 30, 56, 67), (9, 22, 31, 68), (48, 77, 8, 110),
    (47, 59, 16, 91), (65, 39, 10, 126), (18, 105, 26, 109),
]  # fmt: skip
"""Order-up-to levels by weekday and stage, tuned together."""


def chain(**others: Any) -> Game:
    """Four stages in a row that were tuned together, against a tuned level per stage."""
    nodes: dict[str, Any] = {"plant": {"kind": "supplier"}}
    for i in CHAIN:
        nodes[f"s{i}"] = {"kind": "warehouse", "stock": 120, "holding": 0.1 * (5 - i)}
    demand = {"model": "poisson", "mean": 20, "weekly": WEEK}
    nodes["s1"] |= {"kind": "store", "unmet": "backlog", "penalty": 5, "demand": demand}
    stages = ["plant", *(f"s{i}" for i in CHAIN)]
    lanes = {f"{a} -> {b}": {"lead_time": "2 d"} for a, b in pairwise(stages)}
    document = {"kind": "scenario", "name": "chain", "horizon": "84 d", "nodes": nodes}
    agents = {"agents": {"replenish": stages[1:]}}
    world = compile_world(from_mapping({**document, "lanes": lanes, **agents}).model)
    level, week = np.array([0.0, 76, 54, 49, 92]), np.pad(np.array(CHAIN_WEEK), ((0, 0), (1, 0)))
    usual = RulePolicy(world, OrderingRule("weekday_base_stock", week[..., None].astype(float)))
    named = {f"replenish:{name}": change for name, change in others.items()}
    return Game(world, Cast(usual, named), OrderingRule("base_stock", level[None, :, None]))


def test_agents_that_help_only_together_are_not_blamed() -> None:
    found = verdicts(audit(chain(), SEEDS))
    assert found == {"s4": "dependent", "s3": "works", "s2": "dependent", "s1": "works"}


def test_the_neighbours_of_a_broken_agent_are_not_blamed_though_leave_one_out_does() -> None:
    found = audit(chain(s2=saboteur), SEEDS)
    assert [row.agent for row in found.blamed] == ["replenish:s2"]
    flagged = [row.agent for row in found.agents if row.leave_one_out.high < 0]
    assert flagged == ["replenish:s4", "replenish:s2"]
    neighbour = found.agents[0]
    assert (neighbour.verdict, neighbour.burden) == ("burdened", ("replenish:s2",))
    assert "beside replenish:s2" in neighbour.sentence


def test_two_buffers_of_which_one_would_do_are_redundant_and_not_lazy() -> None:
    store = {"kind": "store", "stock": 40, "holding": 0.02, "unmet": "backlog", "penalty": 9}
    nodes = {
        "plant": {"kind": "supplier"},
        "dc": {"kind": "warehouse", "stock": 40, "holding": 0.02},
        "shop": {**store, "demand": {"model": "poisson", "mean": 10}},
    }
    lanes = {"plant -> dc": {"lead_time": "3 d"}, "dc -> shop": {"lead_time": "1 d"}}
    document = {"kind": "scenario", "name": "two buffers", "horizon": "60 d", "nodes": nodes}
    world = compile_world(from_mapping({**document, "lanes": lanes}).model)
    low, high = (
        OrderingRule("base_stock", np.array([[[0.0], [level], [level]]])) for level in (15.0, 60.0)
    )
    found = audit(Game(world, RulePolicy(world, high), low), SEEDS)
    assert set(verdicts(found).values()) == {"redundant"}
    assert all("somebody else stands in" in row.sentence for row in found.agents)


def test_redundant_is_told_from_lazy_by_what_it_adds_when_others_are_away() -> None:
    none, some = Estimate(value=0.0, low=-0.05, high=0.05), Estimate(value=3.0, low=2.0, high=4.0)
    assert judged(some, none, 0.1) == "redundant"
    assert judged(none, none, 0.1) == "lazy"
    assert judged(none, some, 0.1) == "dependent"
    assert judged(Estimate(value=1.0, low=-1.0, high=3.0), none, 0.1) == "undecided"
    harm = Estimate(value=-3.0, low=-4.0, high=-2.0)
    assert judged(harm, harm, 0.1) == "harmful"
    assert judged(some, harm, 0.1) == "works"


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


def test_an_audit_is_the_same_again_and_survives_its_file(tmp_path: Any) -> None:
    found = audit(game_of(town()), range(4))
    again = audit(game_of(town()), range(4))
    assert found.model_copy(update={"seconds": 0.0}) == again.model_copy(update={"seconds": 0.0})
    assert read_audit(tmp_path) is None
    write_audit(tmp_path, found)
    assert read_audit(tmp_path) == found


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


def test_a_screen_gives_no_verdicts_and_one_seed_no_interval() -> None:
    screened = audit(game_of(town()), range(4), screen=True)
    assert set(verdicts(screened).values()) == {"not judged"}
    assert all(row.shapley is None for row in screened.agents)
    with pytest.raises(UsageError, match="too few seeds"):
        shapley(game_of(town()), [1])
