"""What may hold back an attempt before it leaves: adaptive throttling, a bulkhead, the spend limit.

Guards are shared by all agents of an episode. An attempt leaves when none of them refuses it.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Protocol

import numpy as np

from agents.gateway.schema import Label
from twin.engine.clock import Clock
from twin.errors import ToolBoundaryError
from twin.exogenous.streams import stream
from twin.scenario.tools import Throttle

MAX_SEEN = 100_000
"""Attempts that the throttle remembers at most, however long its window."""
_OVERLOAD = frozenset({Label.RATE_LIMITED, Label.ACCOUNT_LOCKED, Label.SERVER_ERROR, Label.TIMEOUT})


class Guard(Protocol):
    """One reason not to send."""

    def refuses(self, agent: str, tool: str, size: int) -> Label | None:
        """Why an attempt of ``size`` bytes may not leave now; None lets it leave."""

    def began(self, tool: str) -> None:
        """An attempt leaves."""

    def ended(self, tool: str, failure: ToolBoundaryError | None) -> None:
        """An attempt that left is over."""


class Bulkhead:
    """At most so many calls of one tool under way: a slow tool cannot take all of the link."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._under_way: Counter[str] = Counter()

    def refuses(self, agent: str, tool: str, size: int) -> Label | None:
        """Refuse when the tool's compartment is full."""
        return Label.BULKHEAD_FULL if self._under_way[tool] >= self._most else None

    def began(self, tool: str) -> None:
        """Take a place in the compartment."""
        self._under_way[tool] += 1

    def ended(self, tool: str, failure: ToolBoundaryError | None) -> None:
        """Give the place back."""
        self._under_way[tool] -= 1


class AdaptiveThrottle:
    """Refuses with probability max(0, (requests - K accepts) / (requests + 1)).

    Requests are attempts that are over and those refused here; what is under way says nothing yet.
    Counted over a sliding window of simulated time: Beyer et al., Site Reliability Engineering
    (2016), chapter 21. Each agent draws from ``throttle/<agent>``.
    """

    def __init__(self, settings: Throttle, clock: Clock, seed: int) -> None:
        self._settings = settings
        self._clock = clock
        self._seed = seed
        self._rng: dict[str, np.random.Generator] = {}
        self._requests: deque[float] = deque(maxlen=MAX_SEEN)
        self._accepts: deque[float] = deque(maxlen=MAX_SEEN)

    def refuses(self, agent: str, tool: str, size: int) -> Label | None:
        """Refuse the more often, the more of the last attempts the provider did not accept."""
        now = self._clock.now
        for times in (self._requests, self._accepts):
            while times and times[0] <= now - self._settings.window:
                times.popleft()
        surplus = len(self._requests) - self._settings.accepts * len(self._accepts)
        if self._draw(agent) >= surplus / (len(self._requests) + 1):
            return None
        self._requests.append(now)
        return Label.THROTTLED

    def began(self, tool: str) -> None:
        """Counted when it is over."""

    def ended(self, tool: str, failure: ToolBoundaryError | None) -> None:
        """Accepted, unless the provider said or showed that it is overloaded."""
        self._requests.append(self._clock.now)
        if failure is None or failure.label not in _OVERLOAD:
            self._accepts.append(self._clock.now)

    def _draw(self, agent: str) -> float:
        rng = self._rng.get(agent)
        if rng is None:
            rng = self._rng[agent] = stream(self._seed, f"throttle/{agent}")
        return float(rng.random())
