"""Laws of what is limited: spending, refusals, calls under way, and the provider's account."""

import math
import statistics

import pytest

from agents.gateway import forecast_spend, run_through_tools
from agents.gateway.audit import BoundaryAudit
from agents.gateway.guards import AdaptiveThrottle, Bulkhead
from agents.gateway.schema import Label
from twin.engine.clock import Clock
from twin.env.policy import RulePolicy
from twin.env.rules import default_rule
from twin.errors import ToolBoundaryError
from twin.exogenous.path import draw_path
from twin.network.world import compile_world
from twin.scenario import from_mapping, load
from twin.scenario.tools import Provider, Retries, Throttle
from twin.tools.catalogue import error_answer
from twin.tools.channel import Layer
from twin.tools.provider import WRONG, Account
from twin.tools.quota import MINUTE_D

SECOND = 1 / 86_400


def compiled(*overrides):
    return compile_world(load("scenarios/quickstart.yaml", ("horizon=40 d", *overrides)).model)


@pytest.fixture(scope="module")
def world():
    return compiled()


def through_tools(world, layers=(), forecast=None, seed=0):
    rule, path = default_rule(world), draw_path(world, 0)
    policy = RulePolicy(world, rule)
    return run_through_tools(world, path, policy, rule, seed, layers, True, (), forecast)


def forecast_of(world):
    rule, path = default_rule(world), draw_path(world, 0)
    return forecast_spend(world, path, RulePolicy(world, rule), rule, 0)


# Spending.


class Chatty(Layer):
    """Everything is sent five times over, and answers are as long as they may be, and longer."""

    def copies(self, transit):
        return [0.1 * SECOND] * 4

    def answer(self, transit, body):
        return body + b" " * 100_000


class Dear(Layer):
    """Answers are dropped, so that everything is asked again."""

    def answer(self, transit, body):
        return None


def test_a_clean_run_stays_within_its_own_forecast(world):
    forecast = forecast_of(world)
    outcome = through_tools(world, forecast=forecast, seed=3)
    assert outcome.ledger.digest == through_tools(world).ledger.digest
    assert outcome.spend.forecast == forecast > 0
    assert outcome.spend.limit == pytest.approx(1.3 * forecast)
    assert outcome.spend.spent == outcome.account.money == pytest.approx(forecast, rel=0.02)
    assert (outcome.spend.alarm_at, outcome.spend.stopped_at) == (None, None)


@pytest.mark.parametrize("layer", [Chatty, Dear])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_spending_never_exceeds_the_forecast_and_its_buffer(layer, share):
    lavish = compiled(
        "tools.retries={attempts: 3, budget: 1, reserve: 100}",
        "tools.breaker={minimum_calls: 1000, window: 1000}",
    )
    forecast = share * forecast_of(lavish)
    free = through_tools(lavish, [layer()])
    held = through_tools(lavish, [layer()], forecast)
    assert free.account.money > 1.3 * forecast
    assert held.account.money <= 1.3 * forecast
    assert held.spend.alarm_at <= held.spend.stopped_at
    assert held.labels["spend_stop"] > 0
    assert held.violations == ()


def test_after_the_stop_the_static_policy_acts_and_no_call_leaves(world):
    outcome = through_tools(world, forecast=0.5 * forecast_of(world))
    stopped = int(outcome.spend.stopped_at)
    assert 0 < stopped < 39
    after = [t for t in outcome.trace if t.epoch > stopped]
    assert after
    assert {(t.effect, t.reads[0].attempts) for t in after} == {("static", 0)}
    assert outcome.labels == {"spend_stop": outcome.labels["spend_stop"]}
    assert outcome.account.money > 0.95 * 0.5 * outcome.spend.limit


def test_where_nothing_has_a_price_nothing_is_stopped():
    free = compiled("tools.costs={call: 0, retry: 0, kilobyte: 0, kilotoken: 0}")
    assert through_tools(free, forecast=0.0).spend.stopped_at is None


def test_asking_for_approval_is_paid_from_the_same_forecast():
    risky = compiled(
        "tools.high_risk=[{order_above: 60}]",
        "tools.costs={call: 0, retry: 0, kilobyte: 0, kilotoken: 0, approval: 5}",
    )
    forecast = forecast_of(risky)
    assert forecast > 0
    outcome = through_tools(risky, forecast=0.5 * forecast)
    assert outcome.spend.stopped_at > 0
    assert sum(outcome.approvals.values()) == outcome.account.approvals
    assert outcome.account.money <= 0.65 * forecast
    assert outcome.violations == ()


def test_the_audit_notices_overspending():
    audit = BoundaryAudit(Retries())
    audit.spent(1.3, 1.3)
    audit.spent(1.4, 1.3)
    assert [text.split()[0] for text in audit.violations] == ["22"]


# The provider's account.


def refusals(account, times):
    return [account.refusal(t) for t in times]


def test_retry_after_is_honest_absent_or_wrong():
    said = {}
    for kind in ("honest", "absent", "wrong"):
        account = Account(1, Provider(retry_after=kind))
        assert account.refusal(0.0) is None
        said[kind] = account.refusal(20 * SECOND).retry_after_s
    assert said["honest"] == pytest.approx(40)
    assert said["absent"] is None
    assert said["wrong"] == pytest.approx(WRONG * 40)


