"""Laws of single fault families: each does what it says, and no more."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from stress.catalogue import (
    ActorFault,
    ChannelFault,
    PeopleFault,
    Window,
    WorldFault,
    build_fault,
)
from stress.catalogue.actors import FaultyPolicy
from stress.catalogue.layers import FaultLayer
from stress.catalogue.receipts import receipt
from stress.catalogue.spells import draw_spells
from stress.catalogue.targets import Region, Targets, distances
from twin.engine.event import EventEngine
from twin.env.agents import agent_specs
from twin.env.policy import RulePolicy
from twin.env.rules import default_rule
from twin.exogenous.path import draw_path
from twin.exogenous.streams import stream
from twin.network.world import World, compile_world
from twin.scenario import from_mapping
from twin.tools.channel import Transit
from twin.tools.server import ToolServer
from twin.tools.wire import is_sealed

WINDOW = Window(5.0, 15.0)
INSIDE, OUTSIDE = 6.0, 2.0
SHOP = "replenish:shop"


@pytest.fixture(scope="module")
def world() -> World:
    lane = {"lead_time": "1 d"}
    shop = {"kind": "store", "stock": 20, "demand": {"model": "poisson", "mean": 8}}
    return compile_world(
        from_mapping(
            {
                "kind": "scenario",
                "name": "tiny",
                "horizon": "20 d",
                "nodes": {
                    "plant": {"kind": "supplier"},
                    "dc": {"kind": "warehouse", "stock": 60},
                    "shop": shop,
                    "kiosk": shop,
                },
                "lanes": {
                    "plant -> dc": {"lead_time": "2 d"},
                    "dc -> shop": lane,
                    "dc -> kiosk": lane,
                },
                "agents": {"replenish": ["dc", "shop", "kiosk"]},
            }
        ).model
    )


def layer(world: World, family: str, severity: int = 5, seed: int = 1, **parameters: Any):
    fault = build_fault(family, parameters)
    assert isinstance(fault, ChannelFault)
    made = fault.layer(severity, WINDOW)
    made.start(seed, world)
    return made


def transit(
    k: int = 0, at: float = INSIDE, direction: Any = "answer", agent: str = SHOP
) -> Transit:
    return Transit(direction, "inventory.read", agent, f"{agent}/{k}/0", 1, 100, at)


def stock(*on_hand: float, as_of: int = 6) -> bytes:
    head = {"version": "1", "call": "c", "tool": "inventory.read", "entity": "shop"}
    body = {"unit": "unit", "as_of": as_of, "is_error": False, "on_hand": on_hand, "owed": [0.0]}
    return json.dumps({**head, **body}).encode()


def shown(made: FaultLayer, body: bytes, k: int = 0, at: float = INSIDE) -> list[float]:
    answer = made.answer(transit(k, at), body)
    assert answer is not None
    document, sound = json.loads(answer), json.loads(body)
    numbers = ("on_hand", "owed", "digest")
    assert [document[k] for k in sound if k not in numbers] == [
        sound[k] for k in sound if k not in numbers
    ]
    assert answer is body or is_sealed(answer)
    return document["on_hand"]


# What agents see


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_noise_has_the_relative_deviation_of_its_ladder(world, distribution) -> None:
    made = layer(world, "obs.noise", 4, distribution=distribution)
    errors = np.array([shown(made, stock(100.0), k)[0] / 100.0 - 1 for k in range(2_000)])
    assert errors.std() == pytest.approx(0.10, rel=0.1)
    assert abs(errors.mean()) < 0.01


def test_a_reading_that_is_asked_for_twice_is_the_same_twice(world) -> None:
    made = layer(world, "obs.noise", 5)
    assert shown(made, stock(10.0, 7.0), 3) == shown(made, stock(10.0, 7.0), 3)


def test_a_bias_is_the_same_every_day(world) -> None:
    made = layer(world, "obs.bias", 5, direction="down")
    assert {shown(made, stock(100.0), k)[0] for k in range(20)} == {80.0}


def test_a_stale_reading_is_an_old_one_that_claims_to_be_new(world) -> None:
    made = layer(world, "obs.stale", 2)
    for t in range(3, 9):
        seen = shown(made, stock(float(t), as_of=t), t, float(t))
        assert seen == [float(t if t < 5 else t - 2)]


def test_an_honest_stale_reading_says_so(world) -> None:
    made = layer(world, "obs.stale", 2, honest=True)
    made.answer(transit(3, 3.0), stock(3.0, as_of=3))
    answer = json.loads(made.answer(transit(5, 5.0), stock(5.0, as_of=5)) or b"")
    assert (answer["as_of"], answer["on_hand"]) == (3, [3.0])


def test_a_frozen_sensor_jumps_to_the_truth_now_and_then(world) -> None:
    made = layer(world, "obs.freeze", 2)
    seen = [shown(made, stock(float(t), as_of=t), t, float(t))[0] for t in range(5, 12)]
    assert seen == [5, 5, 5, 8, 8, 8, 11]


@pytest.mark.parametrize(("fill", "value"), [("zero", 0.0), ("mean", 2.0), ("last", 7.0)])
def test_a_dropped_number_is_filled_in(world, fill, value) -> None:
    made = layer(world, "obs.dropout", 5, fill=fill)
    made.answer(transit(5, 5.0), stock(7.0, 7.0, 7.0, as_of=5))
    numbers = [x for k in range(50) for x in shown(made, stock(1.0, 2.0, 3.0), k)]
    lost = [x for x, true in zip(numbers, [1.0, 2.0, 3.0] * 50, strict=True) if x != true]
    assert set(lost) == {value}
    assert 40 < len(lost) < 110


class Greedy:
    """Orders as much as the first number that it sees."""

    name = "greedy"

    def reset(self, seed: int) -> None: ...

    def act(self, observations):
        return {name: obs[:1].copy() for name, obs in observations.items()}


def actor(world: World, family: str, severity: int = 5, policy: Any = None, **parameters: Any):
    fault = build_fault(family, parameters)
    assert isinstance(fault, ActorFault)
    made = fault.wrap(policy or Greedy(), world, severity, WINDOW)
    made.reset(3)
    return made


def decisions(made: FaultyPolicy, world: World, agent: str = SHOP) -> list[float | None]:
    """One decision per period; the period is what a sound agent would order."""
    spec = next(spec for spec in agent_specs(world) if spec.name == agent)
    found = []
    for t in range(world.periods):
        observation = np.zeros(spec.size)
        observation[0] = observation[spec.slices["clock"].start] = t
        wish = made.act({agent: observation}).get(agent)
        found.append(None if wish is None else float(wish[0]))
    return found


@pytest.mark.parametrize("attacker", ["random", "search", "learned"])
def test_a_spoofed_number_stays_within_epsilon(world, attacker) -> None:
    wishes = decisions(actor(world, "obs.spoof", 5, attacker=attacker), world)
    for t, wish in enumerate(wishes):
        assert wish is not None
        assert abs(wish - t) <= 0.2 * t + 1e-9
    assert wishes[:5] == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_an_attacker_that_searches_moves_decisions_more_than_one_that_does_not(world) -> None:
    policy = RulePolicy(world, default_rule(world))
    moved = {}
    for attacker in ("random", "search"):
        made = actor(world, "obs.spoof", 5, policy, attacker=attacker)
        spec = agent_specs(world)[0]
        total = 0.0
        for t in range(5, 15):
            observation = np.full(spec.size, 10.0)
            observation[spec.slices["clock"]] = 0.0
            observation[spec.slices["clock"].start] = t
            sound = policy.act({spec.name: observation})[spec.name]
            total += float(np.abs(made.act({spec.name: observation})[spec.name] - sound).sum())
        moved[attacker] = total
    assert moved["search"] > 1.2 * moved["random"]


# What agents do


def test_a_dropped_decision_is_none_at_all(world) -> None:
    wishes = decisions(actor(world, "act.drop"), world)
    assert None in wishes[5:15]
    assert all(wish in (None, float(t)) for t, wish in enumerate(wishes))


def test_a_delayed_decision_is_that_of_the_epoch_before(world) -> None:
    wishes = decisions(actor(world, "act.delay"), world)
    late = [t for t, wish in enumerate(wishes) if wish != t]
    assert late
    assert all(wishes[t] == t - 1 and 5 < t < 15 for t in late)


def test_a_stuck_actuator_repeats_itself_for_its_epochs(world) -> None:
    wishes = decisions(actor(world, "act.stuck", epochs=3), world)
    stuck = [t for t, wish in enumerate(wishes) if wish != t]
    assert len(stuck) >= 3
    assert all(wishes[t] == wishes[t - 1] for t in stuck)


def test_an_adversary_orders_nothing_or_several_times_as_much(world) -> None:
    wishes = decisions(actor(world, "act.adversarial"), world)
    assert {wish / t for t, wish in enumerate(wishes) if t and wish is not None} <= {0.0, 1.0, 3.0}
    starved = decisions(actor(world, "act.adversarial", goal="starve"), world)
    assert 0.0 in starved[5:15]


def test_a_paused_agent_wakes_with_its_old_decision(world) -> None:
    wishes = decisions(actor(world, "actor.pause"), world)
    away = [t for t, wish in enumerate(wishes) if wish is None]
    woken = [t for t in range(1, 15) if wishes[t] is not None and wishes[t - 1] is None]
    assert away
    assert all(wishes[t] < t for t in woken)


def test_a_crashed_agent_says_nothing_and_comes_back(world) -> None:
    wishes = decisions(actor(world, "actor.crash"), world)
    assert None in wishes[5:15]
    assert None not in wishes[:5] + wishes[15:]


def test_a_byzantine_agent_may_send_what_no_gateway_may_pass_on(world) -> None:
    made = actor(world, "actor.byzantine")
    sent = [wish for seed in range(8) for wish in _reseeded(made, seed, world)]
    assert any(math.isnan(wish) for wish in sent if wish is not None)
    assert any(wish < 0 for wish in sent if wish is not None)


def _reseeded(made: FaultyPolicy, seed: int, world: World) -> list[float | None]:
    made.reset(seed)
    spec = next(spec for spec in agent_specs(world) if spec.name == SHOP)
    found = []
    for t in range(world.periods):
        observation = np.full(spec.size, 4.0)
        observation[spec.slices["clock"].start] = t
        wish = made.act({SHOP: observation})[SHOP]
        found.append(float(wish[0]) if len(wish) else None)
    return found


# Tools


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


# Channels


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


def down(world: World, family: str, severity: int = 5, **parameters: Any) -> tuple[Any, float]:
    """A layer with spells, and a moment that lies in one."""
    for seed in range(20):
        made = layer(world, family, severity, seed, duration="4 d", **parameters)
        for at in np.arange(WINDOW.start_d, WINDOW.end_d, 0.1):
            if made.spell_end_at(SHOP, at) is not None:
                return made, float(at)
    raise AssertionError("no spell in any of twenty windows")


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


def test_killed_agents_are_silent_and_revived_before_the_end(world) -> None:
    from agents.gateway.episode import run_through_tools

    fault = build_fault("actor.kill_switch")
    assert isinstance(fault, PeopleFault)
    incident = fault.incident(5, WINDOW)
    rule = default_rule(world)
    outcome = run_through_tools(
        world, draw_path(world, 2), Greedy(), rule, 2, trace=True, incidents=[incident]
    )
    killed = [d.epoch for d in outcome.trace if d.verdict == "killed"]
    assert outcome.kills == incident.fired > 0
    assert killed
    assert all(5 <= epoch < 15 for epoch in killed)
    assert not outcome.violations


def test_a_slow_clock_dates_answers_a_period_back(world) -> None:
    made, at = down(world, "network.clock_skew", 3)
    answers = [json.loads(made.answer(transit(0, t), stock(1.0)) or b"") for t in (at, 16.0)]
    assert [answer["as_of"] for answer in answers] == [5, 6]


# Worlds


def test_lead_times_are_longer_by_the_factor_and_never_shorter(world) -> None:
    calm = draw_path(world, 1)
    for cv in (0.0, 0.5):
        fault = build_fault("world.lead_time", {"cv": cv})
        assert isinstance(fault, WorldFault)
        factor = fault.transform(world, calm, 4, 1, WINDOW).lead_time / calm.lead_time
        assert (factor[:5] == 1).all()
        assert (factor[15:] == 1).all()
        assert (factor[5:15] >= 1).all()
        assert factor[5:11].mean() == pytest.approx(2.0, rel=0.2 if cv else 1e-12)


def test_a_late_shipment_is_healed_with_the_window(world) -> None:
    calm = draw_path(world, 1)
    fault = build_fault("world.lead_time")
    assert isinstance(fault, WorldFault)
    path = fault.transform(world, calm, 5, 1, WINDOW)
    arrival = np.arange(world.periods)[:, None] + path.lead_time
    assert (arrival[5:15] <= WINDOW.end_d + calm.lead_time[5:15]).all()


def test_an_outage_spreads_within_its_radius(world) -> None:
    only, wide = (
        build_fault("world.outage", {"blast_radius": radius, "correlation": 1.0})
        for radius in (0, 1)
    )
    assert isinstance(only, WorldFault)
    assert isinstance(wide, WorldFault)
    closed = [
        (fault.transform(world, draw_path(world, 1), 3, 1, WINDOW).node_open < 1).any(axis=0).sum()
        for fault in (only, wide)
    ]
    assert closed == [1, 2]


def test_capacity_price_yield_and_vehicles_change_by_the_ladder(world) -> None:
    calm = draw_path(world, 1)
    changed = {}
    for family, field in (
        ("world.capacity", "node_open"),
        ("world.price", "price_factor"),
        ("world.yield", "good"),
    ):
        fault = build_fault(family)
        assert isinstance(fault, WorldFault)
        path = fault.transform(world, calm, 4, 1, WINDOW)
        changed[field] = set(np.unique(np.round(getattr(path, field), 12)))
    assert changed["node_open"] == {0.65, 1.0}
    assert changed["price_factor"] == {1.0, 2.0}
    assert changed["good"] == {0.65, 1.0}


def test_a_fault_says_what_a_scenario_lacks_for_it(world) -> None:
    assert build_fault("world.vehicle_breakdown").lacks(world) == "there are no vehicles"
    assert build_fault("actor.approver").lacks(world) == "no order needs an approval"
    assert build_fault("world.yield").lacks(world) == ""


# Targets and spells


@pytest.mark.parametrize(
    ("mode", "value", "hit"),
    [("one", 1, 1), ("all", 1, 8), ("fixed", 3, 3), ("fixed", 99, 8), ("fixed-percent", 30, 3)],
)
def test_a_mode_says_how_many_are_hit(mode, value, hit) -> None:
    rng = stream(1, "targets")
    chosen = Targets(mode=mode, value=value).chosen("abcdefgh", rng)
    assert len(chosen) == len(set(chosen)) == hit
    assert sorted(chosen) == list(chosen)


def test_more_targets_include_fewer() -> None:
    few, many = (
        set(Targets(mode="fixed", value=n).chosen(range(20), stream(5, "t"))) for n in (4, 9)
    )
    assert few < many


def test_only_targets_are_hit(world) -> None:
    made = layer(world, "channel.loss", 5, mode="one", r=0.1)
    lost = {
        agent
        for agent in ("replenish:dc", SHOP, "replenish:kiosk")
        for k in range(200)
        if made.delay(transit(k, agent=agent), 1.0) == math.inf
    }
    assert lost == set(made.agents)
    assert len(lost) == 1


def test_distances_count_lanes_either_way(world) -> None:
    assert distances(world, {0}) == {0: 0, 1: 1, 2: 2, 3: 2}
    near = Region(blast_radius=1, correlation=1.0).hit(world, [2], stream(1, "r"))
    assert near.tolist() == [1, 2]


def test_spells_fill_their_share_of_the_window() -> None:
    window = Window(10.0, 1_010.0)
    spells = draw_spells(stream(2, "spells"), window, 0.2, 1.5)
    pairs = list(zip(spells.starts, spells.ends, strict=True))
    assert sum(b - a for a, b in pairs) == pytest.approx(200.0, rel=0.2)
    assert all(a < b for a, b in pairs)
    assert all(b <= a for (_, b), (a, _) in pairwise(pairs))
    assert window.start_d <= spells.starts[0]
    assert spells.ends[-1] <= window.end_d
    first, end = pairs[0]
    assert spells.end_of((first + end) / 2) == end
    assert spells.end_of(0.0) is None
