"""Resilience, time to survive and risk exposure on cases small enough to work out by hand."""

import json

import numpy as np
import pytest

from agents.risk import Outage, close_node, connected_nodes, risk_exposure
from twin.cli import run
from twin.env.rules import default_rule
from twin.errors import NothingSelectedError, UsageError
from twin.exogenous.path import draw_path
from twin.kpi.resilience import recovery, relative_service, resilience_loss
from twin.kpi.survival import time_to_survive
from twin.network.world import compile_world
from twin.scenario import from_mapping
from twin.simulation import run_rule

DAYS = 40


def model(**changes):
    """Two plants, a dc and a shop that sells two boxes a day; the second plant feeds nobody."""
    plain = {
        "name": "line",
        "horizon": f"{DAYS} d",
        "products": {"box": {}},
        "nodes": {
            "plant": {"kind": "supplier"},
            "spare": {"kind": "supplier"},
            "dc": {"kind": "warehouse", "stock": 6, "order_up_to": 6},
            "shop": {
                "kind": "store",
                "stock": 8,
                "order_up_to": 8,
                "unmet": "lost",
                "penalty": 3.0,
                "demand": {"model": "constant", "mean": 2},
            },
        },
        "lanes": {"plant -> dc": {"lead_time": "1 d"}, "dc -> shop": {"lead_time": "1 d"}},
    }
    return from_mapping(plain | changes).model


def world(**changes):
    return compile_world(model(**changes))


def survived(network, out, dc=6.0, shop=8.0, on_the_way=0.0):
    stock = np.array([[0.0], [0.0], [dc], [shop]])
    transit = np.full((len(network.lanes), 1), on_the_way)
    node = None if out is None else network.nodes.index(out)
    return time_to_survive(network, node, stock, transit)


def test_time_to_recover_runs_from_the_failure_to_the_first_return_that_holds():
    service = [1.0, 1.0, 0.9, 0.5, 1.0, 0.7, 0.97, 1.0, 0.98, 1.0]
    found = recovery(service, failure_level=0.8, recovery_level=0.97, hold=2)
    assert (found.failed, found.recovered, found.periods) == (3, 6, 3)
    assert recovery(service, 0.8, 0.97, hold=1).periods == 1
    assert recovery(service, 0.8, 0.97, hold=1, start=5).periods == 1


def test_service_that_holds_takes_no_time_and_service_that_stays_away_has_none():
    assert recovery([1.0, 0.9, 1.0], 0.8, 0.97, hold=2).periods == 0
    assert recovery([1.0, 0.5, 0.6, 0.7], 0.8, 0.97, hold=1).periods is None
    # Back on the last day, which is too late to be held for two.
    assert recovery([1.0, 0.5, 0.5, 1.0], 0.8, 0.97, hold=2).periods is None


def test_resilience_loss_is_the_area_between_service_and_service_before():
    assert resilience_loss([0.4, 0.2, 0.6], 0.8, period_d=0.5) == pytest.approx(
        0.5 * (0.5 + 0.75 + 0.25)
    )


def test_relative_service_keeps_its_level_where_nothing_was_asked_for():
    relative = relative_service(np.array([4.0, 1.0, 0.0, 2.0]), np.array([4.0, 2.0, 0.0, 2.0]))
    assert relative.tolist() == [1.0, 0.5, 0.5, 1.0]


def test_a_network_survives_on_the_stock_downstream_of_the_outage():
    line = world()
    assert survived(line, "plant") == pytest.approx((6 + 8) / 2)
    assert survived(line, "dc") == pytest.approx(8 / 2)
    assert survived(line, "shop") == pytest.approx(8 / 2)
    assert survived(line, "plant", on_the_way=1.0) == pytest.approx((6 + 8 + 2) / 2)
    assert survived(line, "spare") is None
    assert survived(line, None) is None


def test_a_second_source_survives_for_ever_unless_it_is_too_narrow():
    lanes = {"plant -> dc": {}, "spare -> dc": {}, "dc -> shop": {}}
    assert survived(world(lanes=lanes), "plant") is None
    narrow = lanes | {"spare -> dc": {"capacity": 1.5}}
    assert survived(world(lanes=narrow), "plant") == pytest.approx((6 + 8) / (2 - 1.5))
    # One truck of 3 that is away for two days moves 1.5 a day.
    trucks = {"truck": {"depot": "spare", "vehicles": 1, "capacity": 3, "round_trip": "2 d"}}
    ridden = lanes | {"spare -> dc": {"fleet": "truck"}}
    assert survived(world(lanes=ridden, fleets=trucks), "plant") == pytest.approx(14 / 0.5)


