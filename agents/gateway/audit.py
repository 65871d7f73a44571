"""The laws of the tool boundary, checked while a run goes on; numbers as in FAULTS.md.

The audit keeps its own books from what it is told, so that a broken breaker or budget is noticed
and not merely asked whether it is sound.

     9  no effect without validation       11  one outcome per attempt
    13  at most one effect per key         15  no ambiguous answer used unclarified
    16  no effect outside the scope        17  attempts <= the configured number
    18  retries within budget              19  no call while OPEN or FORCED_OPEN
    20  a killed node emits nothing        21  high risk only with an approval from before
    22  spend within forecast and buffer   23  queues bounded
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

from agents.gateway.breaker import State
from twin.scenario.tools import Retries
from twin.tools.approval import ApprovalAnswer
from twin.tools.inbox import Placed
from twin.tools.risk import RiskLimits
from twin.tools.scope import Capability

MAX_VIOLATIONS = 100
"""Violations kept in words; one is enough to fail a run."""
_KEPT_EPOCHS = 3
"""Validated wishes are remembered this long: a write counts one period late at most."""


class BoundaryAudit:
    """Books of one episode."""

    def __init__(
        self,
        retries: Retries,
        risk: Mapping[str, RiskLimits] | None = None,
        scope: Mapping[str, Capability] | None = None,
    ) -> None:
        self.violations: list[str] = []
        self._retries = retries
        self._risk = risk or {}
        self._scope = scope
        self._killed: set[str] = set()
        self._clarified: dict[str, str] = {}
        self._approved: dict[int, dict[str, ApprovalAnswer]] = {}
        self._open: set[tuple[str, int]] = set()
        self._calls: Counter[str] = Counter()
        self._retried: Counter[str] = Counter()
        self._validated: dict[int, dict[str, tuple[str, list[float] | None]]] = {}
        self._effects: set[str] = set()

    def called(self, agent: str) -> None:
        """An agent began a call."""
        self._calls[agent] += 1

    def sent(self, agent: str, call: str, attempt: int, breaker: State) -> None:
        """An attempt left the agent."""
        self._open.add((call, attempt))
        if attempt > self._retries.attempts:
            self._violated(f"17 {call}: attempt {attempt} of {self._retries.attempts}")
        if breaker in (State.OPEN, State.FORCED_OPEN):
            self._violated(f"19 {call}: sent while the breaker was {breaker}")
        if agent in self._killed:
            self._violated(f"20 {call}: sent by a killed agent")
        if attempt > 1:
            self.asked(agent, call)

    def ended(self, call: str, attempt: int) -> None:
        """A sent attempt came to its one outcome."""
        if (call, attempt) not in self._open:
            self._violated(f"11 {call}: attempt {attempt} has a second outcome")
        self._open.discard((call, attempt))

    def ambiguous(self, call: str) -> None:
        """An answer to a call can be read in several ways."""
        self._clarified[call] = ""

    def clarified(self, call: str, digest: str) -> None:
        """Somebody said which reading of the answer to a call is meant."""
        self._clarified[call] = digest

    def read_as(self, call: str, digest: str) -> None:
        """A reading of an ambiguous answer is used."""
        if self._clarified.get(call) != digest:
            self._violated(f"15 {call}: an ambiguous answer was used without being clarified")

    def validated(self, agent: str, period: int, key: str, wish: list[float]) -> None:
        """A wish passed validation and may be sent under its key."""
        for old in [p for p in self._validated if p <= period - _KEPT_EPOCHS]:
            del self._validated[old]
        self._validated.setdefault(period, {})[key] = (agent, wish)

    def killed(self, agent: str) -> None:
        """An agent was taken out of control: what it has sent is void."""
        self._killed.add(agent)
        for keys in self._validated.values():
            for key in [k for k, known in keys.items() if known[0] == agent]:
                keys[key] = (agent, None)

    def revived(self, agent: str) -> None:
        """An agent is in control again."""
        self._killed.discard(agent)

    def approved(self, answer: ApprovalAnswer) -> None:
        """A person answered."""
        request = answer.request
        for old in [p for p in self._approved if p <= request.period - _KEPT_EPOCHS]:
            del self._approved[old]
        if answer.granted:
            self._approved.setdefault(request.period, {})[request.key] = answer

    def effect(self, placed: Placed, now_d: float = math.inf) -> None:
        """A write took effect in the world at ``now_d``."""
        known = self._validated.get(placed.period, {}).get(placed.key)
        if placed.agent in self._killed or (known is not None and known[1] is None):
            self._violated(f"20 {placed.key}: took effect although its agent was killed")
        elif known is None or known[1] != placed.wish.tolist():
            self._violated(f"9 {placed.key}: took effect without validation")
        elif known[0] != placed.agent:
            self._violated(f"16 {placed.key}: took effect for {placed.agent}, not {known[0]}")
        if not self._within_scope(placed):
            self._violated(f"16 {placed.key}: more than {placed.agent} may order or book")
        if self._risky(placed) and not self._was_approved(placed, now_d):
            self._violated(f"21 {placed.key}: a high-risk order without an approval from before")
        if placed.key in self._effects:
            self._violated(f"13 {placed.key}: took effect twice")
        self._effects.add(placed.key)

    def window_closed(self, in_flight: int, bound: int) -> None:
        """A window is over: every attempt has its outcome, the channel is within its bound."""
        for call, attempt in sorted(self._open):
            self._violated(f"11 {call}: attempt {attempt} has no outcome")
        self._open.clear()
        self._clarified.clear()
        if in_flight > bound:
            self._violated(f"23 {in_flight} messages in flight, at most {bound}")

    def _within_scope(self, placed: Placed) -> bool:
        if self._scope is None:
            return True
        capability = self._scope.get(placed.agent)
        return capability is not None and bool((placed.wish <= capability.most).all())

    def _risky(self, placed: Placed) -> bool:
        limits = self._risk.get(placed.agent)
        return limits is not None and bool(limits.excess(placed.wish))

    def _was_approved(self, placed: Placed, now_d: float) -> bool:
        answer = self._approved.get(placed.period, {}).get(placed.key)
        if answer is None or answer.at > now_d:
            return False
        return answer.request.wish == tuple(placed.wish.tolist())

    def spent(self, money: float, limit: float) -> None:
        """What has been spent, where there is a limit."""
        if money > limit * (1.0 + 1e-9):
            self._violated(f"22 {money:g} spent, at most {limit:g} allowed")

    def asked(self, agent: str, call: str) -> None:
        """A retry, or a question about an answer: both are paid from the budget."""
        self._retried[agent] += 1
        allowed = self._retries.reserve + self._retries.budget * self._calls[agent]
        if self._retried[agent] > allowed + 1e-6:
            self._violated(f"18 {call}: {self._retried[agent]} retries, {allowed:g} allowed")

    def _violated(self, text: str) -> None:
        if len(self.violations) < MAX_VIOLATIONS:
            self.violations.append(text)
