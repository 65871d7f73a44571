"""The gateway's small parts on hand-worked sequences: breaker, budget, back-off, last answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.gateway.breaker import CircuitBreaker, State
from agents.gateway.budget import RetryBudget
from agents.gateway.fallback import LastGood
from agents.gateway.retry import Backoff
from tests.profiles import laws
from twin.scenario.tools import Breaker

# Breaker.

SETTINGS = Breaker(failure_rate=0.5, window=4, minimum_calls=3, half_open_calls=2, open_for=2.0)


def fed(*outcomes, settings=SETTINGS):
    breaker = CircuitBreaker(settings)
    for failed in outcomes:
        assert breaker.permit(0.0)
        breaker.record(failed, 0.0)
    return breaker


def test_a_breaker_waits_for_its_minimum_of_calls():
    assert fed(True, True).state is State.CLOSED
    assert fed(True, True, True).state is State.OPEN


def test_a_breaker_opens_at_its_failure_rate_over_the_window_only():
    assert fed(True, False, False).state is State.CLOSED
    assert fed(True, False, False, True).state is State.OPEN
    assert fed(True, False, False, False, True).state is State.CLOSED
    assert fed(False, False, False, False, True, True).state is State.OPEN


def test_an_open_breaker_permits_nothing_until_its_time_is_over():
    breaker = fed(True, True, True)
    assert not breaker.permit(1.999)
    assert breaker.permit(2.0)
    assert breaker.state is State.HALF_OPEN
    assert breaker.permit(2.0)
    assert not breaker.permit(2.0)


@pytest.mark.parametrize(
    ("outcomes", "state", "opened", "closed"),
    [
        ((False, False), State.CLOSED, 1, 1),
        ((True, False), State.OPEN, 2, 0),
        ((True, True), State.OPEN, 2, 0),
    ],
)
def test_trials_decide_how_a_half_open_breaker_goes_on(outcomes, state, opened, closed):
    breaker = fed(True, True, True)
    for failed in outcomes:
        assert breaker.permit(3.0)
        breaker.record(failed, 3.0)
    assert breaker.state is state
    assert (breaker.opened, breaker.closed) == (opened, closed)
    assert breaker.permit(4.9) == (state is State.CLOSED)


def test_a_closed_breaker_starts_with_an_empty_window():
    breaker = fed(True, True, True)
    for _ in range(2):
        breaker.permit(3.0)
        breaker.record(False, 3.0)
    breaker.record(True, 3.0)
    breaker.record(True, 3.0)
    assert breaker.state is State.CLOSED


def test_a_released_trial_can_be_used_again():
    breaker = fed(True, True, True)
    for _ in range(5):
        assert breaker.permit(2.0)
        breaker.release()
    assert breaker.state is State.HALF_OPEN


def test_a_forced_open_breaker_stays_open_and_a_disabled_one_never_opens():
    breaker = CircuitBreaker(SETTINGS)
    breaker.force_open()
    assert not breaker.permit(1e9)
    breaker.reset()
    assert breaker.permit(0.0)
    breaker.disable()
    for _ in range(20):
        assert breaker.permit(0.0)
        breaker.record(True, 0.0)
    assert breaker.state is State.DISABLED


def test_a_breaker_that_tolerates_nothing_still_needs_a_failure():
    strict = SETTINGS.model_copy(update={"failure_rate": 0.0})
    assert fed(False, False, False, False, settings=strict).state is State.CLOSED
    assert fed(False, False, True, settings=strict).state is State.OPEN


# Budget and back-off.


def test_a_budget_pays_its_reserve_and_its_share_of_calls():
    budget = RetryBudget(0.1, 2)
    assert [budget.withdraw() for _ in range(3)] == [True, True, False]
    for _ in range(9):
        budget.deposit()
    assert not budget.withdraw()
    budget.deposit()
    assert [budget.withdraw(), budget.withdraw()] == [True, False]


def test_a_budget_does_not_save_without_end():
    budget = RetryBudget(0.1, 2)
    for _ in range(100_000):
        budget.deposit()
    assert sum(budget.withdraw() for _ in range(1000)) == 2 + 10


@given(st.lists(st.booleans(), max_size=300), st.sampled_from([0.0, 0.1, 0.37, 1.0]))
@laws(100)
def test_retries_never_exceed_reserve_plus_share_of_calls(steps, share):
    budget, calls, retries = RetryBudget(share, 3), 0, 0
    for is_call in steps:
        if is_call:
            calls += 1
            budget.deposit()
        else:
            retries += budget.withdraw()
        assert retries <= 3 + share * calls + 1e-6


def test_waits_are_fully_jittered_grow_and_are_capped():
    backoff = Backoff(1, "a", 1.0, 5.0)
    for retry, most in enumerate([1.0, 2.0, 4.0, 5.0, 5.0]):
        waits = [backoff.wait(retry) for _ in range(400)]
        assert 0.0 <= min(waits) < 0.05 * most
        assert 0.95 * most < max(waits) <= most
    assert Backoff(1, "a", 1.0, 5.0).wait(0) == Backoff(1, "a", 1.0, 5.0).wait(0)
    assert Backoff(1, "b", 1.0, 5.0).wait(0) != Backoff(1, "a", 1.0, 5.0).wait(0)


def test_last_good_answers_grow_old():
    kept = LastGood(1, max_age=2)
    assert kept.recall(0, 0) is None
    kept.remember(0, 3, [1.0])
    assert [kept.recall(0, t) for t in (3, 5, 6)] == [(0, [1.0]), (2, [1.0]), None]
