"""Carries out tool calls for one agent: attempts, timeouts, breakers, retries within a budget.

A call has up to ``attempts`` attempts. Each is permitted by the breaker, sent, and ends in exactly
one way: a valid answer, or a failure with one label. An answer to an earlier attempt of a call that
is still waiting is as good as one to the latest, since it names the call; an answer that comes when
nobody waits for it, or an invalid one to an earlier attempt, is counted as late and ignored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from agents.gateway.account import Tally
from agents.gateway.audit import BoundaryAudit
from agents.gateway.breaker import CircuitBreaker
from agents.gateway.budget import RetryBudget
from agents.gateway.guards import Guard
from agents.gateway.retry import Backoff
from agents.gateway.schema import FINAL, Label, RefusedError
from agents.gateway.spend import SpendLimit
from twin.engine.clock import Clock
from twin.errors import ToolBoundaryError
from twin.scenario.tools import Tools
from twin.tools.approval import ApproverDesk
from twin.tools.catalogue import ClarifyRequest
from twin.tools.channel import Channel, Transit
from twin.tools.person import Person
from twin.tools.quota import MINUTE_D, SECONDS_PER_D

TIMER = 6
"""Priority on the clock: what arrives at the moment a timer ends is still in time."""
Failure = ToolBoundaryError | None
Steps = Generator[simpy.Event, Any, Failure]
Cleared = Generator[simpy.Event, Any, bool]


@dataclass
class Desk:
    """What the sessions of one episode share."""

    clock: Clock
    channel: Channel
    tools: Tools
    audit: BoundaryAudit
    approver: ApproverDesk
    clarifier: Person
    guards: tuple[Guard, ...]
    meant: Callable[[ClarifyRequest], int | None]  # what the server says of an ambiguous answer
    tally: Tally = field(default_factory=Tally)
    labels: Counter[str] = field(default_factory=Counter)
    spend: SpendLimit | None = None
    late: int = 0
    answer_cap: int = 0  # bytes; what is longer is read no further
    tracing: bool = False


@dataclass(slots=True)
class Call:
    """One call of a tool and, once it has succeeded, the numbers of its answer."""

    id: str
    tool: str
    body: bytes
    judge: Callable[[bytes], list[float]]  # raises ToolBoundaryError for an invalid answer
    clarify: Callable[[Call], Cleared] | None = None  # for an answer that may be ambiguous
    allowed: bool = True  # on the agent's capability list
    period: int = 0
    suspect: bytes = b""  # the last answer that failed
    numbers: list[float] = field(default_factory=list)
    attempts: int = 0  # that left the agent
    label: str = ""  # of the last failure
    failures: tuple[str, ...] = ()  # labels of all failures


class Caller:
    """The calls of one agent, one at a time."""

    def __init__(self, agent: str, desk: Desk, seed: int) -> None:
        retries = desk.tools.retries
        self.breakers: dict[str, CircuitBreaker] = {}
        self.killed = False
        self._agent = agent
        self._desk = desk
        self._budget = RetryBudget(retries.budget, retries.reserve)
        self._backoff = Backoff(seed, agent, retries.base, retries.cap)
        self.close = 0.0
        self._expires = 0.0
        self._timed = False
        self._waiting: tuple[Call, simpy.Event] | None = None

    def begin(self, close: float) -> None:
        """Begin a window that closes at ``close`` (days); a killed agent is in control again."""
        self.close = close
        if self.killed:
            self.killed = False
            for breaker in self.breakers.values():
                breaker.reset()

    def kill(self) -> None:
        """Send nothing more in this window; the attempt that waits has failed."""
        self.killed = True
        for breaker in self.breakers.values():
            breaker.force_open()
        if self._waiting is not None:
            event = self._waiting[1]
            self._waiting = None
            event.succeed(ToolBoundaryError(Label.KILLED))

    def until(self, time: float) -> simpy.Event:
        """An event at an absolute time."""
        event = simpy.Event(self._desk.clock)
        self._desk.clock.at(time, TIMER, _ring, event)
        return event

    def carry_out(self, call: Call) -> Steps:
        """Try a call until it succeeds or may not be tried again; returns the last failure."""
        self._desk.tally.calls += 1
        self._desk.audit.called(self._agent)
        self._budget.deposit()
        failure = yield from self.attempt(call)
        for retry in range(self._desk.tools.retries.attempts - 1):
            if failure is None or failure.label in FINAL:
                break
            if call.suspect and call.clarify is not None and (yield from call.clarify(call)):
                return None
            refusal, resume = self._pause(call, retry, failure)
            if refusal is not None:
                return refusal
            yield self.until(resume)
            failure = yield from self.attempt(call)
        return failure

    def pay(self, call: str) -> bool:
        """Pay for a question about an answer as for a retry; False when the budget is exhausted."""
        if not self._budget.withdraw():
            return False
        self._desk.audit.asked(self._agent, call)
        return True

    def _pause(self, call: Call, retry: int, failure: ToolBoundaryError) -> tuple[Failure, float]:
        """Whether a retry may not be made, and the time at which it may."""
        now = self._desk.clock.now
        resume = now + max(self._backoff.wait(retry), _asked_wait(failure))
        if resume >= self.close:
            return self._fail(call, ToolBoundaryError(Label.DEADLINE)), resume
        if not self._budget.withdraw():
            return self._fail(call, ToolBoundaryError(Label.BUDGET_EXHAUSTED)), resume
        return None, resume

    def attempt(self, call: Call) -> Steps:
        """One attempt, without a second."""
        clock = self._desk.clock
        if self.killed:
            return self._fail(call, ToolBoundaryError(Label.KILLED))
        if not call.allowed:
            return self._fail(call, ToolBoundaryError(Label.OUT_OF_SCOPE))
        if clock.now >= self.close:
            return self._fail(call, ToolBoundaryError(Label.DEADLINE))
        breaker = self._breaker(call.tool)
        if not breaker.permit(clock.now):
            return self._fail(call, ToolBoundaryError(Label.BREAKER_OPEN))
        for guard in self._desk.guards:
            refused = guard.refuses(self._agent, call.tool, len(call.body))
            if refused is not None:
                breaker.release()
                return self._fail(call, ToolBoundaryError(refused))
        for guard in self._desk.guards:
            guard.began(call.tool)
        failure: Failure = yield self._send(call, breaker)
        self._desk.audit.ended(call.id, call.attempts)
        for guard in self._desk.guards:
            guard.ended(call.tool, failure)
        if failure is None:
            breaker.record(False, clock.now)
            return None
        if failure.label == Label.REJECTED:
            breaker.release()
        else:
            breaker.record(True, clock.now)
        return self._fail(call, failure)

    def _send(self, call: Call, breaker: CircuitBreaker) -> simpy.Event:
        """Send one attempt; the event ends with its failure, or None."""
        desk, now = self._desk, self._desk.clock.now
        call.attempts += 1
        desk.audit.sent(self._agent, call.id, call.attempts, breaker.state)
        desk.tally.attempts += 1
        desk.tally.retries += call.attempts > 1
        desk.tally.bytes += len(call.body)
        event = simpy.Event(desk.clock)
        self._waiting = (call, event)
        self._expires = min(now + desk.tools.timeout, self.close)
        if not self._timed:
            self._timed = True
            desk.clock.at(self._expires, TIMER, self._expire, None)
        size = len(call.body)
        transit = Transit("request", call.tool, self._agent, call.id, call.attempts, size, now)
        desk.channel.send(transit, call.body, self._deliver)
        return event

    def _deliver(self, transit: Transit, body: bytes) -> None:
        desk = self._desk
        if self._waiting is None or self._waiting[0].id != transit.call:
            desk.late += 1
            return
        call, event = self._waiting
        failure: Failure = None
        try:
            call.numbers = call.judge(body)
        except ToolBoundaryError as error:
            failure, call.suspect = error, body
        if failure is not None and transit.attempt != call.attempts:
            desk.late += 1
            return
        self._waiting = None
        desk.tally.bytes += min(len(body), desk.answer_cap + 1)
        event.succeed(failure)

    def _expire(self, _: None) -> None:
        """End the attempt that waits, if its time is over; the one timer serves all attempts."""
        clock, self._timed = self._desk.clock, False
        if self._waiting is None:
            return
        if clock.now < self._expires:
            self._timed = True
            clock.at(self._expires, TIMER, self._expire, None)
            return
        event = self._waiting[1]
        self._waiting = None
        closed = clock.now >= self.close
        event.succeed(ToolBoundaryError(Label.DEADLINE if closed else Label.TIMEOUT))

    def _fail(self, call: Call, failure: ToolBoundaryError) -> ToolBoundaryError:
        """Count a failure under its one label."""
        call.label = str(failure.label)
        call.failures += (call.label,)
        self._desk.labels[call.label] += 1
        return failure

    def _breaker(self, tool: str) -> CircuitBreaker:
        breaker = self.breakers.get(tool)
        if breaker is None:
            breaker = self.breakers[tool] = CircuitBreaker(self._desk.tools.breaker)
        return breaker


def _ring(event: simpy.Event) -> None:
    event.succeed()


def _asked_wait(failure: ToolBoundaryError) -> float:
    """Days that the tool asked to wait: a minute at most, since that is the quota's window."""
    if not isinstance(failure, RefusedError) or failure.retry_after_s is None:
        return 0.0
    return min(failure.retry_after_s / SECONDS_PER_D, MINUTE_D)