def test_too_many_refusals_in_a_window_lock_the_account_for_a_while():
    settings = Provider(lock_after=3, lock_window="60 s", lock_for="300 s")
    account = Account(1, settings)
    got = refusals(account, [0, 1 * SECOND, 2 * SECOND, 3 * SECOND, 4 * SECOND])
    assert [r and r.code for r in got] == [None, *["rate_limited"] * 3, "account_locked"]
    assert got[-1].retry_after_s == pytest.approx(299)
    assert account.refusal(304 * SECOND) is None
    assert account.locks == 1
    patient = Account(1, settings)
    refusals(patient, [0, 1 * SECOND, 40 * SECOND, 62 * SECOND])
    assert patient.locks == 0


STORM = {
    "name": "storm",
    "horizon": "20 d",
    "nodes": {
        "hub": {"kind": "supplier"},
        **{
            f"shop {i}": {"kind": "store", "stock": 9, "demand": {"model": "poisson", "mean": 3}}
            for i in range(60)
        },
    },
    "lanes": {f"hub -> shop {i}": {"lead_time": "1 d"} for i in range(60)},
}
NAIVE = {
    "retries": {"attempts": 3, "budget": 1, "reserve": 100, "base": "50 ms", "cap": "50 ms"},
    "breaker": {"minimum_calls": 1000, "window": 1000},
}


def storm(**tools):
    """Sixty agents, a provider that answers fewer calls than they make, a lock."""
    account = {"lock_after": 120, "lock_window": "60 s", "lock_for": "300 s"}
    provider = {**account, "retry_after": "absent"}
    given = {"quota": 180, "timeout": "1 min", "provider": provider, **tools}
    outcome = through_tools(compile_world(from_mapping({**STORM, "tools": given}).model))
    assert outcome.violations == ()
    return outcome.account.attempts / outcome.account.calls, outcome.locks


def test_in_a_retry_storm_the_shipped_gateway_does_not_lock_the_account():
    naive, locks = storm(**NAIVE)
    shipped, none = storm()
    assert naive > 1.2
    assert locks > 0
    assert shipped <= 1.2
    assert none == 0


def test_throttling_spares_an_overloaded_provider():
    attempts, locks = storm(**NAIVE, throttle={"accepts": 1.1})
    assert attempts < storm(**NAIVE)[0]
    assert locks == 0


# Throttle and bulkhead.


def test_the_throttle_lets_everything_through_while_everything_is_accepted():
    throttle = AdaptiveThrottle(Throttle(), Clock(), 0)
    for _ in range(100):
        assert throttle.refuses("a", "t", 1) is None
        throttle.ended("t", None)


def test_the_throttle_refuses_most_when_nothing_is_accepted_and_forgets_with_its_window():
    clock = Clock()
    throttle = AdaptiveThrottle(Throttle(accepts=2.0, window="60 s"), clock, 0)
    busy = ToolBoundaryError(Label.RATE_LIMITED)
    refused = []
    for _ in range(100):
        refused.append(throttle.refuses("a", "t", 1) is Label.THROTTLED)
        throttle.ended("t", busy)
    assert statistics.mean(refused[50:]) > 0.9
    clock.run(until=2 * MINUTE_D)
    assert throttle.refuses("a", "t", 1) is None


def test_what_is_wrong_with_an_answer_is_no_sign_of_overload():
    throttle = AdaptiveThrottle(Throttle(), Clock(), 0)
    for _ in range(50):
        assert throttle.refuses("a", "t", 1) is None
        throttle.ended("t", ToolBoundaryError(Label.SCHEMA))


def test_a_full_compartment_leaves_the_others_alone():
    bulkhead = Bulkhead(2)
    bulkhead.began("slow")
    bulkhead.began("slow")
    assert bulkhead.refuses("a", "slow", 1) is Label.BULKHEAD_FULL
    assert bulkhead.refuses("a", "other", 1) is None
    bulkhead.ended("slow", None)
    assert bulkhead.refuses("a", "slow", 1) is None


def test_a_bulkhead_bounds_the_calls_under_way():
    class Count(Layer):
        under_way, most = 0, 0

        def delay(self, transit, delay_d):
            if transit.tool == "demand.read" and transit.direction == "request":
                self.under_way += 1
                self.most = max(self.most, self.under_way)
            return delay_d

        def answer(self, transit, body):
            self.under_way -= transit.tool == "demand.read"
            return body

    free, held = Count(), Count()
    through_tools(compiled(), [free])
    outcome = through_tools(compiled("tools.bulkhead=1"), [held])
    assert (free.most > 1, held.most) == (True, 1)
    assert outcome.labels["bulkhead_full"] > 0
    assert outcome.violations == ()


def test_a_locked_account_is_not_asked_again_in_the_same_call(world):
    class Locked(Layer):
        def answer(self, transit, body):
            return error_answer(transit.call, transit.tool, "account_locked", "", 300.0)

    outcome = through_tools(world, [Locked()])
    assert outcome.account.retries == 0
    assert outcome.labels["account_locked"] > 0
    assert outcome.breaker_opened > 0
    assert math.isclose(outcome.fallbacks, outcome.decisions)
