"""Generated answers (Hypothesis), a bounded number in a bounded time."""

from __future__ import annotations

import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.answers import PER_EXAMPLE, answers
from tests.fuzz.doors import Doors, Outcome


def fuzz(count: int, seconds: float, derandomize: bool = False) -> Outcome:
    """Put ``count`` answers through, fewer where the time (CPU) ends first."""
    doors = Doors()
    until = time.process_time() + seconds

    @given(st.lists(answers(), min_size=PER_EXAMPLE, max_size=PER_EXAMPLE))
    @settings(
        max_examples=-(-count // PER_EXAMPLE),
        derandomize=derandomize,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def put(found: list[tuple[str, bytes]]) -> None:
        if time.process_time() < until:
            for door, body in found:
                doors.put(door, body)

    put()
    return doors.outcome()
