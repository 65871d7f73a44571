"""Laws of the gateway over a faulty channel: retries, fallbacks, late and stale answers."""

import math

import numpy as np
import pytest

from agents.gateway.schema import Label
from tests.gateway_runs import (
    MINUTE,
    PATIENT,
    QUICKSTART,
    SECOND,
    SHORT,
    ChosenPolicy,
    Drop,
    compiled,
    static_ledger,
    through_tools,
)
from twin.env.policy import CodecPolicy
from twin.exogenous.streams import stream
from twin.tools.catalogue import error_answer
from twin.tools.channel import Layer


@pytest.fixture(scope="module")
def world():
    return compiled(QUICKSTART, SHORT)


def test_when_every_answer_is_dropped_the_network_runs_by_the_static_rule():
    world = compiled()
    outcome = through_tools(world, ChosenPolicy(world), [Drop()])
    assert outcome.fallbacks == outcome.decisions == world.periods * 5
    assert outcome.ledger.digest == static_ledger(world).digest
    assert set(outcome.labels) <= {Label.TIMEOUT, Label.BREAKER_OPEN, Label.BUDGET_EXHAUSTED}
    assert outcome.breaker_opened > 0
    assert outcome.violations == ()


def test_when_only_receipts_are_dropped_every_order_still_counts_once():
    world = compiled(QUICKSTART, SHORT, *PATIENT)
    outcome = through_tools(world, ChosenPolicy(world), [Drop("order.place", "dispatch.book")])
    assert outcome.ledger.digest == through_tools(world, ChosenPolicy(world)).ledger.digest
    assert outcome.fallbacks == 0
    assert outcome.account.retries > 0
    assert outcome.violations == ()


def test_duplicated_messages_have_one_effect(world):
    class Twice(Layer):
        def copies(self, transit):
            return (0.5 * SECOND, 40 * SECOND)

    outcome = through_tools(world, ChosenPolicy(world), [Twice()])
    clean = through_tools(world, ChosenPolicy(world))
    assert outcome.ledger.digest == clean.ledger.digest
    assert outcome.late > 0
    assert outcome.account.attempts == clean.account.attempts
    assert outcome.violations == ()


def test_orders_that_come_after_the_window_count_for_the_next_epoch():
    world = compiled(QUICKSTART, SHORT, *PATIENT)

    class SlowWrites(Layer):
        def delay(self, transit, delay_d):
            write = transit.tool in ("order.place", "dispatch.book")
            return 20 * MINUTE if write and transit.direction == "request" else delay_d

    outcome = through_tools(world, layers=[SlowWrites()], trace=True)
    assert outcome.fallbacks == 5
    assert {(t.verdict, t.effect) for t in outcome.trace if t.epoch == 0} == {
        ("fallback", "static")
    }
    assert {t.effect for t in outcome.trace if t.epoch > 0} == {"late"}
    assert outcome.violations == ()


def test_an_answer_to_an_earlier_attempt_of_the_same_call_is_accepted():
    world = compiled(QUICKSTART, SHORT, "tools.timeout=30 s")

    class SlowFirst(Layer):
        def delay(self, transit, delay_d):
            first = transit.call.endswith("/0/0") and transit.attempt == 1
            return 45 * SECOND if first and transit.direction == "answer" else delay_d

        def answer(self, transit, body):
            second = transit.call.endswith("/0/0") and transit.attempt == 2
            return None if second else body

    outcome = through_tools(world, layers=[SlowFirst()])
    assert outcome.labels == {"timeout": 5}
    assert outcome.account.retries == 5
    assert (outcome.fallbacks, outcome.late) == (0, 0)


def test_agents_do_not_act_on_stale_answers_unless_the_scenario_says_so():
    world = compiled(QUICKSTART, SHORT, *PATIENT, "tools.retries.attempts=1", "tools.max_age=0")
    outcome = through_tools(world, layers=[Drop("demand.read")])
    assert outcome.fallbacks == len(world.ordering_nodes) * world.periods


def test_a_missing_answer_is_bridged_by_the_last_good_one_and_its_age():
    world = compiled(QUICKSTART, SHORT, *PATIENT, "tools.retries.attempts=1", "tools.max_age=2")

    class Outage(Layer):
        def answer(self, transit, body):
            period = int(transit.call.split("/")[1])
            lost = transit.tool == "demand.read" and period in (0, 5, 6, 7)
            return None if lost else body

    outcome = through_tools(world, layers=[Outage()], trace=True)
    verdicts = {}
    for trace in outcome.trace:
        verdicts.setdefault(trace.epoch, set()).add((trace.agent.split(":")[0], trace.verdict))
    assert ("replenish", "fallback") in verdicts[0]
    assert ("replenish", "last_good") in verdicts[5] & verdicts[6]
    assert ("replenish", "fallback") in verdicts[7]
    assert verdicts[8] == {("replenish", "agent"), ("dispatch", "agent")}
    ages = {t.epoch: t.reads[2].age for t in outcome.trace if t.agent == "replenish:dc"}
    assert [ages[t] for t in (0, 4, 5, 6, 7, 8)] == [None, 0, 1, 2, None, 0]
    assert outcome.fallbacks == 8


