"""Hypothesis strategies shared by the law tests: small worlds, sample paths, decisions.

Structure and features are drawn by Hypothesis, so that it can shrink them; plain numbers come from
a generator seeded by Hypothesis, which keeps the examples cheap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from twin.engine.decision import Decision
from twin.exogenous.path import SamplePath, draw_path
from twin.network.world import World, compile_world
from twin.scenario.model import ScenarioModel

Floats = NDArray[np.float64]
PERIODS_D = (1.0, 0.5, 7.0)


@dataclass(frozen=True)
class Decisions:
    """What is decided in every period, the same in both engines."""

    orders: Floats  # (period, lane, product, B)
    vehicles: Floats  # (period, lane, B)
    min_load: Floats  # (period, lane, B)

    def of(self, t: int, replication: int) -> Decision:
        """The decision of one period of one replication."""
        return Decision(
            self.orders[t, ..., replication],
            self.vehicles[t, :, replication],
            self.min_load[t, :, replication],
        )


def rarely(strategy: st.SearchStrategy[Any], otherwise: Any = None) -> st.SearchStrategy[Any]:
    """A feature that most examples do without."""
    return st.one_of(st.just(otherwise), st.just(otherwise), strategy)


def amounts(high: int) -> st.SearchStrategy[float]:
    """Numbers that need few digits."""
    return st.integers(0, 4 * high).map(lambda quarters: quarters / 4)


def times(period: float, low: float = 0.0) -> st.SearchStrategy[Any]:
    """A duration of up to three periods or so, mostly constant and often a whole number of them."""
    span = st.sampled_from([max(p, low) * period for p in (0.0, 1.0, 2.0, 3.0, 0.4, 1.5)])
    uniform = {"model": "uniform", "low": max(0.3, low) * period, "high": 3.2 * period}
    gamma = {"model": "gamma", "mean": 1.5 * period, "cv": 0.6}
    lognormal = {"model": "lognormal", "median": period, "p95": 2.5 * period}
    peaked = {
        "model": "triangular",
        "low": max(0.3, low) * period,
        "mode": period,
        "high": 7 * period,
    }
    seen = {"model": "empirical", "values": [max(p, low) * period for p in (0, 1, 2.5)]}
    return st.one_of(span, span, st.sampled_from([uniform, gamma, lognormal, peaked, seen]))


@st.composite
def networks(draw: st.DrawFn) -> tuple[list[str], dict[str, list[str]]]:
    """Node names from upstream to downstream, and the sources of each."""
    nodes = [f"source{i}" for i in range(draw(st.integers(1, 2)))]
    feeds: dict[str, list[str]] = {}
    for i in range(draw(st.integers(1, 4))):
        chosen = draw(st.sets(st.sampled_from(nodes), min_size=1, max_size=2))
        feeds[f"node{i}"] = sorted(chosen)
        nodes.append(f"node{i}")
    return nodes, feeds


@st.composite
def node_specs(draw: st.DrawFn, name: str, products: list[str], integral: bool) -> dict[str, Any]:
    """One node; sources are suppliers or factories, the others anything that holds stock."""
    source = name.startswith("source")
    kind = draw(st.sampled_from(["supplier", "factory"] if source else ["warehouse", "factory"]))
    spec: dict[str, Any] = {"kind": kind, "unmet": draw(st.sampled_from(["backlog", "lost"]))}
    spec |= {"holding": draw(amounts(3)), "penalty": draw(amounts(9)), "price": draw(amounts(20))}
    spec["stock"] = {p: draw(st.integers(0, 60)) for p in products}
    production = {"cost": draw(amounts(3)), "capacity": draw(rarely(st.integers(5, 60)))}
    production["output"] = draw(rarely(st.sampled_from([0.5, 0.8]), 1.0))
    if kind in ("supplier", "factory"):
        spec["production"] = draw(rarely(st.just(production)))
    if not source:
        spec["capacity"] = draw(rarely(st.integers(40, 120)))
    spec["unfilled"] = draw(rarely(st.sampled_from(["backlog", "lost"])))
    if not source and draw(st.booleans()):
        spec["demand"] = dict.fromkeys(products, draw(demand_specs(integral)))
    return spec


@st.composite
def demand_specs(draw: st.DrawFn, integral: bool) -> dict[str, Any]:
    """Any model of demand but a trace, sometimes with a promotion."""
    mean = draw(st.integers(1, 20) if integral else amounts(20))
    models: list[dict[str, Any]] = [
        {"model": "poisson", "mean": mean},
        {"model": "constant", "mean": mean},
        {"model": "normal", "mean": mean, "sd": mean / 3},
        {"model": "gamma", "mean": mean, "cv": 0.5},
        {"model": "uniform", "low": 0, "high": 2 * mean},
        {"model": "compound_poisson", "rate": mean / 4, "size": 4},
    ]
    promotion = {"trend": 0.5, "events": [{"start": 2, "end": 4, "factor": 3}]}
    return draw(st.sampled_from(models)) | draw(rarely(st.just(promotion), {}))


@st.composite
def lane_specs(draw: st.DrawFn, period: float) -> dict[str, Any]:
    """One lane without its fleet."""
    spec: dict[str, Any] = {"lead_time": draw(times(period))}
    spec["order_lead_time"] = draw(rarely(st.sampled_from([1, 2]), 0)) * period
    spec["capacity"] = draw(rarely(st.integers(5, 60)))
    spec |= {"price": draw(amounts(3)), "freight": draw(amounts(3))}
    return spec | {"order_cost": draw(amounts(9)), "holding": draw(rarely(amounts(2)))}


@st.composite
def scenario_models(draw: st.DrawFn, periods: int = 10) -> ScenarioModel:
    """A small scenario with any mixture of what the schema allows."""
    products = [f"p{k}" for k in range(draw(st.sampled_from([1, 1, 2, 3])))]
    period, integral = draw(st.sampled_from(PERIODS_D)), draw(st.booleans())
    nodes, feeds = draw(networks())
    lanes = {
        f"{s} -> {d}": draw(lane_specs(period)) for d, sources in feeds.items() for s in sources
    }
    fleets: dict[str, Any] = {}
    for depot in draw(rarely(st.lists(st.sampled_from(nodes), max_size=2, unique=True), [])):
        fleets[f"fleet of {depot}"] = {
            "depot": depot,
            "vehicles": draw(st.integers(1, 4)),
            "capacity": draw(st.integers(4, 30)),
            "round_trip": draw(times(period)),
            "cost_per_trip": draw(amounts(9)),
        }
    for key, lane in lanes.items():
        fleet = f"fleet of {key.partition(' -> ')[0]}"
        if fleet in fleets and draw(st.booleans()):
            lane["fleet"] = fleet
    return ScenarioModel.model_validate(
        {
            "name": "drawn",
            "horizon": periods * period,
            "period": period,
            "convention": draw(st.sampled_from(["standard", "orgym", "snyder"])),
            "integral": integral,
            "independent_links": draw(rarely(st.just(True), False)),
            "products": {p: {} for p in products},
            "nodes": {n: draw(node_specs(n, products, integral)) for n in nodes},
            "lanes": lanes,
            "fleets": fleets,
        }
    )


def worlds(periods: int = 10) -> st.SearchStrategy[World]:
    """Compiled small scenarios."""
    return scenario_models(periods).map(compile_world)


def seeds() -> st.SearchStrategy[int]:
    """Seeds of sample paths and of generated numbers."""
    return st.integers(0, 2**16)


@st.composite
def sample_paths(draw: st.DrawFn, world: World) -> SamplePath:
    """A drawn path, sometimes under the hand of a world fault: closed lanes, changed lead times."""
    path = draw_path(world, draw(seeds()))
    rng = np.random.default_rng(draw(seeds()))
    if draw(rarely(st.just(True), False)):
        shut = rng.choice([0.0, 0.5, 1.0], size=path.lane_open.shape, p=[0.2, 0.2, 0.6])
        path = replace(path, lane_open=shut)
    if draw(rarely(st.just(True), False)):
        slower = rng.choice([1.0, 2.0], size=path.lead_time.shape)
        path = replace(
            path, lead_time=path.lead_time * slower + rng.integers(0, 2) * world.period_d
        )
    return path


@st.composite
def decisions(draw: st.DrawFn, world: World, replications: int) -> Decisions:
    """Random decisions for every period: orders around the mean flow and often none at all."""
    _, lanes, products, _ = world.shape
    shape = (world.periods, lanes, products, replications)
    rng = np.random.default_rng(draw(seeds()))
    mean = np.maximum(world.throughput[world.destination] * world.share, 3.0)
    orders = rng.uniform(0, 3, shape) * mean[..., None] * (rng.random(shape) < 0.7)
    booked = rng.integers(0, 5, shape[:2] + shape[3:]).astype(float)
    loads = rng.choice([0.0, 0.5, 1.0], size=booked.shape)
    return Decisions(orders, booked, loads)
