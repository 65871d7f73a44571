"""Laws of the faults at the socket: every failure has one label, and nothing crashes."""

import json

import numpy as np
import pytest

from agents.gateway.http_calls import Address
from agents.gateway.remote import Wire
from agents.gateway.schema import Label
from stress.case import Strike
from stress.catalogue import Window
from stress.catalogue.luck import Draw
from stress.expand import strikes_of
from stress.spec import StressSuite
from stress.wire import toxics
from stress.wire.proxy import ToxicProxy
from stress.wire.translate import on_the_wire
from tests.wire_runs import compiled, over_http, runs_of, same, simulated
from twin.cli import run
from twin.env.rules import default_rule
from twin.errors import NothingSelectedError, UsageError
from twin.exogenous.path import draw_path
from twin.serve import Runs, ToolHTTPServer, ToolRun
from twin.tools.channel import Layer

LONG_S = 1_000.0
PATIENCE_S = 0.05
AFTERWARDS = {"budget_exhausted", "breaker_open", "deadline"}


@pytest.fixture(scope="module")
def world():
    return compiled("horizon=2 d")


class Becomes(Layer):
    """Every answer becomes this, in simulated time."""

    name = "becomes"

    def __init__(self, body):
        self.body = body

    def answer(self, transit, body):
        return self.body


def through_proxy(world, *trouble, seed=3, patience_s=30.0):
    with (
        ToolHTTPServer(runs_of(world)) as server,
        ToxicProxy(server.address, trouble, seed) as proxy,
    ):
        way = Wire(Address.of(server.url), Address(*proxy.address), patience_s)
        outcome = over_http(world, way)
    assert proxy.turned_away == server.turned_away == 0
    return outcome, proxy


HANGING = [
    toxics.Latency(latency_s=LONG_S),
    toxics.Latency(latency_s=LONG_S, stream="upstream"),
    toxics.Bandwidth(rate=0.5),
    toxics.Slicer(average_size=8, size_variation=4, delay_s=LONG_S),
    toxics.SlowClose(delay_s=LONG_S),
    toxics.Timeout(),
]
BREAKING = [
    toxics.ResetPeer(),
    toxics.ResetPeer(stream="upstream"),
    toxics.LimitData(bytes=10),
    toxics.LimitData(bytes=0),
    toxics.Timeout(timeout_s=0.001),
]


@pytest.mark.parametrize("toxic", HANGING, ids=lambda t: f"{t.name}-{t.stream}")
def test_what_hangs_at_the_socket_is_a_lost_answer_of_the_simulated_channel(world, toxic):
    wire, proxy = through_proxy(world, toxic, patience_s=PATIENCE_S)
    assert same(wire.outcome, simulated(world, layers=[Becomes(None)]))
    assert set(wire.outcome.labels) - AFTERWARDS == {"timeout"}
    assert wire.given_up == wire.exchanges > 0
    assert proxy.fired[toxic.name] > 0


@pytest.mark.parametrize("toxic", BREAKING, ids=lambda t: f"{t.name}-{t.stream}")
def test_what_breaks_at_the_socket_is_an_empty_answer_of_the_simulated_channel(world, toxic):
    wire, proxy = through_proxy(world, toxic)
    assert same(wire.outcome, simulated(world, layers=[Becomes(b"")]))
    assert set(wire.outcome.labels) - AFTERWARDS == {"malformed_json"}
    assert wire.exchanges == proxy.fired[toxic.name] > 0


def test_a_cut_answer_and_a_damaged_one_are_told_from_what_was_said(world):
    for toxic in (toxics.LimitData(bytes=200), toxics.Corrupt(bits=40)):
        wire, _ = through_proxy(world, toxic)
        labels = wire.outcome.labels
        assert wire.outcome.violations == ()
        assert set(labels) <= set(Label)
        assert sum(labels.values()) >= wire.outcome.account.attempts > 0


def test_everything_at_once_leaves_one_label_each_and_the_same_twice(world):
    trouble = [
        toxics.ResetPeer(0.1),
        toxics.ResetPeer(0.1, "upstream"),
        toxics.LimitData(0.1, bytes=220),
        toxics.Latency(0.2, latency_s=0.001, jitter_s=0.001),
        toxics.Slicer(0.2, average_size=64, delay_s=0.0005),
    ]
    first, proxy = through_proxy(world, *trouble)
    again, _ = through_proxy(world, *trouble)
    other, _ = through_proxy(world, *trouble, seed=4)
    assert same(first.outcome, again.outcome)
    assert first.outcome.labels != other.outcome.labels
    assert len(proxy.fired) == 4  # both resets under one name
    assert first.outcome.labels["malformed_json"] > 0
    assert first.outcome.account.retries > 0


