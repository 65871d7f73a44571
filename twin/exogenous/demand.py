"""Draws customers' demand: one row of periods per (node, product).

To add a model: a pydantic class in ``twin.scenario.quantities`` and a case in ``draw_demand``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.scenario.quantities import (
    ConstantDemand,
    Demand,
    NegativeBinomialDemand,
    NormalDemand,
    PoissonDemand,
    TraceDemand,
)

MONTH_D = 365 / 12


def calendar(spec: Demand, periods: int, period_d: float) -> NDArray[np.float64]:
    """Factor of each period from the weekly and yearly patterns: (period,).

    A period takes the factor of the day on which it starts.
    """
    day = np.floor(np.arange(periods) * period_d + 1e-9)
    factor = np.ones(periods)
    if spec.weekly is not None:
        factor *= np.array(spec.weekly)[(day % 7).astype(int)]
    if spec.yearly is not None:
        factor *= np.array(spec.yearly)[((day % 365) / MONTH_D).astype(int)]
    return factor


def draw_demand(
    spec: Demand, periods: int, period_d: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Units demanded in each period: (period,)."""
    factor = calendar(spec, periods, period_d)
    match spec:
        case ConstantDemand():
            return spec.mean * period_d * factor
        case PoissonDemand():
            return rng.poisson(spec.mean * period_d * factor).astype(np.float64)
        case NormalDemand():
            draws = rng.normal(spec.mean * period_d, spec.sd * period_d**0.5, periods)
            return np.maximum(draws * factor, 0.0)
        case NegativeBinomialDemand():
            mean = spec.mean * period_d * factor
            return rng.poisson(mean * rng.gamma(spec.size, 1 / spec.size, periods)).astype(float)
        case TraceDemand():
            rows = np.resize(np.array(spec.values, dtype=np.float64), periods) * factor
            return rng.poisson(rows).astype(np.float64) if spec.use == "mean" else rows
