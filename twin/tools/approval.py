"""Approvals of high-risk orders: the question, the person who answers, and the book of the granted.

The book is the server's: a high-risk order whose key and numbers are not in it has no effect.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from twin.engine.clock import ARRIVAL, Clock
from twin.scenario.tools import Approver
from twin.tools.inbox import MAX_LATE
from twin.tools.person import Person
from twin.tools.risk import Excess


@dataclass(frozen=True)
class ApprovalRequest:
    """May this order be sent? What the person is shown, all of it typed."""

    agent: str
    key: str  # idempotency key of the order
    period: int
    wish: tuple[float, ...]  # units
    excess: tuple[Excess, ...]
    usual_owes: float  # units that the usual source has been asked for and has not shipped


@dataclass(frozen=True)
class ApprovalAnswer:
    """A person's answer; ``at`` in simulated days."""

    request: ApprovalRequest
    granted: bool
    at: float


class ApprovalBook:
    """What has been granted, for as long as its order may still take effect."""

    def __init__(self) -> None:
        self._granted: dict[int, dict[str, ApprovalAnswer]] = {}

    def enter(self, answer: ApprovalAnswer) -> None:
        """Keep a granted approval."""
        period = answer.request.period
        for old in [p for p in self._granted if p < period - MAX_LATE]:
            del self._granted[old]
        self._granted.setdefault(period, {})[answer.request.key] = answer

    def covers(self, agent: str, key: str, period: int, wish: tuple[float, ...]) -> bool:
        """Whether exactly this order of this agent has been approved."""
        answer = self._granted.get(period, {}).get(key)
        return answer is not None and (answer.request.agent, answer.request.wish) == (agent, wish)


class ApproverDesk:
    """Where approvals are asked for: the scenario's approver on the simulated clock."""

    def __init__(self, clock: Clock, settings: Approver, book: ApprovalBook, seed: int) -> None:
        self.person = Person("approver", settings.latency, settings.error, settings.absent, seed)
        self._clock = clock
        self._tolerance = settings.tolerance
        self._book = book
        self._waiting: set[str] = set()

    @property
    def waiting(self) -> int:
        """Questions that are open: at most one per agent."""
        return len(self._waiting)

    def withdraw(self, key: str) -> None:
        """Take a question back: an answer that comes now means nothing."""
        self._waiting.discard(key)

    def ask(self, request: ApprovalRequest, answered: Callable[[ApprovalAnswer], None]) -> None:
        """Ask; ``answered`` is called when the person has answered, or never."""
        self._waiting.add(request.key)
        reply = self.person.reply(request.agent)
        if reply.after_d == math.inf:
            return
        granted = self._careful(request) is not reply.wrong
        at = self._clock.now + reply.after_d
        message = (ApprovalAnswer(request, granted, at), answered)
        self._clock.at(at, ARRIVAL, self._answer, message)

    def _careful(self, request: ApprovalRequest) -> bool:
        """What the person would say without an error."""
        within = (e.times <= self._tolerance for e in request.excess if e.times < math.inf)
        switch = any(e.times == math.inf for e in request.excess)
        return all(within) and (not switch or request.usual_owes > 0)

    def _answer(self, message: tuple[ApprovalAnswer, Callable[[ApprovalAnswer], None]]) -> None:
        answer, answered = message
        if answer.request.key not in self._waiting:
            return
        self._waiting.discard(answer.request.key)
        if answer.granted:
            self._book.enter(answer)
        answered(answer)