def test_without_toxics_the_proxy_changes_nothing(world):
    harmless = [toxics.ResetPeer(0.0), toxics.Latency(), toxics.Slicer(size_variation=0)]
    wire, proxy = through_proxy(world, *harmless)
    assert same(wire.outcome, simulated(world))
    assert proxy.connections == wire.exchanges
    assert proxy.fired["reset_peer"] == 0


def test_answers_as_late_as_on_the_wire_break_no_law(world):
    with ToolHTTPServer(runs_of(world)) as server:
        wire = over_http(world, Wire(Address.of(server.url), wall_time=True))
    assert wire.outcome.violations == ()


def test_slices_and_rates_add_up():
    draw = Draw(b"k" * 32, "0")
    data = bytes(range(256)) * 4
    sliced = list(
        toxics.Slicer(average_size=100, size_variation=50, delay_s=1.0)
        .effect(draw)
        .pieces(0.5, data)
    )
    assert b"".join(part for _, part in sliced) == data
    assert [wait for wait, _ in sliced] == [0.5] + [1.0] * (len(sliced) - 1)
    assert all(50 <= len(part) <= 150 for _, part in sliced[:-1])
    assert list(toxics.Bandwidth(rate=512.0).effect(draw).pieces(0.0, data)) == [(2.0, data)]
    limited = toxics.LimitData(bytes=300).effect(draw)
    passed = [part for chunk in (data[:256], data[256:]) for _, part in limited.pieces(0.0, chunk)]
    assert b"".join(passed) == data[:300]
    assert limited.over
    ((_, spoilt),) = toxics.Corrupt(bits=1).effect(draw).pieces(0.0, data)
    turned = [a ^ b for a, b in zip(spoilt, data, strict=True) if a != b]
    assert len(turned) == 1
    assert turned[0].bit_count() == 1


def strike(family, severity=5, **parameters):
    return Strike(family, severity, Window(0.0, 100.0), tuple(parameters.items()))


def test_faults_of_a_suite_act_where_the_readme_says(world):
    at_socket = ("latency", "bandwidth", "slicer", "slow_close")
    at_socket += ("timeout", "reset_peer", "limit_data", "corrupt")
    for name in at_socket:
        (toxic,) = on_the_wire([strike(f"channel.{name}")], world).toxics
        assert toxic.name == name
        assert on_the_wire([strike(f"channel.{name}", 0)], world).toxics == ()
    both = on_the_wire([strike("channel.corrupt", stream="both")], world).toxics
    assert [toxic.stream for toxic in both] == ["upstream", "downstream"]
    for family in ("channel.loss", "network.clog", "actor.crash", "act.drop"):
        with pytest.raises(UsageError, match="no wire"):
            on_the_wire([strike(family)], world)
    surge = on_the_wire([strike("world.demand_surge")], world)
    assert not np.array_equal(surge.path(world, 3).demand, draw_path(world, 3).demand)


def test_lying_tools_lie_the_same_over_http_as_in_simulated_time(world):
    struck = on_the_wire([strike("tool.malformed")], world)
    rule = default_rule(world)
    runs = Runs(lambda s: ToolRun(world, draw_path(world, s), rule, struck.layers()), 3)
    with ToolHTTPServer(runs) as server:
        wire = over_http(world, Wire(Address.of(server.url)))
    assert same(wire.outcome, simulated(world, layers=struck.layers()))
    assert sum(wire.outcome.labels.values()) > 0


def test_a_case_is_chosen_by_name_and_severity(world):
    suite = StressSuite(name="two", faults={"channel.corrupt": {}, "world.outage": {}})
    (found,) = strikes_of(suite, world, "channel.corrupt/3")
    assert (found.family, found.severity) == ("channel.corrupt", 3)
    with pytest.raises(NothingSelectedError, match="did you mean"):
        strikes_of(suite, world, "channel.corupt/3")
    command = ["serve-tools", "scenarios/quickstart.yaml", "--case", "channel.corrupt/3"]
    assert run(command) == 2


@pytest.mark.parametrize("case", [(), ("tool.malformed/5",), ("channel.reset_peer/5",)])
def test_the_command_compares_a_wire_with_simulated_time(case, capsys):
    chosen = ["--faults", "scenarios/stress/full.yaml", "--case", *case] if case else []
    command = ["serve-tools", "scenarios/quickstart.yaml", "--set", "horizon=2 d", "--check"]
    assert run([*command, *chosen, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["passed"] is True
    assert found["exchanges"] > 0
    if case == ("channel.reset_peer/5",):
        assert found["labels"] != found["simulated_labels"] == {}
    else:
        assert found["digest"] == found["simulated_digest"]
