"""The perfect-information bound of everything a world can contain: still nobody beats it."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import twin
from agents.baselines.oracle import discounted_cost, lp_bound, replayed_cost
from agents.baselines.oracle_rules import UNPROVEN
from tests.strategies import decisions, rarely, seeds
from twin.engine.event import EventEngine
from twin.env.rules import default_rule
from twin.errors import UsageError
from twin.exogenous.path import draw_path
from twin.network.world import compile_world
from twin.scenario.model import ScenarioModel
from twin.simulation import run_rule

ROOT = Path(__file__).parent.parent
LIBRARY = sorted((ROOT / "scenarios" / "library").glob("*.yaml"))
RANDOM = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
PHASES = [
    "standard",
    "orgym",
    "snyder",
    "mabim",
    "beer_game",
    ["receive", "demand", "order", "serve", "ship", "account"],
]
CLOSED = {"targets": {"nodes": ["hub"]}, "windows": [{"start": "2 d", "end": "4 d"}]}
SLOW = CLOSED | {"windows": [{"start": "5 d", "end": "6 d"}], "remaining": 0.5}
NO_TRUCKS = {"targets": {"fleets": ["trucks"]}, "windows": [{"start": "1 d", "end": "5 d"}]}


def maybe(draw, field, *values):
    """A field of a few values, mostly left out."""
    value = draw(rarely(st.sampled_from(values)))
    return {} if value is None else {field: value}


@st.composite
def hubs(draw):
    """A store that buys machines from a hub, which buys or makes them, with many a feature."""
    production = {
        "bom": {"machine": {"part": 2}},
        "mode": draw(st.sampled_from(["to_order", "to_stock"])),
        "cost": 1,
        **maybe(draw, "capacity", 12, 20),
        **maybe(draw, "output", 0.8),
    }
    if production["mode"] == "to_stock":
        production |= maybe(draw, "lead_time", "1 d", "2 d") | maybe(draw, "setup_cost", 5)
        production |= maybe(draw, "setup_units", 2) | maybe(draw, "scrap", 0.1)
    makes = draw(st.booleans())
    hub = {
        "kind": "factory" if makes else "warehouse",
        "stock": {"machine": 20, "part": 40},
        "holding": 0.2,
        "penalty": 1,
        **maybe(draw, "capacity", 60, {"weight": "90 kg"}, {"units": 80, "volume": "0.1 m3"}),
        **maybe(draw, "overflow", "destroy"),
        **maybe(draw, "disposal", 0.5),
        **maybe(draw, "allocation", "priority", "fifo"),
        **maybe(draw, "sourcing", "preference"),
        **maybe(draw, "open", {"days": ["mon", "tue", "thu", "fri", "sun"]}),
        **maybe(draw, "terminal", 0.5),
        **({"production": production} if makes else {}),
    }
    store = {
        "kind": "store",
        "stock": {"machine": 15, "other": 10},
        "holding": 0.3,
        "price": 2,
        "penalty": 4,
        "unmet": draw(st.sampled_from(["backlog", "lost"])),
        "demand": {
            "machine": {"model": "poisson", "mean": 8},
            "other": {"model": "constant", "mean": 3},
        },
        **maybe(draw, "open", {"days": ["mon", "wed", "thu", "fri", "sat"]}),
        **maybe(draw, "capacity", 40),
    }
    lead = [0, "1 d", "2 d", {"model": "uniform", "low": "0.5 d", "high": "3 d"}]
    inbound = {
        "lead_time": draw(st.sampled_from(lead)),
        "freight": 0.5,
        **maybe(draw, "loss", 0.1, {"model": "uniform", "low": 0, "high": 0.3}),
        **maybe(draw, "batch", 10),
        **maybe(draw, "minimum_order", 15),
        **maybe(draw, "order_capacity", 25),
        **maybe(draw, "order_lead_time", "1 d", "2 d"),
        **maybe(draw, "orders_under_way", [5, {"part": 30}]),
        **maybe(draw, "in_transit", [{"part": 12}, 4, 0, {"other": 9}]),
        **maybe(draw, "capacity", 50, {"weight": "70 kg"}),
        **maybe(draw, "line_cost", 2),
        **maybe(draw, "holding", 0.1),
    }
    outbound = {
        "lead_time": draw(st.sampled_from(lead)),
        "products": ["machine", "other"],
        **maybe(draw, "fleet", "trucks"),
    }
    if "fleet" in outbound:
        outbound |= maybe(draw, "common_carrier", 1.5)
    truck = {
        "depot": "hub",
        "vehicles": 2,
        "capacity": draw(st.sampled_from([8, {"weight": "12 kg"}, {"units": 8, "volume": "9 l"}])),
        "round_trip": "2 d",
        "cost_per_trip": 3,
        **maybe(draw, "loading", "6 h"),
        **maybe(draw, "load", "full"),
    }
    product = {"weight": "1.5 kg", "volume": "1 l"}
    fresh = maybe(draw, "shelf_life", "3 d", "6 d")
    swap = maybe(draw, "substitutes", {"other": 0.5})
    troubles = {"closed": CLOSED, "slow": SLOW}
    troubles |= {"no trucks": NO_TRUCKS} if "fleet" in outbound else {}
    chosen = draw(rarely(st.sets(st.sampled_from(sorted(troubles)), min_size=1), set()))
    passes = draw(rarely(st.just(True), False))
    dock = {"port": {"kind": "crossdock"}} if passes else {}
    via = {"port -> hub": {"lead_time": "1 d"}} if passes else {}
    return ScenarioModel.model_validate(
        {
            "name": "drawn",
            "horizon": 12,
            "convention": draw(st.sampled_from(PHASES)),
            "integral": draw(st.booleans()),
            "discount": draw(st.sampled_from([1.0, 0.97])),
            "products": {
                "part": product | fresh,
                "machine": product | fresh | swap,
                "other": product,
            },
            "nodes": {"maker": {"kind": "supplier"}, **dock, "hub": hub, "store": store},
            "lanes": {
                f"maker -> {'port' if passes else 'hub'}": inbound,
                "maker -> hub via air": {"freight": 2, "lead_time": "1 d", "preference": 1},
                **via,
                "hub -> store": outbound,
            },
            "fleets": {"trucks": truck} if "fleet" in outbound else {},
            "disruptions": {name: troubles[name] for name in sorted(chosen)},
        }
    )


def run(world, path, chosen):
    engine = EventEngine(world, path)
    while engine.advance():
        engine.decide(chosen.of(engine.t, 0))
    return engine.ledger


@RANDOM
@given(st.data())
def test_no_policy_costs_less_than_the_bound_whatever_the_world_contains(data):
    world = compile_world(data.draw(hubs()))
    path = draw_path(world, data.draw(seeds()))
    bound = lp_bound(world, path, data.draw(st.booleans()))
    replayed = replayed_cost(world, path, bound)
    least = bound.cost - 1e-6 * (1 + abs(bound.cost))
    assert replayed >= least
    assert discounted_cost(run_rule(world, path, default_rule(world))) >= least
    assert discounted_cost(run(world, path, data.draw(decisions(world, 1)))) >= least
    if set(bound.relaxed) <= {UNPROVEN}:
        assert replayed == pytest.approx(bound.planned, rel=1e-6, abs=1e-6)


SHORT = [path for path in LIBRARY if path.stem not in ("warehouses_3x2000", "national_50")]


@pytest.mark.parametrize("path", SHORT, ids=lambda path: path.stem)
def test_the_static_policy_costs_no_less_than_the_bound(path):
    world = compile_world(twin.load(path, ["horizon=14 d"]).model)
    for seed in range(2):
        luck = draw_path(world, seed)
        least = lp_bound(world, luck, False).cost
        assert discounted_cost(run_rule(world, luck, default_rule(world))) >= least - 1e-6


def serial(*overrides):
    path = ROOT / "scenarios" / "reference" / "orgym_inv_lost.yaml"
    return compile_world(twin.load(path, ["convention=standard", *overrides]).model)


def test_stock_that_is_worth_more_at_the_end_than_it_costs_has_no_bound():
    path = ROOT / "scenarios" / "reference" / "snyder_6_1.yaml"
    world = compile_world(twin.load(path, ["horizon=9 d", "nodes.stage1.terminal=1000"]).model)
    with pytest.raises(UsageError, match="terminal"):
        lp_bound(world, draw_path(world, 0))


def test_closed_nodes_neither_ship_nor_receive_nor_sell():
    shut = serial("nodes.retailer.open={closed: [{start: 3 d, end: 12 d}]}", "integral=false")
    free = serial("integral=false")
    path = draw_path(shut, 0)
    bound = lp_bound(shut, path)
    assert bound.cost > lp_bound(free, draw_path(free, 0)).cost
    assert bound.relaxed == ()
    assert replayed_cost(shut, path, bound) == pytest.approx(bound.cost, rel=1e-6)
