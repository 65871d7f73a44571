"""Spells: stretches of time in which something is down, drawn up front in continuous time.

An alternating renewal process: spells last exponentially with a given mean, and so do the gaps
between them, so that in the long run a given share of the time is spent in spells.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stress.catalogue.base import Window

MAX_SPELLS = 100_000
"""Bound on the spells of one target; a mean too short for the window is stretched to meet it."""


@dataclass(frozen=True)
class Spells:
    """Spells in ascending order, none overlapping another; days."""

    starts: tuple[float, ...]
    ends: tuple[float, ...]

    def end_of(self, now_d: float) -> float | None:
        """The end of the spell that a moment lies in; None outside of all."""
        index = bisect_right(self.starts, now_d) - 1
        return self.ends[index] if index >= 0 and now_d < self.ends[index] else None


def draw_spells(rng: np.random.Generator, window: Window, share: float, mean_d: float) -> Spells:
    """Spells inside the window that fill about ``share`` of it, each ``mean_d`` long on average."""
    length = window.end_d - window.start_d
    if share <= 0 or mean_d <= 0 or length <= 0:
        return Spells((), ())
    mean_d = max(mean_d, length / MAX_SPELLS)
    gap_d = mean_d * (1 - share) / share
    now = window.start_d if rng.random() < share else window.start_d + rng.exponential(gap_d)
    starts: list[float] = []
    ends: list[float] = []
    while now < window.end_d and len(starts) < MAX_SPELLS:
        end = now + rng.exponential(mean_d)
        starts.append(now)
        ends.append(min(end, window.end_d))
        now = end + rng.exponential(gap_d)
    return Spells(tuple(starts), tuple(ends))


def shared_spells(
    rng: np.random.Generator,
    names: Sequence[str],
    correlation: float,
    window: Window,
    share: float,
    mean_d: float,
) -> dict[str, Spells]:
    """Spells of each target: its own, or with probability ``correlation`` the common ones."""
    common = draw_spells(rng, window, share, mean_d)
    found = {}
    for name in names:
        own = draw_spells(rng, window, share, mean_d)
        found[name] = common if rng.random() < correlation else own
    return found
