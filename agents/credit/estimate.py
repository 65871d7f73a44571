"""Means over seeds with bootstrap intervals."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from twin.exogenous.streams import stream
from twin.scenario.quantities import Model

Floats = NDArray[np.float64]
RESAMPLES = 2_000
CONFIDENCE = 0.95
SEED = 20240229
"""Of the bootstrap; the same for everybody, so that nobody can draw again."""


class Estimate(Model):
    """A mean over seeds with its two-sided 95 % interval; money per period."""

    value: float
    low: float
    high: float


def estimates(values: Floats, purpose: str) -> tuple[Estimate, ...]:
    """One estimate per column of (seed, item); seeds are resampled whole (paired bootstrap).

    The percentile levels are widened by Student's t, against the narrowness of the plain percentile
    interval in small samples (Hesterberg 2015, "expanded percentile").
    """
    from scipy.special import ndtr, stdtrit  # slow to load

    n = len(values)
    chosen = stream(SEED, f"credit/bootstrap/{purpose}").multinomial(
        n, np.full(n, 1 / n), RESAMPLES
    )
    means = chosen @ values / n  # (resample, item)
    level = ndtr(math.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 - CONFIDENCE) / 2))
    low, high = np.quantile(means, [level, 1 - level], axis=0)
    rows = zip(values.mean(axis=0).tolist(), low.tolist(), high.tolist(), strict=True)
    return tuple(Estimate(value=v, low=lo, high=hi) for v, lo, hi in rows)
