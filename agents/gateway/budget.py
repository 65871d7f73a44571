"""Retry budget: a token bucket that calls fill and retries empty (Finagle's RetryBudget).

Over any run, retries <= reserve + share * calls, whatever goes wrong.
"""

from __future__ import annotations

SAVED_CALLS = 100
"""A bucket holds at most what this many calls bring, above its reserve: credit does not pile up
through a calm year to be spent in one storm."""
_DUST = 1e-9


class RetryBudget:
    """Tokens of one agent."""

    def __init__(self, share: float, reserve: int) -> None:
        self._share = share
        self._most = reserve + share * SAVED_CALLS
        self.tokens = float(reserve)

    def deposit(self) -> None:
        """Count one call."""
        self.tokens = min(self.tokens + self._share, self._most)

    def withdraw(self) -> bool:
        """Pay for one retry; False when the budget is exhausted."""
        if self.tokens < 1.0 - _DUST:
            return False
        self.tokens = max(self.tokens - 1.0, 0.0)
        return True
