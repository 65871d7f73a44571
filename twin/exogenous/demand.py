"""Draws customers' demand: one row of periods per (node, product).

To add a model: a pydantic class in ``twin.scenario.quantities``, a case in ``draw_demand``, one in
``twin.exogenous.wide`` and one in ``twin.exogenous.moments``.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from twin.exogenous.calendar import shared_calendar
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

Floats = NDArray[np.float64]
MOST_RUNS = 8
"""Runs of equal counts up to which one draw for each is cheaper than one for all."""


def draw_demand(
    spec: Demand, periods: int, period_d: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Units demanded in each period: (period,)."""
    factor = shared_calendar(spec, periods, period_d)
    match spec:
        case PoissonDemand():
            return rng.poisson(spec.mean * period_d * factor, periods).astype(np.float64)
        case ConstantDemand():
            return np.full(periods, spec.mean * period_d) * factor
        case NormalDemand():
            draws = rng.normal(spec.mean * period_d, spec.sd * period_d**0.5, periods)
            return np.maximum(draws * factor, 0.0)
        case NegativeBinomialDemand():
            mean = spec.mean * period_d * factor
            return rng.poisson(mean * rng.gamma(spec.size, 1 / spec.size, periods)).astype(float)
        case GammaDemand():
            return rng.gamma(period_d / spec.cv**2, spec.mean * spec.cv**2, periods) * factor
        case UniformDemand():
            return rng.uniform(spec.low, spec.high, periods) * period_d * factor
        case CompoundPoissonDemand():
            customers = rng.poisson(spec.rate * period_d * factor, periods)
            return units_wanted(spec, customers, rng)
        case TraceDemand():
            rows = np.resize(np.array(spec.values, dtype=np.float64), periods) * factor
            return rng.poisson(rows).astype(np.float64) if spec.use == "mean" else rows


def units_wanted(
    spec: CompoundPoissonDemand, customers: NDArray[np.int64], rng: np.random.Generator
) -> Floats:
    """What so many customers want together, drawn as one number: (period,).

    n geometric sizes on 1, 2, ... sum to n plus a negative binomial; n gamma sizes sum to a gamma.
    """
    if spec.size_cv is None:
        more = _negative_binomial(np.maximum(customers, 1), 1 / spec.size, rng)
        return np.where(customers > 0, customers + more, 0).astype(np.float64)
    if spec.size_cv == 0:
        return customers.astype(np.float64) * spec.size
    shape = 1 / spec.size_cv**2
    units: Floats = rng.gamma(customers * shape, spec.size / shape)
    return units


def _negative_binomial(
    count: NDArray[np.int64], p: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """What ``rng.negative_binomial(count, p)`` draws, by runs of equal counts where they are few.

    For a row of a year numpy checks an array of counts for ten times as long as it draws.
    """
    cuts = np.flatnonzero(count[1:] != count[:-1]) + 1
    if len(cuts) >= MOST_RUNS:
        return rng.negative_binomial(count.astype(np.float64), p)
    runs = pairwise([0, *cuts.tolist(), len(count)])
    return np.concatenate([rng.negative_binomial(int(count[a]), p, b - a) for a, b in runs])
