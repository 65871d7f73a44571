"""The factor that the calendar, the trend and events put on the mean of a demand model."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.scenario.quantities import DemandEvent, Pattern

MONTH_D = 365 / 12
YEAR_D = 365.0

FIELDS = tuple(Pattern.model_fields)

Floats = NDArray[np.float64]


def shared_calendar(spec: Pattern, periods: int, period_d: float) -> Floats | float:
    """What ``calendar`` gives, computed once for all models of one pattern; 1 without a pattern.

    The array is read-only.
    """
    pattern = tuple([getattr(spec, name) for name in FIELDS])
    return _calendar_of(pattern, periods, period_d) if any(pattern) else 1.0


@lru_cache(maxsize=256)
def _calendar_of(pattern: tuple[Any, ...], periods: int, period_d: float) -> Floats:
    spec = Pattern.model_construct(**dict(zip(FIELDS, pattern, strict=True)))
    factor = calendar(spec, periods, period_d)
    factor.setflags(write=False)
    return factor


def calendar(spec: Pattern, periods: int, period_d: float) -> Floats:
    """Factor of each period: (period,).

    A period takes the hourly, weekly and yearly factor of the hour and day in which it starts.
    """
    epoch = np.arange(periods) * period_d + 1e-9
    day = np.floor(epoch)
    factor = course(spec, periods, period_d)
    if spec.hourly is not None:
        factor = factor * np.array(spec.hourly)[((epoch - day) * 24).astype(int)]
    if spec.weekly is not None:
        factor = factor * np.array(spec.weekly)[(day % 7).astype(int)]
    if spec.yearly is not None:
        factor = factor * np.array(spec.yearly)[((day % YEAR_D) / MONTH_D).astype(int)]
    return factor


def course(spec: Pattern, periods: int, period_d: float) -> Floats:
    """The part of the factor that does not come round again, trend and events: (period,)."""
    start = np.arange(periods, dtype=np.float64) * period_d
    factor: Floats = np.power(1.0 + spec.trend, start / YEAR_D)
    for event in spec.events:
        factor = factor * (1.0 + (event.factor - 1.0) * _part_within(event, start, period_d))
    return factor


def _part_within(event: DemandEvent, start: Floats, period_d: float) -> Floats:
    """Share of each period that lies within the event; rounded, so that whole periods count 1."""
    overlap = np.minimum(start + period_d, event.end) - np.maximum(start, event.start)
    share: Floats = np.clip(overlap / period_d, 0.0, 1.0).round(9)
    return share
