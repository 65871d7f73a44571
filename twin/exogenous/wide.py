"""Draws of many runs at once: what ``demand``, ``lead_time`` and ``shares`` draw for one.

The distributions are theirs, model by model (a law with a test); a model that is new there belongs
here too. Arrays are (period, ..., B), in the namespace of the draws.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from twin.exogenous.calendar import shared_calendar
from twin.exogenous.moments import lognormal_sigma
from twin.exogenous.variates import Draws, Shape, Variates
from twin.scenario.quantities import (
    CompoundPoissonDemand,
    ConstantDemand,
    Demand,
    GammaDemand,
    NegativeBinomialDemand,
    NormalDemand,
    PoissonDemand,
    TraceDemand,
    UniformDemand,
)
from twin.scenario.shares import (
    BetaShare,
    ConstantShare,
    EmpiricalShare,
    RandomShare,
    TriangularShare,
    UniformShare,
)
from twin.scenario.times import (
    ConstantTime,
    EmpiricalTime,
    GammaTime,
    LognormalTime,
    RandomTime,
    TriangularTime,
    UniformTime,
)


def wide_demand(
    spec: Demand, periods: int, period_d: float, count: int, draws: Draws, name: str
) -> Any:
    """Units demanded in each period of ``count`` runs: (period, B)."""
    xp, variates, shape = draws.xp, draws.named(name), (periods, count)
    calendar = np.broadcast_to(shared_calendar(spec, periods, period_d), (periods,))
    factor = draws.array(np.repeat(calendar[:, None], count, axis=1))
    match spec:
        case PoissonDemand():
            return variates.poisson(spec.mean * period_d * factor)
        case ConstantDemand():
            return spec.mean * period_d * factor
        case NormalDemand():
            drawn = spec.mean * period_d + spec.sd * period_d**0.5 * variates.normal(shape)
            return xp.clip(drawn * factor, 0.0, None)
        case NegativeBinomialDemand():
            mix = variates.gamma(0 * factor + spec.size) / spec.size
            return variates.poisson(spec.mean * period_d * factor * mix)
        case GammaDemand():
            drawn = variates.gamma(0 * factor + period_d / spec.cv**2)
            return drawn * spec.mean * spec.cv**2 * factor
        case UniformDemand():
            rate = spec.low + (spec.high - spec.low) * variates.uniform(shape)
            return rate * period_d * factor
        case CompoundPoissonDemand():
            customers = variates.poisson(spec.rate * period_d * factor)
            return _units_wanted(spec, customers, variates)
        case TraceDemand():
            rows = np.resize(np.array(spec.values, dtype=np.float64), periods)
            mean = draws.array(rows)[:, None] * factor
            return variates.poisson(mean) if spec.use == "mean" else mean


def _units_wanted(spec: CompoundPoissonDemand, customers: Any, variates: Variates) -> Any:
    """What so many customers want together, drawn as one number.

    n geometric sizes sum to n plus a negative binomial, which is a Poisson of a gamma mean.
    """
    if spec.size_cv is None:
        return customers + variates.poisson(variates.gamma(customers) * (spec.size - 1))
    if spec.size_cv == 0:
        return customers * spec.size
    shape = 1 / spec.size_cv**2
    return variates.gamma(customers * shape) * spec.size / shape


def wide_times(spec: RandomTime, shape: Shape, draws: Draws, variates: Variates) -> Any:
    """Durations in days; of one element along each axis where they are all the same."""
    match spec:
        case ConstantTime():
            return draws.array(np.full((1,) * len(shape), spec.value))
        case UniformTime():
            return spec.low + (spec.high - spec.low) * variates.uniform(shape)
        case TriangularTime():
            return _triangular(spec.low, spec.mode, spec.high, variates.uniform(shape), draws.xp)
        case GammaTime():
            alpha = 1 / spec.cv**2
            return variates.gamma(draws.array(np.full(shape, alpha))) * spec.mean / alpha
        case LognormalTime():
            z = variates.normal(shape)
            return draws.xp.exp(math.log(spec.median) + lognormal_sigma(spec) * z)
        case EmpiricalTime():
            return _one_of(spec, variates.uniform(shape), draws)


def wide_shares(spec: RandomShare, shape: Shape, draws: Draws, variates: Variates) -> Any:
    """Shares between 0 and 1; of one element along each axis where they are all the same."""
    match spec:
        case ConstantShare():
            return draws.array(np.full((1,) * len(shape), spec.value))
        case UniformShare():
            return spec.low + (spec.high - spec.low) * variates.uniform(shape)
        case TriangularShare():
            return _triangular(spec.low, spec.mode, spec.high, variates.uniform(shape), draws.xp)
        case BetaShare():
            sizes = (spec.mean * spec.size, (1 - spec.mean) * spec.size)
            lost, rest = (variates.gamma(draws.array(np.full(shape, size))) for size in sizes)
            return lost / draws.xp.clip(lost + rest, 1e-300, None)
        case EmpiricalShare():
            return _one_of(spec, variates.uniform(shape), draws)


def _triangular(low: float, mode: float, high: float, u: Any, xp: Any) -> Any:
    """The quantiles of a triangular distribution at u; its point where it has no width."""
    if low == high:
        return 0 * u + mode
    width = high - low
    rising = low + (u * width * (mode - low)) ** 0.5
    falling = high - ((1 - u) * width * (high - mode)) ** 0.5
    return xp.where(u * width < mode - low, rising, falling)


def _one_of(spec: EmpiricalTime | EmpiricalShare, u: Any, draws: Draws) -> Any:
    """Observed values with their probabilities, at the uniform numbers u."""
    steps = np.cumsum(spec.probabilities)[:-1]  # none, for rounding, beyond the last value
    place = draws.xp.searchsorted(draws.array(steps), u, side="right")
    return draws.array(np.array(spec.values, dtype=np.float64))[place]
