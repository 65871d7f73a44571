"""Draws random durations: lead times, trip times."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from twin.network.world import lognormal_sigma
from twin.scenario.quantities import (
    ConstantTime,
    GammaTime,
    LognormalTime,
    RandomTime,
    UniformTime,
)


def draw_times(
    spec: RandomTime, size: tuple[int, ...], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Durations in days, of shape ``size``."""
    match spec:
        case ConstantTime():
            return np.full(size, spec.value)
        case UniformTime():
            return rng.uniform(spec.low, spec.high, size)
        case GammaTime():
            shape = 1 / spec.cv**2
            return rng.gamma(shape, spec.mean / shape, size)
        case LognormalTime():
            return rng.lognormal(math.log(spec.median), lognormal_sigma(spec), size)
