"""Draws random durations: lead times, trip times."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from twin.exogenous.moments import lognormal_sigma
from twin.scenario.times import (
    ConstantTime,
    EmpiricalTime,
    GammaTime,
    LognormalTime,
    RandomTime,
    TriangularTime,
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
        case TriangularTime() if spec.low == spec.high:
            return np.full(size, spec.mode)
        case TriangularTime():
            return rng.triangular(spec.low, spec.mode, spec.high, size)
        case GammaTime():
            shape = 1 / spec.cv**2
            return rng.gamma(shape, spec.mean / shape, size)
        case LognormalTime():
            return rng.lognormal(math.log(spec.median), lognormal_sigma(spec), size)
        case EmpiricalTime():
            return rng.choice(spec.values, size, p=spec.probabilities)
