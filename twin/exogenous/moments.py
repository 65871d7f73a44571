"""Means and variances of what ``demand`` and ``lead_time`` draw, in closed form."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from twin.exogenous.calendar import course
from twin.scenario.quantities import (
    CompoundPoissonDemand,
    Demand,
    GammaDemand,
    NegativeBinomialDemand,
    NormalDemand,
    PoissonDemand,
    TraceDemand,
    UniformDemand,
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


def mean_time(spec: RandomTime) -> float:
    """Mean of a random duration in days."""
    match spec:
        case ConstantTime():
            return spec.value
        case UniformTime():
            return (spec.low + spec.high) / 2
        case TriangularTime():
            return (spec.low + spec.mode + spec.high) / 3
        case GammaTime():
            return spec.mean
        case LognormalTime():
            return spec.median * math.exp(lognormal_sigma(spec) ** 2 / 2)
        case EmpiricalTime():
            return float(np.dot(spec.probabilities, spec.values))


def lognormal_sigma(spec: LognormalTime) -> float:
    """Sigma of log(X) from median and 95th percentile."""
    return math.log(spec.p95 / spec.median) / NormalDist().inv_cdf(0.95)


def demand_moments(spec: Demand, periods: int, period_d: float) -> tuple[float, float]:
    """Mean and variance of the demand of a period, calendar swings included.

    Weekly and yearly patterns count in the long run, trend and events over the horizon. With the
    calendar factor F of a random period, E X = m E F and Var X = E Var(X | F) + m^2 Var F.
    """
    first, second = _factor_moments(spec, periods, period_d)
    base, by_count, by_size = _noise(spec, period_d)
    mean = base * first
    swing = second * base**2 - mean**2
    return mean, max(by_count * first + by_size * second + swing, 0.0)


def _factor_moments(spec: Demand, periods: int, period_d: float) -> tuple[float, float]:
    """E F and E F^2 of the calendar factor, its parts taken as independent."""
    cycles = (spec.hourly, spec.weekly, spec.yearly)
    parts = [np.array(cycle or (1.0,)) for cycle in cycles]
    if spec.trend or spec.events:
        parts.append(course(spec, periods, period_d))
    first, second = 1.0, 1.0
    for part in parts:
        first *= float(part.mean())
        second *= float((part**2).mean())
    return first, second


def _noise(spec: Demand, period_d: float) -> tuple[float, float, float]:
    """Mean m of a period with F = 1, and a, b of Var(X | F) = a F + b F^2.

    Models whose counts grow with F have a, models that are multiplied by F have b.
    """
    if isinstance(spec, TraceDemand):
        mean = float(np.mean(spec.values))
        return mean, mean if spec.use == "mean" else 0.0, float(np.var(spec.values))
    mean = spec.mean * period_d
    match spec:
        case PoissonDemand():
            return mean, mean, 0.0
        case NegativeBinomialDemand():
            return mean, mean, mean**2 / spec.size
        case NormalDemand():
            mean, variance = _normal_above_zero(mean, spec.sd * period_d**0.5)
            return mean, 0.0, variance
        case GammaDemand():
            return mean, 0.0, (spec.cv * spec.mean) ** 2 * period_d
        case UniformDemand():
            return mean, 0.0, ((spec.high - spec.low) * period_d) ** 2 / 12
        case CompoundPoissonDemand():
            return mean, mean * _square_over_mean(spec), 0.0
        case _:
            return mean, 0.0, 0.0


def _square_over_mean(spec: CompoundPoissonDemand) -> float:
    """E S^2 / E S of the size of one customer's order, geometric or gamma."""
    if spec.size_cv is None:
        return 2 * spec.size - 1
    return spec.size * (1 + spec.size_cv**2)


def _normal_above_zero(mean: float, sd: float) -> tuple[float, float]:
    """Mean and variance of max(X, 0) for normal X."""
    if sd == 0:
        return mean, 0.0
    standard = NormalDist()
    above, density = standard.cdf(mean / sd), standard.pdf(mean / sd)
    first = mean * above + sd * density
    second = (mean**2 + sd**2) * above + mean * sd * density
    return first, max(second - first**2, 0.0)
