"""KPIs of what a world contains beside stock and orders: emissions, weight, recipes, waste."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import twin
from tests.profiles import laws
from tests.strategies import seeds
from tests.strategies_world import rich_worlds
from twin.env.rules import default_rule
from twin.exogenous.path import draw_path
from twin.kpi.carbon import co2e_by_lane, tonne_km
from twin.kpi.catalogue import summary
from twin.kpi.cost_to_serve import cost_by_lane, cost_to_serve
from twin.kpi.orders import lane_lines
from twin.kpi.survival import time_to_survive
from twin.kpi.vehicles import load_factor_by_weight
from twin.network.world import compile_world
from twin.scenario import from_mapping
from twin.simulation import run_orders, run_rule


def haul(vehicles=5, capacity=4, far=None, **lane):
    """Six boxes of a tonne go 300 km by rail to the dc, five 100 km on from it, by truck."""
    model = {
        "name": "haul",
        "horizon": "3 d",
        "products": {"box": {"weight": "1 t"}},
        "nodes": {
            "plant": {"kind": "supplier"},
            "dc": {"kind": "warehouse", "stock": 20},
            "shop": {"kind": "store"},
            "far": {"kind": "store"},
        },
        "lanes": {
            "plant -> dc": {"distance": "300 km", "intensity": 20.0},
            "dc -> shop": {"distance": "100 km", "fleet": "trucks", **lane},
            "dc -> far": {"fleet": "trucks", **(far or {})},
        },
        "fleets": {
            "trucks": {
                "depot": "dc",
                "vehicles": vehicles,
                "capacity": capacity,
                "round_trip": "1 d",
                "intensity": 60.0,
                "empty_intensity": 700.0,
            }
        },
    }
    orders = {"plant->dc": [6, 0, 0], "dc->shop": [5, 0, 0], "dc->far": [4 if far else 0, 0, 0]}
    return twin.replay(from_mapping(model), orders=orders, demand={})


def test_emissions_are_those_of_the_freight_and_of_the_empty_way_back():
    ledger = haul()
    assert tonne_km(ledger).tolist() == [6 * 300, 5 * 100, 0]
    # By truck 5 t x 100 km x 60 g, and two trucks back over 100 km at 700 g.
    by_lane = {"plant->dc": 36.0, "dc->shop": 30.0 + 140.0, "dc->far": 0.0}
    assert co2e_by_lane(ledger) == pytest.approx(by_lane)
    assert summary(ledger)["co2e"] == pytest.approx(206.0)


def test_what_the_common_carrier_takes_emits_as_the_lane_says():
    ledger = haul(vehicles=1, common_carrier=9.0, intensity=90.0)
    assert ledger.carrier[0].tolist() == [0, 1, 0]
    # One truck with 4 t and back empty, 1 t with the carrier.
    assert co2e_by_lane(ledger)["dc->shop"] == pytest.approx(24.0 + 70.0 + 9.0)
    assert summary(ledger)["load_factor"] == pytest.approx(1.0)


def test_emissions_are_undefined_without_lengths():
    scenario = twin.load("scenarios/reference/orgym_inv_lost.yaml")
    assert summary(twin.simulate(scenario, seed=0))["co2e"] is None


def test_load_factor_counts_what_fills_first_and_kilometres():
    ledger = haul(capacity={"units": 10, "weight": "4 t"}, far={"distance": "300 km"})
    assert ledger.trips[0].tolist() == [0, 2, 1]
    # Two trucks with 5 of 8 t over 100 km, one with 4 of 4 t over 300 km.
    expected = (5 * 100 + 4 * 300) / (8 * 100 + 4 * 300)
    assert summary(ledger)["load_factor"] == pytest.approx(expected)
    assert load_factor_by_weight(ledger) == pytest.approx(expected)
    assert summary(ledger)["empty_share"] == pytest.approx(1 / 2)
    assert load_factor_by_weight(haul()) is None


def works(days=3, **changes):
    """A mill feeds a works, which makes machines of two steel each for a shop."""
    model = {
        "name": "works",
        "horizon": f"{days} d",
        "products": {"steel": {}, "machine": {"weight": "5 kg"}},
        "nodes": {
            "mill": {"kind": "supplier"},
            "works": {
                "kind": "factory",
                "holding": {"steel": 0.25, "machine": 0.5},
                "terminal": {"machine": 1.5},
                "production": {
                    "mode": "to_stock",
                    "bom": {"machine": {"steel": 2}},
                    "cost": 3,
                    "setup_cost": 10,
                },
            },
            "shop": {
                "kind": "store",
                "holding": 1.0,
                "demand": {"machine": {"model": "constant", "mean": 2}},
            },
        },
        "lanes": {
            "mill -> works": {"products": ["steel"], "price": 5, "freight": 1},
            "works -> shop": {"products": ["machine"], "freight": 2, "order_cost": 4, **changes},
        },
    }
    return from_mapping(model)


def test_cost_to_serve_turns_components_into_products():
    ledger = twin.replay(
        works(),
        demand={"shop": [[0, 0], [0, 0], [0, 2]]},
        orders={
            "mill->works": [[8, 0], [0, 0], [0, 0]],
            "works->works": [[0, 0], [0, 4], [0, 0]],
            "works->shop": [[0, 0], [0, 0], [0, 3]],
        },
    )
    assert ledger.on_hand[:, 1].tolist() == [[8, 0], [0, 4], [0, 1]]
    lanes = {name: s.cost for name, s in cost_by_lane(ledger).items()}
    # Freight 8; making 12 and one set-up 10; freight 6 and an order 4.
    assert lanes == pytest.approx({"mill->works": 8, "works->works": 22, "works->shop": 10})
    # And holding 2 + 2 + 0.5 in the works, less 1.5 for the machine that is left, 1 in the shop.
    served = cost_to_serve(ledger)
    assert {name: s.cost for name, s in served.items()} == pytest.approx({"shop": 44.0})
    assert served["shop"].units == 2


@laws(20)
@given(st.data())
def test_cost_to_serve_adds_up_whatever_the_world_contains(data):
    world = data.draw(rich_worlds(event_only=True))
    ledger = run_rule(world, draw_path(world, data.draw(seeds())), default_rule(world))
    total = sum(s.cost for s in cost_to_serve(ledger).values())
    expected = float(ledger.cost.sum() + ledger.accounts.revenue.sum())
    assert total == pytest.approx(expected, rel=1e-6, abs=1e-6)
    kpis = summary(ledger)
    for name in ("fill_rate", "otif", "perfect_order", "replenishment_otif", "empty_share"):
        assert kpis[name] is None or -1e-9 <= kpis[name] <= 1 + 1e-9
    assert kpis["co2e"] is None or kpis["co2e"] >= 0


def survived(network, out, steel, machines):
    stock = np.array([[0.0, 0.0], [steel, 0.0], [0.0, machines]])
    node = None if out is None else network.nodes.index(out)
    return time_to_survive(network, node, stock, np.zeros((len(network.lanes), 2)))


def test_time_to_survive_counts_the_components_that_are_left():
    network = compile_world(works().model)
    # Twelve steel are six machines, eight are in the shop, which sells two a day.
    assert survived(network, "mill", 12.0, 8.0) == pytest.approx(7.0)
    assert survived(network, "works", 12.0, 8.0) == pytest.approx(4.0)
    assert survived(network, None, 12.0, 8.0) is None


def test_time_to_survive_knows_weight_and_loss():
    # One machine a day by weight, of two that are wanted; then half of what is sent.
    heavy = compile_world(works(capacity={"weight": "5 kg"}).model)
    assert survived(heavy, None, 0.0, 8.0) == pytest.approx(8.0)
    lossy = compile_world(works(loss=0.5).model)
    assert survived(lossy, "mill", 12.0, 8.0) == pytest.approx(5.5)


def test_a_line_that_is_scrapped_is_a_miss_and_does_not_delay_the_next():
    world = compile_world(works(days=5).model)
    path = draw_path(world, 0)
    lane = world.lanes.index("works->shop")
    good = path.good.copy()
    good[2, lane] = 0.0
    orders = np.zeros((5, len(world.lanes), 2))
    orders[0, world.lanes.index("mill->works"), 0] = 8
    orders[0, world.lanes.index("works->works"), 1] = 4
    orders[1:4, lane, 1] = 1
    lines = lane_lines(run_orders(world, replace(path, good=good), orders))
    assert lines.complete[:, lane, 1].tolist() == [False, True, False, True, False]
    assert lines.delivered[3, lane, 1] == 3
