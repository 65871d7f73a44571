"""KPIs on cases small enough to work out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import twin
from tests.profiles import laws
from tests.strategies import seeds, worlds
from twin.env.rules import default_rule
from twin.exogenous.path import draw_path
from twin.kpi.catalogue import KPIS, summary
from twin.kpi.control import cost_of_control, decision_age, retry_share
from twin.kpi.cost_to_serve import cost_by_lane, cost_to_serve
from twin.kpi.inventory import bullwhip_by_echelon, bullwhip_ratio, order_amplification
from twin.kpi.orders import customer_lines, lane_lines
from twin.kpi.vehicles import empty_share, load_factor_by_fleet
from twin.scenario import from_mapping
from twin.simulation import run_rule


def shop(unmet, demand, stock=10.0, **fields):
    """One store with 10 units, fed by orders given by hand; returns the ledger."""
    scenario = from_mapping(
        {
            "name": "shop",
            "horizon": f"{len(demand)} d",
            "products": {"box": {"value": 2.0}},
            "nodes": {
                "plant": {"kind": "supplier"},
                "shop": {
                    "kind": "store",
                    "stock": stock,
                    "unmet": unmet,
                    "demand": {"model": "constant", "mean": 1},
                    **fields,
                },
            },
            "lanes": {"plant -> shop": {}},
        }
    )
    orders = [0, 0, 6, 0, 4, 0][: len(demand)]
    return twin.replay(scenario, demand={"shop": demand}, orders={"plant->shop": orders})


def test_fill_rate_counts_only_what_is_served_from_stock_at_once():
    lost = shop("lost", [4, 8, 2, 2])
    assert summary(lost)["fill_rate"] == pytest.approx((4 + 6 + 2 + 2) / 16)
    # The two units owed from period 1 are served in period 2 from its six: late, not filled.
    backlog = shop("backlog", [4, 8, 2, 2])
    assert summary(backlog)["fill_rate"] == pytest.approx((4 + 6 + 2 + 2) / 16)
    assert backlog.unmet[:, 1, 0].tolist() == [0, 2, 0, 0]


def test_cycle_service_counts_cycles_between_receipts():
    ledger = shop("lost", [4, 8, 2, 9, 1, 1])
    assert ledger.unmet[:, 1, 0].tolist() == [0, 2, 0, 5, 0, 0]
    assert summary(ledger)["cycle_service_level"] == 0.0
    # The one cycle runs from the receipt of day 2 to that of day 4; day 3 is not short now.
    assert summary(shop("lost", [4, 8, 2, 4, 1, 1]))["cycle_service_level"] == 1.0


def test_ready_rate_is_the_share_of_periods_that_end_with_stock():
    ledger = shop("lost", [4, 8, 2, 2])
    assert ledger.on_hand[:, 1, 0].tolist() == [6, 0, 4, 2]
    assert summary(ledger)["ready_rate"] == pytest.approx(3 / 4)


def test_turns_are_goods_sold_per_year_over_stock_at_value():
    ledger = shop("lost", [4, 8, 2, 2])
    assert summary(ledger)["inventory_turns"] == pytest.approx((14 / 4 * 365) / 3.0)


def test_cost_per_period_adds_holding_and_lost_sales():
    ledger = shop("lost", [4, 8, 2, 2], holding=0.5, penalty=3.0)
    assert summary(ledger)["cost_per_period"] == pytest.approx((0.5 * 12 + 3 * 2) / 4)


def test_bullwhip_is_undefined_where_demand_is_constant():
    assert summary(shop("lost", [2, 2, 2, 2]))["bullwhip_ratio"] is None


@pytest.mark.parametrize("kpi", KPIS, ids=lambda kpi: kpi.name)
def test_every_kpi_has_a_definition(kpi):
    assert len(kpi.definition) > 20


def chain(orders, demand=(0, 0, 0, 0, 0, 0), dc=None, lane=None, **scenario):
    """Plant (2 d) -> dc with 5 units (1 d) -> shop; orders of dc and shop given by hand."""
    model = {
        "name": "chain",
        "horizon": f"{len(demand)} d",
        "products": {"box": {}},
        "nodes": {
            "plant": {"kind": "supplier", "production": {"cost": 2.0}},
            "dc": {"kind": "warehouse", "stock": 5, **(dc or {})},
            "shop": {"kind": "store", "unmet": "lost", "demand": {"model": "constant", "mean": 1}},
        },
        "lanes": {
            "plant -> dc": {"lead_time": "2 d"},
            "dc -> shop": {"lead_time": "1 d", **(lane or {})},
        },
        **scenario,
    }
    named = dict(zip(("plant->dc", "dc->shop"), orders, strict=True))
    return twin.replay(from_mapping(model), demand={"shop": demand}, orders=named)


def test_otif_counts_a_late_line_as_a_miss():
    ledger = shop("backlog", [4, 8, 2, 2])
    assert ledger.unmet[:, 1, 0].tolist() == [0, 2, 0, 0]
    assert summary(ledger)["otif"] == pytest.approx(3 / 4)
    assert summary(ledger)["order_cycle_time"] == pytest.approx((0 + 1 + 0 + 0) / 4)
    # Customers who wait a day have all they asked for within their window; three windows end.
    assert customer_lines(ledger, tolerance=1).otif() == pytest.approx(1.0)


def test_otif_counts_a_lost_line_as_a_miss_that_is_never_delivered():
    lost = shop("lost", [4, 8, 2, 2])
    assert summary(lost)["otif"] == pytest.approx(3 / 4)
    assert summary(lost)["order_cycle_time"] == 0.0
    assert customer_lines(lost, tolerance=2).otif() == pytest.approx(1 / 2)


def test_lines_are_filled_first_in_first_out_along_a_lane():
    ledger = chain(([6, 0, 0, 0, 0, 7], [4, 4, 0, 0, 0, 0]), dc={"unmet": "backlog"})
    assert ledger.received[:, 1, 0].tolist() == [0, 4, 1, 3, 0, 0]
    lines = lane_lines(ledger)
    # Of the second order one box comes on day 2 and three on day 3, a day late. The dc's order of
    # the last day is not due before the end.
    assert lines.delivered[:2, 1, 0].tolist() == [1, 3]
    assert int(lines.due.sum()) == 3
    assert summary(ledger)["replenishment_otif"] == pytest.approx(2 / 3)
    assert summary(ledger)["replenishment_cycle_time"] == pytest.approx((2 + 1 + 2) / 3)
    assert lane_lines(ledger, tolerance=1).otif() == 1.0


@pytest.mark.parametrize("lag", [0, 1])
def test_a_cancelled_order_is_a_miss_and_does_not_delay_the_next(lag):
    ledger = chain(
        ([6, 0, 0, 0, 0, 0, 0], [4, 4, 0, 2, 0, 0, 0]),
        (0,) * 7,
        dc={"unmet": "lost"},
        lane={"order_lead_time": f"{lag} d"},
    )
    expected = [0, 4, 1, 0, 2, 0, 0] if lag == 0 else [0, 0, 4, 4, 0, 2, 0]
    assert ledger.received[:, 1, 0].tolist() == expected
    lines = lane_lines(ledger)
    late = -1 if lag == 0 else 3
    assert lines.delivered[[0, 1, 3], 1, 0].tolist() == [1 + lag, late, 4 + lag]
    assert lines.otif() == pytest.approx(3 / 4 if lag == 0 else 1.0)


def test_a_cancelled_order_with_an_order_lead_time_is_found_where_it_was_placed():
    ledger = chain(
        ([0] * 6, [4, 4, 0, 0, 0, 0]), dc={"unmet": "lost"}, lane={"order_lead_time": "1 d"}
    )
    assert ledger.unfilled[:, 1, 0].tolist() == [0, 0, 3, 0, 0, 0]
    assert lane_lines(ledger).delivered[:2, 1, 0].tolist() == [2, -1]


def test_a_perfect_order_has_every_product_and_otif_counts_lines():
    scenario = from_mapping(
        {
            "name": "two products",
            "horizon": "2 d",
            "products": {"red": {}, "blue": {}},
            "nodes": {
                "plant": {"kind": "supplier"},
                "shop": {
                    "kind": "store",
                    "unmet": "lost",
                    "stock": {"red": 9, "blue": 3},
                    "demand": {name: {"model": "constant", "mean": 1} for name in ("red", "blue")},
                },
            },
            "lanes": {"plant -> shop": {}},
        }
    )
    ledger = twin.replay(scenario, demand={"shop": [[2, 2], [2, 2]]}, orders={})
    assert summary(ledger)["otif"] == pytest.approx(3 / 4)
    assert summary(ledger)["perfect_order"] == pytest.approx(1 / 2)


def test_days_of_supply_is_stock_over_what_is_sold_per_day():
    ledger = shop("lost", [4, 8, 2, 2])
    assert ledger.on_hand[:, 1, 0].tolist() == [6, 0, 4, 2]
    assert summary(ledger)["days_of_supply"] == pytest.approx(3.0 / (14 / 4))
    assert summary(shop("lost", [0, 0]))["days_of_supply"] is None


def test_holding_and_penalty_are_split_by_what_happens_to_unmet_demand():
    prices = {"holding": 0.5, "penalty": 3.0}
    lost = summary(shop("lost", [4, 8, 2, 2], **prices))
    assert (lost["lost_sales_cost"], lost["backlog_cost"]) == (pytest.approx(3 * 2 / 4), None)
    assert lost["holding_cost"] == pytest.approx(0.5 * 12 / 4)
    owed = summary(shop("backlog", [4, 8, 2, 2], **prices))
    assert (owed["backlog_cost"], owed["lost_sales_cost"]) == (pytest.approx(3 * 2 / 4), None)


def test_bullwhip_depends_on_the_time_bucket():
    # Demand 1, 3, 1, 3 (variance 1) becomes orders 0, 4, 0, 4 (4), then 0, 0, 8, 0 (12).
    ledger = chain(([0, 0, 8, 0], [0, 4, 0, 4]), (1, 3, 1, 3))
    assert bullwhip_ratio(ledger) == pytest.approx(12.0)
    assert bullwhip_by_echelon(ledger) == pytest.approx({1: 12.0, 2: 4.0})
    assert order_amplification(ledger) == pytest.approx({"dc": 12 / 4, "shop": 4.0})
    # In buckets of two days demand is 4 and 4: it does not vary.
    assert bullwhip_ratio(ledger, bucket=2) is None
    # In buckets of three there is one full bucket, which does not vary either.
    assert bullwhip_ratio(ledger, bucket=3) is None


def test_cost_to_serve_follows_the_goods():
    scenario = from_mapping(
        {
            "name": "two shops",
            "horizon": "2 d",
            "products": {"box": {}},
            "nodes": {
                "plant": {"kind": "supplier", "production": {"cost": 2.0}},
                "dc": {"kind": "warehouse", "stock": 10, "holding": 1.0},
                "near": {"kind": "store", "unmet": "lost", "penalty": 5.0},
                "far": {"kind": "store", "unmet": "lost"},
            },
            "lanes": {
                "plant -> dc": {"price": 7.0},
                "dc -> near": {"freight": 1.0},
                "dc -> far": {"freight": 3.0, "order_cost": 4.0},
            },
        }
    )
    ledger = twin.replay(
        scenario,
        demand={"near": [6, 2], "far": [2, 0]},
        orders={"plant->dc": [4, 0], "dc->near": [6, 0], "dc->far": [2, 0]},
    )
    # The dc makes 4 boxes at 2 and holds 6 on both evenings: 20, of which 6/8 go near, 2/8 far.
    # Near: 15 + freight 6 + penalty 2 x 5. Far: 5 + freight 6 + one order at 4.
    served = cost_to_serve(ledger)
    assert ledger.on_hand[:, 1, 0].tolist() == [6, 6]
    assert {name: s.cost for name, s in served.items()} == pytest.approx({"near": 31, "far": 15})
    assert served["near"].per_unit == pytest.approx(31 / 6)
    lanes = {name: s.cost for name, s in cost_by_lane(ledger).items()}
    assert lanes == pytest.approx({"plant->dc": 8, "dc->near": 6, "dc->far": 10})


@laws(30)
@given(st.data())
def test_laws_of_kpis_hold_on_random_networks(data):
    world = data.draw(worlds())
    ledger = run_rule(world, draw_path(world, data.draw(seeds())), default_rule(world))
    served = cost_to_serve(ledger)
    total = float(ledger.accounts.external_cost.sum())
    assert sum(s.cost for s in served.values()) == pytest.approx(total)
    kpis = summary(ledger)
    shares = ("fill_rate", "otif", "perfect_order", "replenishment_otif", "load_factor")
    for value in (kpis[name] for name in shares):
        assert value is None or -1e-12 <= value <= 1 + 1e-9
    penalties = (kpis["backlog_cost"] or 0.0) + (kpis["lost_sales_cost"] or 0.0)
    assert penalties * world.periods == pytest.approx(float(ledger.accounts.penalty.sum()))
    for lines in (customer_lines(ledger), lane_lines(ledger)):
        taken = lines.mean_periods_taken()
        assert taken is None or taken >= 0


@laws(30)
@given(st.data())
def test_a_line_is_delivered_when_the_deliveries_reach_the_orders_up_to_it(data):
    world = data.draw(worlds())
    ledger = run_rule(world, draw_path(world, data.draw(seeds())), default_rule(world))
    delivered = lane_lines(ledger).delivered
    cancelled = np.where(world.drops[world.source][None, :, None], ledger.unfilled, 0.0)
    queue, received = np.cumsum(ledger.ordered - cancelled, 0), np.cumsum(ledger.received, 0)
    for t, lane, product in np.argwhere(delivered >= 0):
        done, asked = delivered[t, lane, product], queue[t, lane, product]
        if not world.order_lag[lane]:
            assert received[done, lane, product] >= asked * (1 - 1e-9) - 1e-9
            assert done == t or received[done - 1, lane, product] < asked
    assert customer_lines(ledger) is customer_lines(ledger)


def test_load_factor_counts_trips_and_half_of_all_legs_are_empty():
    fleets = {"trucks": {"depot": "dc", "vehicles": 5, "capacity": 4, "round_trip": "1 d"}}
    orders = ([0] * 6, [5, 0, 0, 0, 0, 0])
    ledger = chain(orders, lane={"fleet": "trucks"}, fleets=fleets)
    assert ledger.trips[:, 1].tolist() == [2, 0, 0, 0, 0, 0]
    assert summary(ledger)["load_factor"] == pytest.approx(5 / 8)
    assert load_factor_by_fleet(ledger) == {"trucks": pytest.approx(5 / 8)}
    assert empty_share(ledger) == pytest.approx(1 / 2)
    assert empty_share(chain(([0] * 6, [0] * 6), fleets=fleets)) is None


def test_cost_of_control_is_per_epoch_and_undefined_without_any():
    assert cost_of_control(money=6.0, epochs=120) == pytest.approx(0.05)
    assert cost_of_control(0.0, 0) is None
    assert retry_share(attempts=50, retries=5) == pytest.approx(0.1)
    assert retry_share(0, 0) is None


def test_decision_age_runs_from_the_state_to_the_execution():
    # Three decisions of day 4: on fresh answers, on answers a day old, and executed a day late.
    age = decision_age([4.0, 3.0, 4.0], [4.0, 4.0, 5.0])
    assert age is not None
    assert (age.mean, age.longest) == (pytest.approx(2 / 3), 1.0)
    assert decision_age([], []) is None
