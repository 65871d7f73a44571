"""Simulated time: SimPy's environment with absolute times and explicit priorities.

Delays would be rounded differently from the epochs they should meet; an absolute time, snapped to
the epoch it falls on, is ordered exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush
from typing import Any

import simpy

ARRIVAL, EPOCH = 2, 5
"""Same-time order: what arrives at an epoch is there when the epoch begins."""
_SNAP = 1e-9


class _Call:
    """The least that SimPy's step needs of an event that has already been triggered."""

    __slots__ = ("_call", "_ok", "_value", "callbacks")

    def __init__(self, call: Callable[[Any], None], value: Any) -> None:
        self.callbacks: list[Callable[[Any], None]] | None = [self._fire]
        self._call = call
        self._value = value
        self._ok = True

    def _fire(self, _: Any) -> None:
        self._call(self._value)


class Clock(simpy.Environment):
    """A SimPy environment in days."""

    def at(self, time: float, priority: int, call: Callable[[Any], None], value: Any) -> None:
        """Call ``call(value)`` at an absolute time; a time already past means now."""
        queue: list[Any] = self._queue
        heappush(queue, (max(time, self._now), priority, next(self._eid), _Call(call, value)))


def snapped(time: float, period: float) -> float:
    """``time``, or the epoch it lies on when it is within 1e-9 periods of one."""
    epoch = round(time / period)
    return epoch * period if abs(time / period - epoch) < _SNAP else time
