"""Which periods fall into the opening hours of a place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.scenario.opening import WEEKDAYS, Opening

EPSILON_D = 1e-9


def open_periods(opening: Opening | None, periods: int, period_d: float) -> NDArray[np.float64]:
    """1 where the epoch of a period falls into the opening hours, else 0: (period,)."""
    if opening is None:
        return np.ones(periods)
    epoch = np.arange(periods) * period_d + EPSILON_D
    day = np.floor(epoch)
    hour = epoch - day
    weekdays = [WEEKDAYS.index(name) for name in opening.days]
    is_open: NDArray[np.bool_] = (
        np.isin(day % 7, weekdays) & (opening.opens <= hour) & (hour < opening.closes)
    )
    for closure in opening.closed:
        is_open &= ~((closure.start <= epoch) & (epoch < closure.end))
    shares: NDArray[np.float64] = is_open.astype(np.float64)
    return shares
