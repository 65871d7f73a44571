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


class Clock(simpy.Environment):
    """A SimPy environment in days."""

    def at(self, time: float, priority: int, call: Callable[[Any], None], value: Any) -> None:
        """Call ``call(value)`` at an absolute time; a time already past means now."""
        event = simpy.Event(self)
        event._ok = True
        event._value = value
        event.callbacks = [lambda _: call(value)]
        queue: list[Any] = self._queue
        heappush(queue, (max(time, self._now), priority, next(self._eid), event))


def snapped(time: float, period: float) -> float:
    """``time``, or the epoch it lies on when it is within 1e-9 periods of one."""
    epoch = round(time / period)
    return epoch * period if abs(time / period - epoch) < _SNAP else time
