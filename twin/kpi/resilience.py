"""Resilience: how deep service falls in a disruption, and how long until it is back.

Functions of plain series, one number per period, so that they serve one run, the mean of many, or
a measured system. Service may be an absolute level (a fill rate) or relative to an undisturbed run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.engine.ledger import PeriodLedger
from twin.kpi.service import served_in_period

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Recovery:
    """When service failed and when it was back; periods of the series."""

    failed: int | None  # first period below the failure level; None when service held
    recovered: int | None  # first period of the lasting return; None when there was none

    @property
    def periods(self) -> int | None:
        """Time to recover in periods: zero when service held, None when it did not return."""
        if self.failed is None:
            return 0
        return None if self.recovered is None else self.recovered - self.failed


def recovery(
    service: Sequence[float] | Floats,
    failure_level: float,
    recovery_level: float,
    hold: int,
    start: int = 0,
) -> Recovery:
    """Time to recover: from service falling below the failure level to its first lasting return.

    Simchi-Levi et al. 2015. Service has returned in the first period from which it is at or above
    ``recovery_level`` for ``hold`` periods; failures before the period ``start`` are not looked at.
    A return too near to the end of the series to be held is no return.
    """
    level = np.asarray(service, dtype=np.float64)
    below = np.flatnonzero(level[start:] < failure_level)
    if not len(below):
        return Recovery(None, None)
    failed = start + int(below[0])
    good = level >= recovery_level
    for period in range(failed, len(level) - hold + 1):
        if good[period : period + hold].all():
            return Recovery(failed, period)
    return Recovery(failed, None)


def resilience_loss(
    service: Sequence[float] | Floats, before: Sequence[float] | Floats | float, period_d: float
) -> float:
    """Resilience loss: integral of (1 - service / service before) over the disruption, in days.

    Bruneau et al. 2003. ``service`` holds the periods of the disruption, from its start to the
    recovery; ``before`` is the undisturbed level, one for all periods or one for each, above zero.
    """
    ratio = np.asarray(service, dtype=np.float64) / np.asarray(before, dtype=np.float64)
    return float((1.0 - ratio).sum()) * period_d


def units_served(ledger: PeriodLedger) -> Floats:
    """Units of each period's demand that were served in that period, all customers: (period,)."""
    served: Floats = served_in_period(ledger).sum(axis=(1, 2))
    return served


def relative_service(served: Floats, undisturbed: Floats) -> Floats:
    """Units served / units served without the disruption, per period: (period,).

    Periods in which nothing was served without it say nothing; they keep the level before them.
    """
    level = np.ones(len(served))
    for t in range(len(served)):
        if undisturbed[t] > 0:
            level[t] = served[t] / undisturbed[t]
        elif t > 0:
            level[t] = level[t - 1]
    return level
