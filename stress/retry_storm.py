"""The retry storm: what clients make of a provider that dips for half a minute.

Many agents call one provider. For a while it can answer fewer calls than they make, and an account
with too many refusals is locked. Four clients meet the same dip, each with one more safeguard of
the gateway, its own classes and on its clock:

    naive      asks again every second until it is answered, a minute long
    jitter     three attempts, full jitter between them          agents.gateway.retry
    budget     retries within ten per cent of the calls          agents.gateway.budget
    breaker    and a circuit breaker before the provider         agents.gateway.breaker
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from agents.gateway.breaker import CircuitBreaker
from agents.gateway.budget import RetryBudget
from agents.gateway.retry import Backoff
from twin.engine.clock import ARRIVAL, Clock
from twin.exogenous.streams import stream
from twin.scenario.tools import Breaker, Retries

SECOND = 1 / 86_400
"""In days, the unit of the gateway's clock."""
Client = Literal["naive", "jitter", "budget", "breaker"]
RETRIES = Retries()
"""The gateway's own defaults."""
BREAKER = Breaker(window=50, minimum_calls=20, half_open_calls=5, open_for=2 * SECOND)
"""One for the whole fleet, since it guards one provider, so that it sees enough to judge by."""
CLIENTS: tuple[Client, ...] = ("naive", "jitter", "budget", "breaker")


@dataclass(frozen=True)
class Storm:
    """The provider, its dip, and who calls it; times in seconds."""

    agents: int = 200
    every_s: float = 5.0
    """Time between one request of an agent and its next."""
    duration_s: float = 600.0
    capacity: int = 55
    """Calls per second that the provider answers."""
    dip: int = 20
    """The same while it is in trouble."""
    dip_at_s: float = 60.0
    dip_for_s: float = 30.0
    lock_after: int = 600
    """Refusals within ``lock_window_s`` that lock the account."""
    lock_window_s: float = 60.0
    lock_for_s: float = 300.0
    answer_s: float = 0.1
    """Time until an answer or a refusal is back."""
    naive_wait_s: float = 1.0
    """How long a naive client waits between two tries."""
    give_up_s: float = 60.0
    """When even a naive client drops a request."""
    retries: Retries = RETRIES
    breaker: Breaker = BREAKER


LASTING = Storm(dip_for_s=float("inf"))
"""The same provider, but what it has lost does not come back."""


@dataclass
class Tally:
    """What callers made of a storm."""

    requests: int = 0
    calls: int = 0
    """That left them."""
    answered: int = 0
    locks: int = 0

    @property
    def calls_per_request(self) -> float:
        """Calls that left, over requests that were made."""
        return self.calls / max(self.requests, 1)

    @property
    def success(self) -> float:
        """Share of the requests that were answered in the end."""
        return self.answered / max(self.requests, 1)


@dataclass
class ClientTally(Tally):
    """What one kind of client made of it."""

    client: Client = field(kw_only=True)


class Provider:
    """Answers so many calls per second; locks an account that is refused too often."""

    def __init__(self, storm: Storm) -> None:
        self.locks = 0
        self._storm = storm
        self._answered: deque[float] = deque()
        self._refused: deque[float] = deque(maxlen=storm.lock_after)
        self._locked_until_s = 0.0

    def answers(self, now_s: float) -> bool:
        """Whether a call that arrives now is answered."""
        if now_s < self._locked_until_s:
            return False
        while self._answered and self._answered[0] <= now_s - 1.0:
            self._answered.popleft()
        if len(self._answered) < self._capacity(now_s):
            self._answered.append(now_s)
            return True
        self._refuse(now_s)
        return False

    def locked_for_s(self, now_s: float) -> float:
        """Seconds that the account stays locked; zero when it is not."""
        return max(0.0, self._locked_until_s - now_s)

    def _capacity(self, now_s: float) -> int:
        storm = self._storm
        in_dip = storm.dip_at_s <= now_s < storm.dip_at_s + storm.dip_for_s
        return storm.dip if in_dip else storm.capacity

    def _refuse(self, now_s: float) -> None:
        self._refused.append(now_s)
        full = len(self._refused) == self._storm.lock_after
        if full and now_s - self._refused[0] <= self._storm.lock_window_s:
            self.locks += 1
            self._locked_until_s = now_s + self._storm.lock_for_s
            self._refused.clear()


@dataclass
class _Request:
    """One request on its way; ``retry`` counts from 0."""

    agent: int
    begun_s: float
    retry: int = 0


@dataclass
class _Fleet:
    """All agents of one client."""

    storm: Storm
    tally: ClientTally
    clock: Clock
    provider: Provider
    seed: int
    backoff: dict[int, Backoff] = field(default_factory=dict)
    budget: dict[int, RetryBudget] = field(default_factory=dict)
    breaker: CircuitBreaker | None = None

    def begin(self, agent: int) -> None:
        """Make a request, and plan the next one."""
        now_s, storm = self.now_s, self.storm
        self.tally.requests += 1
        if agent in self.budget:
            self.budget[agent].deposit()
        self._call(_Request(agent, now_s))
        if now_s + storm.every_s < storm.duration_s:
            self._after(storm.every_s, self.begin, agent)

    @property
    def now_s(self) -> float:
        """The time in seconds."""
        return self.clock.now / SECOND

    def _call(self, request: _Request) -> None:
        if self.breaker is not None and not self.breaker.permit(self.clock.now):
            return
        self.tally.calls += 1
        answered = self.provider.answers(self.now_s)
        self._after(self.storm.answer_s, self._heard, (request, answered))

    def _heard(self, heard: tuple[_Request, bool]) -> None:
        request, answered = heard
        if self.breaker is not None:
            self.breaker.record(not answered, self.clock.now)
        if answered:
            self.tally.answered += 1
        elif self.tally.client == "naive":
            if self.now_s < request.begun_s + self.storm.give_up_s:
                self._after(self.storm.naive_wait_s, self._call, request)
        elif request.retry + 1 < self.storm.retries.attempts and self._may_retry(request.agent):
            wait_s = self.backoff[request.agent].wait(request.retry) / SECOND
            request.retry += 1
            self._after(wait_s, self._call, request)

    def _may_retry(self, agent: int) -> bool:
        return agent not in self.budget or self.budget[agent].withdraw()

    def _after(self, seconds: float, call: object, value: object) -> None:
        assert callable(call)
        self.clock.at(self.clock.now + seconds * SECOND, ARRIVAL, call, value)


def weather(storm: Storm, client: Client, seed: int = 0) -> ClientTally:
    """Let one client weather the storm; deterministic in its arguments."""
    fleet = _Fleet(storm, ClientTally(client=client), Clock(0.0), Provider(storm), seed)
    retries, agents = storm.retries, range(storm.agents)
    if client != "naive":
        fleet.backoff = {a: Backoff(seed, f"{a}", retries.base, retries.cap) for a in agents}
    if client in ("budget", "breaker"):
        fleet.budget = {a: RetryBudget(retries.budget, 0) for a in agents}
    if client == "breaker":
        fleet.breaker = CircuitBreaker(storm.breaker)
    first = stream(seed, "retry_storm/first").random(storm.agents) * storm.every_s
    for agent in agents:
        fleet.clock.at(float(first[agent]) * SECOND, ARRIVAL, fleet.begin, agent)
    fleet.clock.run()
    fleet.tally.locks = fleet.provider.locks
    return fleet.tally
