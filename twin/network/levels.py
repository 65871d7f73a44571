"""What the static policy aims at by default: mean flows and order-up-to levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from twin.exogenous.moments import demand_moments, mean_time
from twin.exogenous.shares import mean_share
from twin.network.graph import throughput
from twin.network.prices import Prices, table
from twin.network.recipes import Recipes
from twin.network.routes import Routes
from twin.scenario.model import ScenarioModel
from twin.scenario.quantities import Demand, Pattern
from twin.scenario.transport import Lane

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
DEFAULT_SERVICE = 0.95
"""Cycle service level aimed at by the default order-up-to level where no penalty is given."""
LEAST_GOOD = 0.01
"""Smallest share of good arrivals that flows are planned with."""


def demand_specs(model: ScenarioModel) -> list[tuple[int, int, Demand]]:
    """Every (node, product, model) with customers' demand."""
    products = {name: k for k, name in enumerate(model.products)}
    specs: list[tuple[int, int, Demand]] = []
    for i, node in enumerate(model.nodes.values()):
        if isinstance(node.demand, Pattern):
            specs.append((i, 0, node.demand))
        elif node.demand is not None:
            specs.extend((i, products[name], spec) for name, spec in node.demand.items())
    return specs


def customers_moments(model: ScenarioModel) -> tuple[Floats, Floats]:
    """Mean and variance of customers' demand per period: (node, product)."""
    periods = round(model.horizon / model.period)
    shape = (len(model.nodes), len(model.products))
    mean, variance = np.zeros(shape), np.zeros(shape)
    for i, k, spec in demand_specs(model):
        mean[i, k], variance[i, k] = demand_moments(spec, periods, model.period)
    return mean, variance


def flows(
    routes: Routes, recipes: Recipes, share: Floats, depth: Ints, mean: Floats, variance: Floats
) -> tuple[Floats, Floats]:
    """Mean and variance of what flows through each node per period: (node, product)."""
    claim = claim_of(routes.lanes, recipes, share)

    def claim_squared(lane: int, flow: Floats) -> Floats:
        return np.square(claim(lane, np.sqrt(flow)))

    where = (routes.destination, depth, routes.produces, routes.source)
    return throughput(mean, *where, claim), throughput(variance, *where, claim_squared)


def claim_of(
    lanes: Sequence[Lane], recipes: Recipes, share: Floats
) -> Callable[[int, Floats], Floats]:
    """What a flow (..., product) into a lane's destination claims of the source's stock."""
    good = np.array([max(1.0 - mean_share(lane.loss), LEAST_GOOD) for lane in lanes])
    return lambda lane, flow: recipes.claim(lane, share[lane] * flow / good[lane])


def order_up_to_levels(
    model: ScenarioModel, routes: Routes, flow: Floats, variance: Floats, prices: Prices
) -> Floats:
    """Order-up-to levels: mean over the protection interval plus critical-ratio safety stock.

    S = mu (L + 1) + z sqrt(sigma^2 (L + 1)), Snyder & Shen, Fundamentals of Supply Chain Theory.
    A product that no lane brings, and a cross-dock, aim at nothing.
    """
    levels = np.zeros_like(flow)
    lead = np.array([mean_time(x.lead_time) + x.order_lead_time for x in routes.lanes])
    for i, node in enumerate(model.nodes.values()):
        inbound = np.flatnonzero(routes.destination == i)
        if not len(inbound) or node.kind == "crossdock":
            continue
        carried = routes.carries[inbound]
        longest = np.where(carried, lead[inbound][:, None], 0.0).max(axis=0) / model.period + 1
        z = _safety_factor(prices.holding[i], prices.penalty[i])
        level = flow[i] * longest + z * np.sqrt(variance[i] * longest)
        if node.order_up_to is not None:
            level = table([node.order_up_to], model.products)[0]
        levels[i] = np.where(carried.any(axis=0), level, 0.0)
    return levels


def _safety_factor(holding: Floats, penalty: Floats) -> Floats:
    ratio = np.where(penalty > 0, penalty / np.maximum(penalty + holding, 1e-12), DEFAULT_SERVICE)
    inverse: Callable[[float], float] = NormalDist().inv_cdf
    return np.array([inverse(min(max(r, 0.5), 0.999)) for r in ratio])
