"""Circuit breaker on the simulated clock, with resilience4j's states and rules.

CLOSED       calls pass; opens when enough of the last ``window`` calls failed
OPEN         nothing passes until ``open_for`` is over
HALF_OPEN    ``half_open_calls`` trials pass; their failure rate closes or reopens it
FORCED_OPEN  nothing passes: a killed agent or tool
DISABLED     everything passes, nothing is recorded
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

from twin.scenario.tools import Breaker as BreakerSettings


class State(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    FORCED_OPEN = "forced_open"
    DISABLED = "disabled"


class CircuitBreaker:
    """One agent's breaker for one tool; times are days."""

    def __init__(self, settings: BreakerSettings) -> None:
        self.state = State.CLOSED
        self.opened = 0
        self.closed = 0
        self._settings = settings
        self._failed: deque[bool] = deque(maxlen=settings.window)
        self._failures = 0  # in the window
        self._opened_at = 0.0
        self._trials = 0

    def permit(self, now_d: float) -> bool:
        """Whether a call may leave now; every permitted call must be recorded or released."""
        if self.state is State.OPEN and now_d - self._opened_at >= self._settings.open_for:
            self._enter(State.HALF_OPEN)
        if self.state is State.HALF_OPEN:
            if self._trials >= self._settings.half_open_calls:
                return False
            self._trials += 1
            return True
        return self.state in (State.CLOSED, State.DISABLED)

    def record(self, failed: bool, now_d: float) -> None:
        """Count the outcome of a permitted call."""
        if self.state not in (State.CLOSED, State.HALF_OPEN):
            return
        if len(self._failed) == self._failed.maxlen:
            self._failures -= self._failed[0]
        self._failed.append(failed)
        self._failures += failed
        if not self._failures and self.state is State.CLOSED:
            return  # nothing to decide: by far the most frequent case
        if len(self._failed) < self._enough:
            return
        if self._too_many_failed():
            self.opened += 1
            self._opened_at = now_d
            self._enter(State.OPEN)
        elif self.state is State.HALF_OPEN:
            self.closed += 1
            self._enter(State.CLOSED)

    def release(self) -> None:
        """Give back a permit whose call says nothing about the tool's health."""
        if self.state is State.HALF_OPEN:
            self._trials -= 1

    def force_open(self) -> None:
        """Let nothing pass until ``reset``."""
        self._enter(State.FORCED_OPEN)

    def disable(self) -> None:
        """Let everything pass until ``reset``."""
        self._enter(State.DISABLED)

    def reset(self) -> None:
        """Back to closed, with an empty window."""
        self._enter(State.CLOSED)

    @property
    def _enough(self) -> int:
        """Calls that must be known before the rate counts."""
        if self.state is State.HALF_OPEN:
            return min(self._settings.half_open_calls, self._settings.window)
        return min(self._settings.minimum_calls, self._settings.window)

    def _too_many_failed(self) -> bool:
        rate = self._settings.failure_rate
        return self._failures > 0 and self._failures >= rate * len(self._failed)

    def _enter(self, state: State) -> None:
        self.state = state
        self._failed.clear()
        self._failures = 0
        self._trials = 0
