"""Laws of faults of tools and channels: receipts, refusals, loss, copies, cuts and spells."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from stress.catalogue.receipts import receipt
from tests.struck_world import INSIDE, SHOP, WINDOW, down, layer, stock, struck_world, transit
from twin.engine.event import EventEngine
from twin.env.agents import agent_specs
from twin.exogenous.path import draw_path
from twin.network.world import World
from twin.tools.server import ToolServer


@pytest.fixture(scope="module")
def world() -> World:
    return struck_world()


def test_a_forged_receipt_is_what_the_server_would_have_written(world) -> None:
    engine = EventEngine(world, draw_path(world, 0))
    engine.advance()
    server = ToolServer(world, engine, agent_specs(world))
    server.open()
    write = {"version": "1", "call": "c", "tool": "order.place", "agent": SHOP, "entity": "shop"}
    body = json.dumps({**write, "period": 0, "key": f"0/{SHOP}", "quantities": [4.0]}).encode()
    forged = receipt(body)
    assert server.handle(0.0, body) == forged


def test_a_forgotten_write_is_confirmed_and_never_arrives(world) -> None:
    made = layer(world, "tool.semantic", 5, error="silent_noop")
    write = {"version": "1", "call": "c", "tool": "order.place", "agent": SHOP, "entity": "shop"}
    body = json.dumps({**write, "period": 6, "key": "6/x", "quantities": [4.0]}).encode()
    outcomes = set()
    for k in range(100):
        request = transit(k, direction="request")._replace(tool="order.place")
        kept = made.request(request, body)
        answer = made.answer(request._replace(direction="answer"), b"refused")
        outcomes.add((kept, b"order.place" in (answer or b"")))
    assert outcomes == {(body, False), (b"", True)}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("unit_scale", {"on_hand": [4_000.0, 6_000.0], "owed": [0.0]}),
        ("sign_flip", None),
        ("bit_flip", None),
        ("partial", {"on_hand": [4.0, 0.0], "owed": [0.0]}),
    ],
)
def test_a_semantic_error_keeps_to_the_schema(world, error, said) -> None:
    made = layer(world, "tool.semantic", 5, error=error)
    wrong = []
    for k in range(200):
        document = json.loads(made.answer(transit(k), stock(4.0, 6.0)) or b"")
        assert document.keys() - {"digest"} == json.loads(stock(4.0, 6.0)).keys()
        numbers = {name: document[name] for name in ("on_hand", "owed")}
        if numbers != {"on_hand": [4.0, 6.0], "owed": [0.0]}:
            wrong.append(numbers)
    assert wrong
    assert said is None or said in wrong


@pytest.mark.parametrize(("retry_after", "low", "high"), [("honest", 1.0, 600.0), ("wrong", 0, 0)])
def test_a_rate_limit_refuses_beyond_its_number(world, retry_after, low, high) -> None:
    made = layer(world, "tool.rate_limit", 4, retry_after=retry_after, limit=10)
    refused = []
    for k in range(10):
        kept = made.request(transit(k, direction="request"), b"asked")
        answer = made.answer(transit(k), b"said") or b""
        refused.append(kept == b"")
        if refused[-1]:
            assert low <= json.loads(answer)["retry_after_s"] <= high
    assert refused == [False] * 5 + [True] * 5
    assert made.request(transit(0, INSIDE + 0.5, "request"), b"asked") == b"asked"


def test_drift_lasts_for_its_time(world) -> None:
    made = layer(world, "tool.schema_drift", 5, drift="rename", persistence="1 d")
    days = [
        {made.answer(transit(k, d + 0.001 * k), stock(1.0)) for k in range(5)} for d in range(5, 15)
    ]
    assert all(len(day) == 1 for day in days)
    assert 0 < sum(day != {stock(1.0)} for day in days) < 10


def test_loss_comes_at_its_rate_and_in_bursts(world) -> None:
    made = layer(world, "channel.loss", 5, r=0.25)
    lost = [made.delay(transit(k), 1.0) == math.inf for k in range(20_000)]
    bursts = [len(b) for b in "".join("x" if x else " " for x in lost).split()]
    assert np.mean(lost) == pytest.approx(0.30, abs=0.02)
    assert np.mean(bursts) == pytest.approx(4.0, rel=0.1)


@pytest.mark.parametrize(
    ("family", "copies", "delay"),
    [("channel.duplicate", 1, False), ("channel.reorder", 0, True), ("channel.slicer", 0, True)],
)
def test_messages_are_repeated_or_held_back(world, family, copies, delay) -> None:
    made = layer(world, family, 5)
    found = [(len(made.copies(transit(k))), made.delay(transit(k), 1.0) > 1.0) for k in range(200)]
    assert 40 < found.count((copies, delay)) < 140
    assert set(found) == {(0, False), (copies, delay)}


def test_corruption_turns_single_bits(world) -> None:
    made = layer(world, "channel.corrupt", 5, bits=1)
    for k in range(100):
        spoilt = made.answer(transit(k), b"sound and whole") or b""
        apart = [bin(a ^ b).count("1") for a, b in zip(spoilt, b"sound and whole", strict=True)]
        assert sum(apart) in (0, 1)


def test_limited_data_is_cut_and_a_reset_is_empty(world) -> None:
    cut = layer(world, "channel.limit_data", 5, bytes=3)
    reset = layer(world, "channel.reset_peer", 5)
    assert {cut.answer(transit(k), b"abcdef") for k in range(50)} == {b"abc", b"abcdef"}
    assert {reset.answer(transit(k), b"abcdef") for k in range(50)} == {b"", b"abcdef"}


def test_a_partition_can_be_one_sided(world) -> None:
    made, at = down(world, "network.partition", symmetry="answers")
    assert made.delay(transit(0, at), 1.0) == math.inf
    assert made.delay(transit(0, at, "request"), 1.0) == 1.0


def test_a_clog_holds_everything_until_it_ends_and_loses_nothing(world) -> None:
    made, at = down(world, "network.clog")
    end = made.spell_end_at(SHOP, at)
    for sent in (at, (at + end) / 2):
        assert sent + made.delay(transit(0, sent), 0.0) == pytest.approx(end)
    assert end <= WINDOW.end_d


def test_a_provider_that_is_down_does_nothing_and_says_so(world) -> None:
    made, at = down(world, "network.provider_outage")
    assert made.request(transit(0, at, "request"), b"write") == b""
    assert json.loads(made.answer(transit(0, at), b"x") or b"")["is_error"] is True


@pytest.mark.parametrize(("said", "waits"), [("honest", True), ("absent", None), ("wrong", False)])
def test_a_locked_account_refuses_everything_and_may_say_how_long(world, said, waits) -> None:
    made, at = down(world, "network.account_lock", retry_after=said)
    assert made.request(transit(0, at, "request"), b"write") == b""
    refusal = json.loads(made.answer(transit(0, at), b"x") or b"")
    assert refusal["code"] == "account_locked"
    wait_s = refusal["retry_after_s"]
    assert wait_s is None if waits is None else (wait_s > 0) is waits


def test_a_slow_clock_dates_answers_a_period_back(world) -> None:
    made, at = down(world, "network.clock_skew", 3)
    answers = [json.loads(made.answer(transit(0, t), stock(1.0)) or b"") for t in (at, 16.0)]
    assert [answer["as_of"] for answer in answers] == [5, 6]
