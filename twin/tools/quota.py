"""How many calls a provider answers: a sliding window over simulated time."""

from __future__ import annotations

from collections import deque

MINUTE_D = 1 / 1_440
SECONDS_PER_D = 86_400.0


class Quota:
    """At most ``limit`` calls within any minute; refused calls do not count."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._answered: deque[float] = deque(maxlen=limit)

    def wait_s(self, now_d: float) -> float | None:
        """None, and the call counts; or the seconds until the next call would be answered."""
        answered = self._answered
        while answered and answered[0] <= now_d - MINUTE_D:
            answered.popleft()
        if len(answered) < self._limit:
            answered.append(now_d)
            return None
        return (answered[0] + MINUTE_D - now_d) * SECONDS_PER_D
