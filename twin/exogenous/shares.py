"""Draws random shares: what is lost on the way, what is scrapped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.scenario.shares import (
    BetaShare,
    ConstantShare,
    EmpiricalShare,
    RandomShare,
    TriangularShare,
    UniformShare,
)


def draw_shares(spec: RandomShare, size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Shares between 0 and 1: (size,)."""
    match spec:
        case ConstantShare():
            return np.full(size, spec.value)
        case UniformShare():
            return rng.uniform(spec.low, spec.high, size)
        case TriangularShare() if spec.low == spec.high:
            return np.full(size, spec.mode)
        case TriangularShare():
            return rng.triangular(spec.low, spec.mode, spec.high, size)
        case BetaShare():
            return rng.beta(spec.mean * spec.size, (1 - spec.mean) * spec.size, size)
        case EmpiricalShare():
            return rng.choice(spec.values, size, p=spec.probabilities)


def mean_share(spec: RandomShare) -> float:
    """Mean of a random share."""
    match spec:
        case ConstantShare():
            return spec.value
        case UniformShare():
            return (spec.low + spec.high) / 2
        case TriangularShare():
            return (spec.low + spec.mode + spec.high) / 3
        case BetaShare():
            return spec.mean
        case EmpiricalShare():
            return float(np.dot(spec.probabilities, spec.values))
