"""Hypothesis strategies for networks that use everything a scenario can say.

``tests.strategies`` draws plain networks; here every node, lane, product and fleet may also carry
any of the features that came later. What only the event engine knows is drawn on demand.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from tests.strategies import (
    PERIODS_D,
    Decisions,
    amounts,
    decisions,
    lane_specs,
    networks,
    node_specs,
    rarely,
    times,
)
from twin.network.phases import PHASES, complaint
from twin.network.world import World, compile_world
from twin.scenario.model import ScenarioModel

NAMED = ("standard", "orgym", "snyder", "mabim", "beer_game")
Spec = dict[str, Any]


def conventions() -> st.SearchStrategy[Any]:
    """A named convention, or a list of phases that makes sense."""
    lists = st.permutations(PHASES[:-1]).map(lambda phases: [*phases, "account"])
    return st.one_of(st.sampled_from(NAMED), lists.filter(lambda phases: complaint(phases) is None))


def capacities(high: int) -> st.SearchStrategy[Any]:
    """Room in units, weight or volume, or in several of them."""
    units, weight = st.integers(high // 4, high), st.integers(high // 2, 3 * high)
    return st.one_of(
        units,
        st.fixed_dictionaries({"weight": weight.map(float)}),
        st.fixed_dictionaries({"units": units.map(float), "volume": weight.map(float)}),
    )


def shares() -> st.SearchStrategy[Any]:
    """A random share of what is lost or scrapped."""
    models: list[Spec] = [
        {"model": "uniform", "low": 0.0, "high": 0.4},
        {"model": "triangular", "low": 0.0, "mode": 0.1, "high": 0.5},
        {"model": "beta", "mean": 0.1},
        {"model": "empirical", "values": [0.0, 0.25, 1.0], "weights": [6, 3, 1]},
    ]
    return st.one_of(st.sampled_from([0.25, 0.1, 1.0]), st.sampled_from(models))


@st.composite
def openings(draw: st.DrawFn, period: float, periods: int) -> Spec:
    """Weekdays, hours and a holiday; always open somewhere."""
    spec: Spec = {}
    if draw(st.booleans()):
        days = draw(st.sets(st.sampled_from(["mon", "tue", "wed", "thu", "fri"]), min_size=1))
        spec["days"] = sorted(days)
    if draw(st.booleans()):
        spec["opens"], spec["closes"] = draw(st.sampled_from([(0.0, 0.5), (0.25, 1.0), (0.0, 0.1)]))
    if draw(st.booleans()):
        start = draw(st.integers(0, periods - 1))
        spec["closed"] = [{"start": start * period, "end": (start + 2) * period}]
    return spec


@st.composite
def bills(draw: st.DrawFn, products: list[str], to_stock: bool) -> Spec:
    """A bill of materials without loops where things are made to stock."""
    made = draw(st.lists(st.sampled_from(products), min_size=1, unique=True))
    parts = [p for p in products if p not in made] if to_stock else products
    if not parts:
        return {made[0]: {}} if to_stock else {}
    amount = st.sampled_from([0.5, 1.0, 2.0])
    return {p: draw(st.dictionaries(st.sampled_from(parts), amount, max_size=2)) for p in made}


@st.composite
def productions(draw: st.DrawFn, products: list[str], period: float) -> Spec:
    """Making to order or to stock."""
    mode = draw(st.sampled_from(["to_order", "to_stock"]))
    spec: Spec = {"mode": mode, "cost": draw(amounts(3)), "output": draw(rarely(st.just(0.8), 1.0))}
    spec["capacity"] = draw(rarely(st.integers(5, 60)))
    spec["bom"] = draw(bills(products, mode == "to_stock"))
    if mode == "to_stock":
        spec["scrap"] = draw(rarely(shares(), 0.0))
        spec["lead_time"] = draw(st.sampled_from([0.0, 1.0, 1.5])) * period
        spec |= {"setup_cost": draw(amounts(9)), "setup_units": draw(rarely(amounts(3), 0.0))}
    return spec


@st.composite
def rich_nodes(draw: st.DrawFn, name: str, model: Spec, relays: bool) -> Spec:
    """One node with any of the features; ``relays`` where lanes leave it."""
    products, period, periods = list(model["products"]), model["period"], model["periods"]
    spec = draw(node_specs(name, products, model["integral"]))
    if spec["kind"] == "factory":
        spec["production"] = draw(
            st.one_of(st.just(spec["production"]), productions(products, period))
        )
    elif relays and spec["kind"] == "warehouse" and draw(rarely(st.just(True), False)):
        spec |= {"kind": "crossdock", "demand": None}
    if not name.startswith("source"):
        spec["capacity"] = draw(rarely(capacities(120)))
    spec["overflow"] = draw(st.sampled_from(["wait", "destroy"]))
    spec |= {"disposal": draw(amounts(2)), "terminal": draw(rarely(amounts(9), 0.0))}
    spec["allocation"] = draw(rarely(st.sampled_from(model["allocations"]), "proportional"))
    spec["sourcing"] = draw(rarely(st.just("preference"), "share"))
    spec["open"] = draw(rarely(openings(period, periods)))
    spec["region"] = draw(st.sampled_from(["north", None]))
    return spec


@st.composite
def rich_lanes(draw: st.DrawFn, model: Spec) -> Spec:
    """One lane with any of the features, without its fleet."""
    products, period = list(model["products"]), model["period"]
    spec = draw(lane_specs(period))
    spec["capacity"] = draw(rarely(capacities(60)))
    spec["crossover"] = draw(st.booleans())
    carried = st.lists(st.sampled_from(products), min_size=1, unique=True)
    spec["products"] = draw(rarely(carried, []))
    spec["order_capacity"] = draw(rarely(st.integers(5, 60)))
    spec["minimum_order"] = draw(rarely(st.integers(1, 30)))
    spec["batch"] = draw(rarely(st.integers(1, 12)))
    spec["line_cost"] = draw(rarely(amounts(3), 0.0))
    spec["loss"] = draw(rarely(shares(), 0.0))
    spec |= {"preference": draw(st.integers(0, 2)), "priority": draw(st.integers(0, 2))}
    spec["open"] = draw(rarely(openings(period, model["periods"])))
    pipes = st.lists(st.integers(0, 20), max_size=3)
    spec["in_transit"] = draw(rarely(pipes, []))
    spec["orders_under_way"] = draw(rarely(pipes, []))
    return spec | {"distance": 100.0}


@st.composite
def rich_fleets(draw: st.DrawFn, depot: str, period: float) -> Spec:
    """One fleet with any of the features."""
    spec: Spec = {"depot": depot, "vehicles": draw(st.integers(1, 4))}
    spec |= {"capacity": draw(capacities(40)), "round_trip": draw(times(period))}
    spec |= {"loading": draw(rarely(st.sampled_from([0.25, 1.0]), 0.0)) * period}
    spec |= {"load": draw(st.sampled_from(["any", "full"])), "cost_per_km": draw(amounts(1))}
    breakdown = {"probability": 0.4, "repair": 1.5 * period}
    return spec | {"cost_per_trip": draw(amounts(9)), "breakdown": draw(rarely(st.just(breakdown)))}


@st.composite
def disruptions(draw: st.DrawFn, model: Spec, lanes: list[str], fleets: list[str]) -> Spec:
    """One disruption, scheduled, by chance, or both."""
    period, periods = model["period"], model["periods"]
    targets: Spec = {"nodes": draw(st.lists(st.sampled_from(model["names"]), max_size=2))}
    if lanes:
        targets["lanes"] = draw(st.lists(st.sampled_from(lanes), max_size=2))
    if fleets:
        targets["fleets"] = fleets[:1]
    if not any(targets.values()):
        targets["regions"] = ["north"]
    start = draw(st.integers(0, periods - 1))
    spec: Spec = {"targets": targets}
    chance = draw(st.booleans())
    if chance:
        spec |= {"mtbf": {"model": "gamma", "mean": 3 * period, "cv": 1.0}, "mttr": 1.5 * period}
    if not chance or draw(st.booleans()):
        spec["windows"] = [{"start": start * period, "end": (start + 2) * period}]
    spec["together"] = draw(st.booleans())
    spec["spread"] = draw(st.sampled_from([1.0, 0.5]))
    spec["remaining"] = draw(st.sampled_from([0.0, 0.5]))
    return spec | {"price_factor": draw(st.sampled_from([1.0, 1.5]))}


@st.composite
def products_of(draw: st.DrawFn, period: float) -> dict[str, Spec]:
    """Products with weight and volume; sometimes they spoil or stand in for each other."""
    names = [f"p{k}" for k in range(draw(st.sampled_from([1, 2, 2, 3])))]
    specs: dict[str, Spec] = {}
    for name in names:
        specs[name] = {"weight": draw(st.sampled_from([1.0, 2.5])), "volume": draw(amounts(2))}
        life = draw(rarely(st.integers(1, 5)))
        specs[name]["shelf_life"] = None if life is None else life * period
        others = [other for other in names if other != name]
        if others and draw(rarely(st.just(True), False)):
            specs[name]["substitutes"] = {others[0]: 0.5}
    return specs


@st.composite
def rich_models(draw: st.DrawFn, periods: int = 10, event_only: bool = False) -> ScenarioModel:
    """A small scenario with any mixture of everything; ``event_only`` adds first-come queues."""
    period = draw(st.sampled_from(PERIODS_D))
    products = draw(products_of(period))
    names, feeds = draw(networks())
    model: Spec = {"products": products, "period": period, "periods": periods, "names": names}
    model["integral"] = draw(rarely(st.just(True), False))
    model["allocations"] = ["priority", "fifo"] if event_only else ["priority"]
    relays = {source for sources in feeds.values() for source in sources}
    nodes = {name: draw(rich_nodes(name, model, name in relays)) for name in names}
    lanes = {f"{s} -> {d}": draw(rich_lanes(model)) for d, ss in feeds.items() for s in ss}
    fleets: dict[str, Spec] = {}
    for depot in draw(rarely(st.lists(st.sampled_from(names), max_size=2, unique=True), [])):
        fleets[f"fleet of {depot}"] = draw(rich_fleets(depot, period))
    for key, lane in lanes.items():
        fleet = f"fleet of {key.partition(' -> ')[0]}"
        if fleet in fleets and draw(st.booleans()):
            lane["fleet"] = fleet
            lane["common_carrier"] = draw(rarely(amounts(5)))
    # The ages of stock that is owed would mean nothing.
    keeps = all(product["shelf_life"] is None for product in products.values())
    trouble = st.lists(disruptions(model, list(lanes), list(fleets)), max_size=2)
    return ScenarioModel.model_validate(
        {
            "name": "drawn",
            "horizon": periods * period,
            "period": period,
            "convention": draw(conventions()),
            "integral": model["integral"],
            "independent_links": keeps and draw(rarely(st.just(True), False)),
            "products": products,
            "nodes": nodes,
            "lanes": lanes,
            "fleets": fleets,
            "disruptions": {f"trouble{i}": d for i, d in enumerate(draw(rarely(trouble, [])))},
        }
    )


def rich_worlds(periods: int = 10, event_only: bool = False) -> st.SearchStrategy[World]:
    """Compiled scenarios with any mixture of everything."""
    return rich_models(periods, event_only).map(compile_world)


@st.composite
def rich_decisions(draw: st.DrawFn, world: World, replications: int) -> Decisions:
    """Random decisions, production orders included."""
    chosen = draw(decisions(world, replications))
    return replace(chosen, orders=chosen.orders * draw(st.sampled_from([1.0, 0.25])))
