"""Laws of the event engine and of the sample path."""

import dataclasses

import numpy as np
import pytest

import twin
from twin.engine.clock import snapped
from twin.engine.decision import Decision
from twin.engine.event import EventEngine
from twin.env.rules import default_rule
from twin.errors import InvariantError, SimulationError, UsageError
from twin.exogenous.path import draw_path
from twin.exogenous.streams import stream
from twin.network.world import compile_world
from twin.scenario import from_mapping
from twin.simulation import run_rule


def chain(**changes):
    """A supplier, a warehouse and a store, on a short horizon."""
    data = {
        "name": "chain",
        "horizon": "30 d",
        "nodes": {
            "plant": {"kind": "supplier"},
            "dc": {"kind": "warehouse", "stock": 60, "holding": 0.1},
            "shop": {
                "kind": "store",
                "stock": 20,
                "holding": 0.2,
                "penalty": 3,
                "demand": {"model": "poisson", "mean": 8},
            },
        },
        "lanes": {"plant -> dc": {"lead_time": "2 d"}, "dc -> shop": {"lead_time": "1 d"}},
    }
    data.update(changes)
    return from_mapping(data)


def world_of(**changes):
    return compile_world(chain(**changes).model)


def test_the_same_seed_gives_the_same_digest():
    assert twin.simulate(chain(), seed=3).digest == twin.simulate(chain(), seed=3).digest


def test_another_seed_gives_another_digest():
    assert twin.simulate(chain(), seed=3).digest != twin.simulate(chain(), seed=4).digest


def test_adding_a_node_never_changes_another_nodes_draws():
    larger = chain().model.model_dump(exclude_none=True)
    larger["nodes"] = {
        "kiosk": {"kind": "store", "demand": {"model": "poisson", "mean": 2}},
        **larger["nodes"],
    }
    larger["lanes"]["dc -> kiosk"] = {"lead_time": "1 d"}
    small, large = world_of(), compile_world(from_mapping(larger).model)
    ours = draw_path(small, 5).demand[:, small.nodes.index("shop")]
    theirs = draw_path(large, 5).demand[:, large.nodes.index("shop")]
    np.testing.assert_array_equal(ours, theirs)


def test_streams_of_different_names_differ():
    assert stream(1, "a").random() != stream(1, "b").random()


def test_a_shipment_arrives_exactly_after_its_lead_time():
    ledger = twin.simulate(chain(), seed=1)
    lane = ledger.lanes.index("plant->dc")
    np.testing.assert_array_equal(ledger.received[2:, lane], ledger.shipped[:-2, lane])
    assert not ledger.received[:2, lane].any()


def test_a_fractional_lead_time_is_usable_at_the_next_epoch():
    lanes = {"plant -> dc": {"lead_time": "30 h"}, "dc -> shop": {"lead_time": "1 d"}}
    ledger = twin.simulate(chain(lanes=lanes), seed=1)
    np.testing.assert_array_equal(ledger.received[2:, 0], ledger.shipped[:-2, 0])


def test_a_zero_lead_time_passes_through_in_the_same_period():
    lanes = {"plant -> dc": {"lead_time": 0}, "dc -> shop": {"lead_time": 0}}
    ledger = twin.simulate(chain(lanes=lanes), seed=1)
    np.testing.assert_array_equal(ledger.received, ledger.shipped)


def test_orders_wait_for_the_order_lead_time():
    lanes = {"plant -> dc": {"order_lead_time": "3 d"}, "dc -> shop": {}}
    ledger = twin.simulate(chain(lanes=lanes), seed=1)
    np.testing.assert_allclose(ledger.shipped[3:, 0], ledger.ordered[:-3, 0])


def test_random_lead_times_may_cross_and_nothing_is_lost():
    lanes = {
        "plant -> dc": {"lead_time": {"model": "uniform", "low": "1 d", "high": "6 d"}},
        "dc -> shop": {"lead_time": {"model": "gamma", "mean": "2 d", "cv": 0.6}},
    }
    ledger = twin.simulate(chain(lanes=lanes), seed=2)
    ledger.check()
    assert (ledger.received[:, 0] > 0).sum() < (ledger.shipped[:, 0] > 0).sum()


