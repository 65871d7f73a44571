"""Laws of the retry storm: each safeguard of the gateway does its part, and all are needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stress.retry_storm import CLIENTS, LASTING, Client, Provider, Storm, Tally, weather
from stress.swarm_storm import CHATTY, swarm
from twin.scenario.tools import Tools

STORM = Storm(duration_s=240.0)


@pytest.fixture(scope="module")
def tallies() -> dict[Client, Tally]:
    return {client: weather(STORM, client) for client in CLIENTS}


def test_every_client_has_the_same_requests(tallies) -> None:
    assert len({tally.requests for tally in tallies.values()}) == 1


def test_each_safeguard_makes_fewer_calls_than_the_one_before(tallies) -> None:
    calls = [tallies[client].calls_per_request for client in CLIENTS]
    assert calls == sorted(calls, reverse=True)
    assert calls[0] > 5 * calls[1]


def test_only_the_whole_gateway_keeps_the_account_open(tallies) -> None:
    assert [tallies[client].locks > 0 for client in CLIENTS] == [True, True, True, False]
    gateway = tallies["breaker"]
    assert gateway.calls_per_request < 1.2
    assert gateway.success > 0.85
    assert gateway.success > 2 * max(tallies[client].success for client in CLIENTS[:3]) - 0.5


def test_without_a_dip_everybody_is_answered_about_once() -> None:
    calm = replace(STORM, dip=STORM.capacity, every_s=8.0, duration_s=60.0)
    for client in CLIENTS:
        tally = weather(calm, client)
        assert tally.calls_per_request == pytest.approx(1.0, abs=0.02)
        assert tally.success > 0.99


def test_a_storm_is_the_same_each_time() -> None:
    assert weather(STORM, "breaker", 3) == weather(STORM, "breaker", 3)


def test_a_provider_answers_its_number_and_locks_after_its_refusals() -> None:
    storm = replace(STORM, capacity=5, lock_after=10)
    provider = Provider(storm)
    answers = [provider.answers(0.01 * k) for k in range(15)]
    assert answers == [True] * 5 + [False] * 10
    assert provider.locks == 1
    assert not provider.answers(200.0)
    assert provider.answers(301.0)


SUSTAINED = replace(LASTING, duration_s=240.0)


def test_in_a_lasting_storm_gateways_that_share_nothing_keep_the_account_open() -> None:
    locks = [weather(SUSTAINED, client).locks for client in ("jitter", "budget")]
    assert all(locks)
    tally = swarm(SUSTAINED, CHATTY)
    assert tally.locks == 0
    assert tally.calls_per_request < 1.2
    assert tally.success > 0.45  # capacity for 60 % of the requests is left
    assert tally.violations == ()
    assert tally.labels["breaker_open"] > tally.labels["rate_limited"]


@pytest.mark.parametrize("dip", [5, 30])
def test_chatty_gateways_keep_it_open_whatever_capacity_is_left(dip: int) -> None:
    tally = swarm(replace(SUSTAINED, dip=dip), CHATTY)
    assert tally.locks == 0
    assert tally.calls_per_request < 1.2


def test_without_its_breaker_a_swarm_locks_its_account() -> None:
    open_ = CHATTY.breaker.model_copy(update={"window": 1000, "minimum_calls": 1000})
    assert swarm(SUSTAINED, CHATTY.model_copy(update={"breaker": open_})).locks > 0
    assert swarm(SUSTAINED, Tools()).locks > 0  # made for one decision per period


def test_a_swarm_without_a_storm_is_answered_and_is_the_same_each_time() -> None:
    calm = replace(SUSTAINED, dip=SUSTAINED.capacity, every_s=8.0, duration_s=60.0)
    tally = swarm(calm, CHATTY, 3)
    assert tally.success > 0.99
    assert tally.calls_per_request == pytest.approx(1.0, abs=0.02)
    assert swarm(calm, CHATTY, 3) == tally
