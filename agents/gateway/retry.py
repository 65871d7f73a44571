"""Back-off between attempts: exponential with full jitter."""

from __future__ import annotations

from twin.exogenous.streams import stream


class Backoff:
    """Waits of one agent: rand * min(cap, base * 2^n), in days (AWS's full jitter)."""

    def __init__(self, seed: int, agent: str, base: float, cap: float) -> None:
        self._base = base
        self._cap = cap
        self._rng = stream(seed, f"retry/{agent}")

    def wait(self, retry: int) -> float:
        """Days to wait before a retry, counted from 0."""
        return float(self._rng.random()) * min(self._cap, self._base * 2.0**retry)