def test_what_does_not_fit_waits_at_the_dock():
    nodes = chain().model.model_dump(exclude_none=True)["nodes"]
    nodes["dc"]["capacity"] = 25.0
    nodes["dc"]["stock"] = 0.0
    nodes["dc"]["order_up_to"] = 100.0
    ledger = twin.simulate(chain(nodes=nodes), seed=1)
    dc = ledger.nodes.index("dc")
    assert ledger.on_hand[:, dc].max() <= 25 + 1e-9
    assert ledger.in_transit[:, 0].max() > 25


def fleet(**changes):
    pool = {"depot": "dc", "vehicles": 1, "capacity": 10, "round_trip": "2 d", "cost_per_trip": 7}
    lanes = {"plant -> dc": {}, "dc -> shop": {"lead_time": "1 d", "fleet": "vans"}}
    return chain(lanes=lanes, fleets={"vans": {**pool, **changes}})


def test_a_vehicle_cannot_leave_again_before_it_is_back():
    ledger = twin.simulate(fleet(), seed=1)
    lane = ledger.lanes.index("dc->shop")
    assert (ledger.trips[1:, lane] + ledger.trips[:-1, lane]).max() == 1
    assert ledger.shipped[:, lane].max() <= 10


def test_every_trip_is_paid_by_the_depot():
    ledger = twin.simulate(fleet(), seed=1)
    np.testing.assert_allclose(ledger.accounts.trips[:, 1], 7 * ledger.trips.sum(axis=1))


def test_a_least_load_keeps_a_half_empty_vehicle_at_home():
    world = compile_world(fleet(vehicles=2).model)
    engine = EventEngine(world, draw_path(world, 0))
    engine.advance()
    orders = np.array([[0.0], [14.0]])
    booked = Decision(orders, np.array([0.0, 2.0]), np.array([0.0, 0.9]))
    engine.decide(booked)
    assert engine.quantities.trips[0, 1] == 1
    assert engine.quantities.shipped[0, 1, 0] == 10


def test_a_closed_lane_ships_nothing():
    world = world_of()
    path = draw_path(world, 0)
    closed = path.lane_open.copy()
    closed[5:9, 0] = 0.0
    ledger = run_rule(world, dataclasses.replace(path, lane_open=closed), default_rule(world))
    assert not ledger.shipped[5:9, 0].any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_an_impossible_order_is_refused(bad):
    world = world_of()
    engine = EventEngine(world, draw_path(world, 0))
    engine.advance()
    with pytest.raises(SimulationError, match="finite and not negative"):
        engine.decide(Decision.of_orders(world, np.full((2, 1), bad)))


def test_a_decision_outside_an_epoch_is_refused():
    world = world_of()
    engine = EventEngine(world, draw_path(world, 0))
    with pytest.raises(SimulationError, match="advance"):
        engine.decide(Decision.of_orders(world, np.zeros((2, 1))))


def test_a_ledger_with_a_unit_too_many_fails_its_check():
    ledger = twin.simulate(chain(), seed=1)
    ledger.quantities.on_hand[12, 1] += 1.0
    with pytest.raises(InvariantError, match="period 12"):
        ledger.check()


def test_profit_of_nodes_is_external_revenue_less_external_cost():
    lanes = {"plant -> dc": {"price": 2}, "dc -> shop": {"price": 3, "freight": 0.5}}
    money = twin.simulate(chain(lanes=lanes), seed=1).accounts
    np.testing.assert_allclose(
        money.profit.sum(axis=1), (money.revenue - money.external_cost).sum(axis=1), atol=1e-9
    )


def test_whole_units_stay_whole():
    ledger = twin.simulate(chain(integral=True), seed=1)
    np.testing.assert_array_equal(ledger.shipped, np.rint(ledger.shipped))


def test_unknown_names_in_replay_are_named():
    with pytest.raises(UsageError, match="moon"):
        twin.replay(chain(), demand={"moon": [0] * 30}, orders={})


def test_times_are_snapped_to_the_epoch_they_meet():
    assert snapped(0.1 * 3, 0.1) == 3 * 0.1
    assert snapped(0.35, 0.1) == 0.35
