"""The perfect-information bound of everything a world can contain: still nobody beats it."""

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import twin
from agents.baselines.oracle import discounted_cost, lp_bound, replayed_cost
from agents.baselines.oracle_rules import UNPROVEN
from tests.profiles import laws
from tests.strategies import sample_paths
from tests.strategies_world import rich_decisions, rich_worlds
from twin.engine.event import EventEngine
from twin.env.rules import default_rule
from twin.errors import UsageError
from twin.exogenous.path import draw_path
from twin.network.world import compile_world
from twin.simulation import run_rule

SCENARIOS = Path(__file__).parent.parent / "scenarios"
LARGE = ("warehouses_3x2000", "national_50")
LIBRARY = sorted(p for p in (SCENARIOS / "library").glob("*.yaml") if p.stem not in LARGE)


def cost_of(world, path, chosen):
    engine = EventEngine(world, path)
    while engine.advance():
        engine.decide(chosen.of(engine.t, 0))
    return discounted_cost(engine.ledger)


def bound_of(world, path, whole=True):
    """The bound, where stock is not worth more at the end than it costs."""
    try:
        return lp_bound(world, path, whole)
    except UsageError as error:
        assume("terminal" not in str(error))
        raise


@laws(20)
@given(st.data())
def test_no_policy_costs_less_than_the_bound_whatever_the_world_contains(data):
    world = data.draw(
        rich_worlds(8, event_only=True).filter(lambda w: not w.model.independent_links)
    )
    path = data.draw(sample_paths(world))
    bound = bound_of(world, path, data.draw(st.booleans()))
    replayed = replayed_cost(world, path, bound)
    least = bound.cost - 1e-6 * (1 + abs(bound.cost))
    assert replayed >= least
    assert discounted_cost(run_rule(world, path, default_rule(world))) >= least
    assert cost_of(world, path, data.draw(rich_decisions(world, 1))) >= least
    if set(bound.relaxed) <= {UNPROVEN}:
        assert replayed == pytest.approx(bound.planned, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_the_static_policy_costs_no_less_than_the_bound(path):
    world = compile_world(twin.load(path, ["horizon=14 d"]).model)
    for seed in range(2):
        luck = draw_path(world, seed)
        least = lp_bound(world, luck, False).cost
        assert discounted_cost(run_rule(world, luck, default_rule(world))) >= least - 1e-6


def factory(**production):
    """Steel becomes machines, made to stock, for a shop that sells five a day; nothing relaxed."""
    model = {
        "name": "factory",
        "horizon": "12 d",
        "products": {"steel": {"weight": "3 kg"}, "machine": {"weight": "7 kg"}},
        "nodes": {
            "mill": {"kind": "supplier"},
            "works": {
                "kind": "factory",
                "stock": {"steel": 30},
                "holding": 0.1,
                "terminal": {"machine": 0.5},
                "open": {"days": ["mon", "tue", "wed", "thu", "fri"]},
                "production": {"mode": "to_stock", "bom": {"machine": {"steel": 2}}, "cost": 1}
                | production,
            },
            "shop": {
                "kind": "store",
                "stock": {"machine": 9},
                "holding": 0.3,
                "penalty": 4,
                "demand": {"machine": {"model": "gamma", "mean": 5, "cv": 0.4}},
            },
        },
        "lanes": {
            "mill -> works": {
                "products": ["steel"],
                "lead_time": "2 d",
                "freight": 0.5,
                "capacity": {"weight": "60 kg"},
                "in_transit": [10, 4],
            },
            "works -> shop": {
                "products": ["machine"],
                "lead_time": "1 d",
                "freight": 1,
                "loss": {"model": "uniform", "low": 0, "high": 0.2},
            },
        },
    }
    return compile_world(twin.scenario.from_mapping(model).model)


@pytest.mark.parametrize(
    "production",
    [{}, {"lead_time": "1 d", "scrap": 0.1}, {"mode": "to_order", "capacity": 6}],
    ids=str,
)
def test_the_bound_of_a_factory_is_carried_out_exactly(production):
    world = factory(**production)
    for seed in range(3):
        path = draw_path(world, seed)
        bound = lp_bound(world, path)
        assert bound.relaxed == ()
        assert replayed_cost(world, path, bound) == pytest.approx(bound.cost, rel=1e-6)


def test_set_ups_are_relaxed_and_said_so():
    world = factory(setup_cost=5)
    path = draw_path(world, 0)
    bound = lp_bound(world, path)
    assert [rule.partition(":")[0] for rule in bound.relaxed] == ["set-ups"]
    assert replayed_cost(world, path, bound) > bound.cost


def test_stock_that_is_worth_more_at_the_end_than_it_costs_has_no_bound():
    path = SCENARIOS / "reference" / "snyder_6_1.yaml"
    world = compile_world(twin.load(path, ["horizon=9 d", "nodes.stage1.terminal=1000"]).model)
    with pytest.raises(UsageError, match="terminal"):
        lp_bound(world, draw_path(world, 0))


def test_closed_nodes_neither_ship_nor_receive_nor_sell():
    path = SCENARIOS / "reference" / "orgym_inv_lost.yaml"
    plain = ["convention=standard", "integral=false"]
    closed = "nodes.retailer.open={closed: [{start: 3 d, end: 12 d}]}"
    shut, free = (
        compile_world(twin.load(path, [*plain, *extra]).model) for extra in ([closed], [])
    )
    luck = draw_path(shut, 0)
    bound = lp_bound(shut, luck)
    assert bound.cost > lp_bound(free, draw_path(free, 0)).cost
    assert bound.relaxed == ()
    assert replayed_cost(shut, luck, bound) == pytest.approx(bound.cost, rel=1e-6)