def test_a_closed_node_sends_and_receives_nothing_while_it_is_out():
    line = world()
    path = close_node(line, draw_path(line, 0), line.nodes.index("dc"), 10, 5)
    ledger = run_rule(line, path, default_rule(line))
    assert ledger.shipped[10:15].sum() == 0
    assert ledger.shipped[9].sum() > 0
    assert ledger.received[10].sum() > 0  # what was on its way still arrives
    assert ledger.shipped[15].sum() > 0


def test_risk_exposure_by_hand():
    line = world()
    found = {
        risk.node: risk
        for risk in risk_exposure(line, default_rule(line), [0, 1], Outage(start=10, periods=6))
    }
    assert set(found) == {line.nodes[i] for i in connected_nodes(line)} == {"plant", "dc", "shop"}
    # Every evening the shop holds 6 and 2 are on their way to it: 8 to survive on, 4 days. The
    # outage ends on day 16, its first freight comes on day 17, so that days 14 to 16 are lost.
    dc = found["dc"]
    assert dc.tts_d == pytest.approx(4.0)
    assert dc.ttr_d == pytest.approx(3.0)
    assert dc.recovered_after_d == pytest.approx(7.0)
    assert dc.resilience_loss_d == pytest.approx(3.0)
    assert dc.cost_impact.mean == pytest.approx(3.0 * 2 * 3)
    assert dc.service_loss is not None
    assert dc.service_loss.mean == pytest.approx(3 / DAYS)
    assert dc.exposed
    # The dc holds stock of its own: without the plant, the shop is short for less long.
    plant = found["plant"]
    assert plant.tts_d is not None
    assert plant.tts_d > dc.tts_d
    assert plant.cost_impact.mean < dc.cost_impact.mean


def test_an_outage_that_stock_outlasts_exposes_nobody():
    line = world()
    for risk in risk_exposure(line, default_rule(line), [0], Outage(start=10, periods=1)):
        assert (risk.ttr_d, risk.resilience_loss_d, risk.exposed) == (0.0, 0.0, False)
        assert risk.cost_impact.mean == pytest.approx(0.0)


@pytest.mark.parametrize(("start", "periods"), [(-1, 5), (10, 0), (35, 5), (0, DAYS)])
def test_an_outage_must_fit_the_horizon(start, periods):
    line = world()
    with pytest.raises(UsageError, match="does not fit the horizon"):
        risk_exposure(line, default_rule(line), [0], Outage(start, periods))


def test_a_network_without_lanes_has_no_node_to_take_out():
    demand = {"model": "constant", "mean": 2}
    alone = world(nodes={"works": {"kind": "factory", "demand": demand}}, lanes={})
    with pytest.raises(NothingSelectedError):
        risk_exposure(alone, default_rule(alone), [0], Outage(10, 5))


@pytest.fixture
def scenario_file(tmp_path):
    path = tmp_path / "line.yaml"
    content = model().model_dump(mode="json", exclude_unset=True)
    path.write_text(json.dumps({"kind": "scenario"} | content), encoding="utf-8")
    return str(path)


def test_the_command_prints_one_json_document(scenario_file, capsys):
    args = ["risk", scenario_file, "--outage", "6 d", "--start", "10 d", "--seeds", "2", "--json"]
    assert run(args) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["start_d"], document["outage_d"], document["seeds"]) == (10, 6, [0, 1])
    assert document["nodes"][0]["node"] == "dc"
    assert document["nodes"][0]["exposed"] is True


def test_the_command_prints_a_table_and_refuses_a_bad_duration(scenario_file, capsys):
    assert run(["risk", scenario_file, "--outage", "6 d", "--seeds", "1"]) == 0
    shown = capsys.readouterr().out
    assert "TTS < TTR" in shown
    assert "no limit" not in shown
    assert run(["risk", scenario_file, "--outage", "6 parsecs"]) == 2
    assert "--outage: not a duration" in capsys.readouterr().err
