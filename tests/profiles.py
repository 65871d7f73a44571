"""How many cases a law is tried on: a quick profile, and a deep one for ``make test-deep``."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
TIMES_DEEPER = 50


def laws(examples: int) -> settings:
    """Settings of a law: the same cases every time, or fresh and many more in the deep profile."""
    return settings(
        max_examples=examples * (TIMES_DEEPER if DEEP else 1),
        derandomize=not DEEP,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