def test_the_age_of_an_answer_is_part_of_the_observation():
    world = compiled(QUICKSTART, SHORT, *PATIENT, "tools.retries.attempts=1", "tools.max_age=2")
    policy = ChosenPolicy(world)

    class Outage(Layer):
        def answer(self, transit, body):
            return None if transit.call == "replenish:dc/3/0" else body

    through_tools(world, policy, [Outage()])
    rows = [np.frombuffer(o) for name, o, _ in policy.seen if name == "replenish:dc"]
    assert rows[3][-3:].tolist() == [1.0, 0.0, 0.0]
    assert rows[4][-3:].tolist() == [0.0, 0.0, 0.0]


def test_a_breaker_opens_under_an_outage_and_closes_after_it():
    world = compiled()

    class Outage(Layer):
        def answer(self, transit, body):
            return None if 10 <= transit.sent_at < 25 else body

    outcome = through_tools(world, layers=[Outage()], trace=True)
    assert outcome.breaker_opened > 0
    assert outcome.breaker_closed > 0
    assert outcome.labels["breaker_open"] > 0
    assert {t.verdict for t in outcome.trace if t.epoch >= 40} == {"agent"}
    assert outcome.violations == ()


def test_spend_stays_bounded_when_every_answer_is_malformed():
    world = compiled()

    class Garbage(Layer):
        def answer(self, transit, body):
            return b"<html>502 Bad Gateway</html>"

    outcome, clean = through_tools(world, layers=[Garbage()]), through_tools(world)
    assert outcome.fallbacks == outcome.decisions
    assert outcome.account.attempts < clean.account.attempts
    retries = world.model.tools.retries
    assert outcome.account.retries <= 5 * retries.reserve + retries.budget * outcome.account.calls


def test_a_tool_that_says_when_to_come_back_is_asked_again_then():
    world = compiled(QUICKSTART, "horizon=1 d", "tools.retries.reserve=100")
    asked = []

    class Limit(Layer):
        def answer(self, transit, body):
            asked.append((transit.call, transit.sent_at))
            if transit.attempt == 1 and transit.call == "replenish:dc/0/0":
                return error_answer(transit.call, transit.tool, "rate_limited", "", 20.0)
            if transit.attempt == 2 and transit.call == "replenish:dc/0/0":
                return error_answer(transit.call, transit.tool, "rate_limited", "", 1e9)
            return body

    outcome = through_tools(world, layers=[Limit()])
    times = [at / SECOND for call, at in asked if call == "replenish:dc/0/0"]
    assert 20 <= times[1] - times[0] < 25
    assert 60 <= times[2] - times[1] < 65
    assert outcome.labels == {"rate_limited": 2}
    assert outcome.fallbacks == 0


def test_a_refusal_is_not_retried(world):
    class Refuse(Layer):
        def answer(self, transit, body):
            return error_answer(transit.call, transit.tool, "out_of_scope")

    outcome = through_tools(world, layers=[Refuse()])
    assert set(outcome.labels) == {"rejected"}
    assert outcome.account.retries == 0
    assert outcome.breaker_opened == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0, 1e12])
def test_a_wish_that_is_no_valid_request_falls_back(world, bad):
    class Wild(CodecPolicy):
        def act(self, observations):
            return {name: np.full_like(w, bad) for name, w in super().act(observations).items()}

    outcome = through_tools(world, Wild("wild", world))
    assert outcome.fallbacks == outcome.decisions
    assert outcome.ledger.digest == static_ledger(world).digest
    expected = {"rejected", "invalid_action"} if bad == 1e12 else {"invalid_action"}
    assert set(outcome.labels) == expected


def test_an_agent_without_a_wish_leaves_its_lanes_to_the_static_rule(world):
    class Silent(CodecPolicy):
        def act(self, observations):
            return {}

    outcome = through_tools(world, Silent("silent", world))
    assert outcome.fallbacks == outcome.decisions
    assert outcome.ledger.digest == static_ledger(world).digest
    assert outcome.labels == {}


def test_messages_that_outlive_their_epoch_do_no_harm():
    world = compiled(QUICKSTART, SHORT)

    class Days(Layer):
        def start(self, seed, world):
            self.rng = stream(seed, "days")

        def delay(self, transit, delay_d):
            return delay_d if self.rng.random() < 0.7 else 5 * self.rng.random()

    outcome = through_tools(world, ChosenPolicy(world), [Days()])
    assert outcome.late > 0
    assert outcome.violations == ()
