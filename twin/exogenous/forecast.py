"""Forecasts of demand, as agents see them at each decision epoch.

Demand is exogenous, so all forecasts of a run are known with its sample path. A node's forecast is
that of its customers and of all customers it supplies, along the shares of the lanes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.exogenous.streams import stream
from twin.network.graph import throughput
from twin.network.levels import claim_of
from twin.network.world import World
from twin.scenario.forecast import (
    ExponentialSmoothingForecast,
    MovingAverageForecast,
    NaiveForecast,
    PerfectForecast,
)

Floats = NDArray[np.float64]


def forecasts(world: World, demand: Floats, seed: int) -> Floats | None:
    """Total demand of the coming periods as forecast at each epoch: (period, node, product).

    ``demand`` (period, node, product); None where the scenario asks for no forecasts. Before the
    start demand was at its long-run mean.
    """
    spec = world.model.forecasts
    if spec is None:
        return None
    if isinstance(spec, PerfectForecast):
        own = _coming(world, demand, spec.horizon) * _errors(world, spec.error, seed)
    else:
        own = spec.horizon * _level(_known(world, demand), spec)[-world.periods :]
    return _through_the_network(world, own)


def _known(world: World, demand: Floats) -> Floats:
    """Demand that is known at each epoch, the latest last, after a year at its mean."""
    history = np.broadcast_to(world.mean_demand, (365, *world.mean_demand.shape))
    late = 0 if world.convention.demand_known_when_ordering else 1
    return np.concatenate([history, demand])[: 365 + world.periods - late]


def _level(
    known: Floats, spec: NaiveForecast | MovingAverageForecast | ExponentialSmoothingForecast
) -> Floats:
    """Forecast of one period after each known one: (known period, node, product)."""
    match spec:
        case NaiveForecast():
            return known
        case MovingAverageForecast():
            total = np.cumsum(known, axis=0)
            total[spec.window :] -= total[: -spec.window].copy()
            counts = np.minimum(np.arange(len(known)) + 1, spec.window)
            mean: Floats = total / counts[:, None, None]
            return mean
        case ExponentialSmoothingForecast():
            level = np.empty_like(known)
            level[0] = known[0]
            for t in range(1, len(known)):
                level[t] = level[t - 1] + spec.alpha * (known[t] - level[t - 1])
            return level


def _coming(world: World, demand: Floats, horizon: int) -> Floats:
    """Demand from each epoch on that is not known yet; beyond the run it is at its mean."""
    first = 1 if world.convention.demand_known_when_ordering else 0
    beyond = np.broadcast_to(world.mean_demand, (horizon + 1, *world.mean_demand.shape))
    total = np.cumsum(np.concatenate([0 * demand[:1], demand, beyond]), axis=0)
    start = np.arange(world.periods) + first
    coming: Floats = total[start + horizon] - total[start]
    return coming


def _errors(world: World, sigma: float, seed: int) -> Floats:
    """Lognormal factors of mean 1, one stream per node and product: (period, node, product)."""
    factor = np.ones((world.periods, *world.mean_demand.shape))
    for i, k, _ in world.demand_specs if sigma else ():
        rng = stream(seed, f"forecast/{world.nodes[i]}/{world.products[k]}")
        factor[:, i, k] = rng.lognormal(-(sigma**2) / 2, sigma, world.periods)
    return factor


def _through_the_network(world: World, own: Floats) -> Floats:
    """Add what flows on to customers further down: (period, node, product)."""
    claim = claim_of(world.transport, world.recipes, world.share)
    by_node = np.moveaxis(own, 1, 0)
    where = (world.destination, world.depth, world.produces, world.source)
    total: Floats = np.moveaxis(throughput(by_node, *where, claim), 0, 1)
    return total
