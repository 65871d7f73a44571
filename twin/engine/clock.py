"""Simulated time: SimPy's environment with absolute times and explicit priorities.

Delays would be rounded differently from the epochs they should meet; an absolute time, snapped to
the epoch it falls on, is ordered exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappush
from typing import Any

import simpy

ARRIVAL, EPOCH = 2, 5
"""Same-time order: what arrives at an epoch is there when the epoch begins."""
_SNAP = 1e-9


class _Call:
    """The least that SimPy's step needs of an event that has already been triggered."""

    __slots__ = ("_ok", "call", "callbacks", "value")

    def __init__(self, call: Callable[[Any], None], value: Any) -> None:
        self.callbacks: tuple[Callable[[_Call], None], ...] | None = _FIRING
        self.call = call
        self.value = value
        self._ok = True


def _fire(event: _Call) -> None:
    event.call(event.value)


_FIRING = (_fire,)
"""The callbacks of every call: millions are made, and all do the same."""


class Clock(simpy.Environment):
    """A SimPy environment in days."""

    def at(self, time: float, priority: int, call: Callable[[Any], None], value: Any) -> None:
        """Call ``call(value)`` at an absolute time; a time already past means now."""
        queue: list[Any] = self._queue
        time = time if time > self._now else self._now
        heappush(queue, (time, priority, next(self._eid), _Call(call, value)))

    def work(self, done: simpy.Event, controls: Sequence[float], until: float) -> None:
        """Go on until ``done`` is triggered and no control is due, or until ``until`` is over.

        ``controls`` are the times at which somebody will interfere, the earliest first.
        """
        queue, step = self._queue, self.step
        while queue and queue[0][0] <= until:
            if done.triggered and not (controls and controls[0] <= until):
                return
            step()


def snapped(time: float, period: float) -> float:
    """``time``, or the epoch it lies on when it is within 1e-9 periods of one."""
    epoch = round(time / period)
    return epoch * period if abs(time / period - epoch) < _SNAP else time
