"""Where writes wait for the window to close: one per agent, each key with at most one effect.

A write that arrives inside a window counts for that epoch, a later one for the next. A write for a
newer period (or a newer one for the same period) replaces what the same agent had sent before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.tools.catalogue import BookRequest, ErrorCode, OrderRequest

Floats = NDArray[np.float64]
MAX_LATE = 1
"""Periods a write may come late; an older one describes a world that is gone."""


@dataclass(frozen=True)
class Placed:
    """A write that waits, or has taken effect."""

    agent: str
    key: str
    period: int
    wish: Floats


class Inbox:
    """The writes of the current window and the keys that were used lately."""

    def __init__(self) -> None:
        self.t = -1
        self.is_open = False
        self.taken: tuple[Placed, ...] = ()
        self._held: dict[str, Placed] = {}
        self._keys: dict[int, dict[tuple[str, str], tuple[Floats, int]]] = {}

    @property
    def effective(self) -> int:
        """The period for which a write that arrives now counts."""
        return self.t if self.is_open else self.t + 1

    def open(self, t: int) -> None:
        """Begin the window of a period; keys too old ever to be accepted again are forgotten."""
        self.t = t
        self.is_open = True
        for period in [p for p in self._keys if p < t - MAX_LATE]:
            del self._keys[period]

    def put(
        self, request: OrderRequest | BookRequest, wish: Floats
    ) -> tuple[Floats, int] | ErrorCode:
        """Accepted numbers and the period in which they count, or why there is no effect.

        A key seen before is answered as the first time and has no further effect.
        """
        if not request.key.startswith(f"{request.period}/"):
            return "invalid_request"
        if not self.effective - MAX_LATE <= request.period <= self.effective:
            return "expired"
        used = self._keys.setdefault(request.period, {})
        before = used.get((request.agent, request.key))
        if before is not None:
            return before if np.array_equal(before[0], wish) else "duplicate_key"
        held = self._held.get(request.agent)
        if held is not None and held.period > request.period:
            return "superseded"
        self._held[request.agent] = Placed(request.agent, request.key, request.period, wish)
        used[request.agent, request.key] = (wish, self.effective)
        return wish, self.effective

    def discard(self, agent: str) -> None:
        """Void what an agent has sent and what has not taken effect yet."""
        self._held.pop(agent, None)

    def take(self) -> dict[str, Floats]:
        """Close the window; what it held takes effect now, once."""
        self.is_open = False
        self.taken = tuple(self._held.values())
        self._held = {}
        return {placed.agent: placed.wish for placed in self.taken}
