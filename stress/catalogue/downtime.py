"""Time that a part of the world is down: one stretch somewhere in the window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stress.catalogue.base import Window
from twin.network.world import World

Floats = NDArray[np.float64]
HOUR = 1 / 24
LENGTHS_D = (0.0, 6 * HOUR, 1.0, 3.0, 7.0, 21.0)
"""Length of an outage by severity, days."""


def covered_share(world: World, window: Window, length_d: float, luck: float) -> Floats:
    """Share of each period that a stretch of downtime covers, starting at an epoch: (period,).

    ``luck`` in [0, 1) says where in the window it begins; a stretch longer than the window fills
    the window.
    """
    share = np.zeros(world.periods)
    allowed = window.periods(world)
    length = min(length_d / world.period_d, float(len(allowed)))
    starts = len(allowed) - int(np.ceil(length)) + 1
    if not len(allowed):
        return share
    first = allowed[min(int(luck * starts), starts - 1)]
    whole = int(length)
    share[first : first + whole] = 1.0
    if length > whole:
        share[first + whole] = length - whole
    return share


def scaled(shares: Floats, places: NDArray[np.intp], factor: Floats) -> Floats:
    """A copy of (period, place) with some places multiplied by a factor per period."""
    fresh = shares.copy()
    fresh[:, places] *= factor[:, None]
    return fresh
