"""Demand that moves together: a Gaussian copula over the stores of a group.

Each store's demand keeps its own distribution. Behind the demand of a product at store i in period
t stands a normal variate z = sqrt(rho) c_t + sqrt(1 - rho) e_it, with a factor c that all stores of
the group share; demand is the quantile of Phi(z) (Nelsen 2006, An Introduction to Copulas). The
factor's stream is named after the group's first store, so a store that joins changes nobody else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.exogenous.calendar import shared_calendar
from twin.exogenous.demand import units_wanted
from twin.exogenous.streams import Streams
from twin.network.world import World
from twin.scenario.model import Correlation
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

Floats = NDArray[np.float64]


def group_of(world: World) -> dict[int, Correlation]:
    """The group of every node that stands in one."""
    return {
        world.nodes.index(name): group for group in world.model.correlation for name in group.nodes
    }


def normal_variates(
    group: Correlation, product: str, node: str, periods: int, streams: Streams
) -> Floats:
    """The variates z of one store and product: (period,)."""
    common = streams.named(f"correlation/{group.nodes[0]}/{product}").standard_normal(periods)
    own = streams.named(f"demand/{node}/{product}").standard_normal(periods)
    z: Floats = np.sqrt(group.rho) * common + np.sqrt(1.0 - group.rho) * own
    return z


def demand_of(
    spec: Demand, z: Floats, period_d: float, sizes: np.random.Generator
) -> Floats | None:
    """Units demanded at the variates z: (period,); None where nothing is random.

    Of intermittent demand, the number of customers follows z; ``sizes`` draws what they want.
    """
    from scipy.special import gammaincinv, ndtr

    factor = shared_calendar(spec, len(z), period_d)
    u = np.clip(ndtr(z), 1e-15, 1.0 - 1e-15)
    match spec:
        case PoissonDemand():
            return poisson_quantile(u, spec.mean * period_d * factor)
        case NormalDemand():
            drawn: Floats = spec.mean * period_d + spec.sd * period_d**0.5 * z
            return np.maximum(drawn * factor, 0.0)
        case NegativeBinomialDemand():
            return negative_binomial_quantile(u, spec.mean * period_d * factor, spec.size)
        case GammaDemand():
            scale = spec.mean * spec.cv**2
            gamma: Floats = gammaincinv(period_d / spec.cv**2, u) * scale * factor
            return gamma
        case UniformDemand():
            rate: Floats = spec.low + (spec.high - spec.low) * u
            return rate * period_d * factor
        case CompoundPoissonDemand():
            customers = poisson_quantile(u, spec.rate * period_d * factor)
            return units_wanted(spec, customers.astype(np.int64), sizes)
        case TraceDemand() if spec.use == "mean":
            rows = np.resize(np.array(spec.values, dtype=np.float64), len(z)) * factor
            return poisson_quantile(u, rows)
        case _:
            return None


def poisson_quantile(u: Floats, mean: Floats | float) -> Floats:
    """Smallest count k with P(N <= k) >= u, N Poisson.

    >>> poisson_quantile(np.array([0.1, 0.5, 0.99]), 4.0)
    array([2., 4., 9.])
    """
    from scipy.special import pdtr, pdtrik

    mean = np.broadcast_to(np.asarray(mean, dtype=np.float64), u.shape)
    high = np.ceil(np.where(mean > 0, pdtrik(u, np.maximum(mean, 1e-300)), 0.0))
    low = np.maximum(high - 1.0, 0.0)
    count: Floats = np.where(pdtr(low, mean) >= u, low, high)
    return np.where(mean > 0, count, 0.0)


def negative_binomial_quantile(u: Floats, mean: Floats | float, size: float) -> Floats:
    """Smallest count k with P(N <= k) >= u, N negative binomial of mean and dispersion."""
    from scipy.special import betainc, nbdtrik

    mean = np.broadcast_to(np.asarray(mean, dtype=np.float64), u.shape)
    p = size / (size + mean)
    high = np.ceil(np.where(mean > 0, nbdtrik(u, size, np.minimum(p, 1.0 - 1e-15)), 0.0))
    low = np.maximum(high - 1.0, 0.0)
    count: Floats = np.where(betainc(size, low + 1.0, p) >= u, low, high)
    return np.where(mean > 0, count, 0.0)
