"""KPIs on cases small enough to work out by hand."""

import pytest

import twin
from twin.kpi.catalogue import KPIS, summary
from twin.scenario import from_mapping


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
