"""Meaning checks: what a file can say in valid YAML and valid types that still makes no sense."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from itertools import islice
from math import exp, log, log1p

from twin.scenario import network_checks as network
from twin.scenario import supply_checks as supply
from twin.scenario import tool_checks as tools
from twin.scenario import world_checks as world
from twin.scenario.findings import Finding, Path, did_you_mean, either, shown
from twin.scenario.model import ScenarioModel
from twin.scenario.nodes import Node as Tree
from twin.scenario.quantities import (
    CompoundPoissonDemand,
    Demand,
    NegativeBinomialDemand,
    PoissonDemand,
    TraceDemand,
)
from twin.scenario.sites import Node
from twin.scenario.subject import MAX_PERIODS, Subject, whole_periods

MAX_FINDINGS = 100
"""Most findings of one check that are told."""
MORE = "and more like this from here on"
MAX_DEMAND = 1e15
"""Units per period: beyond it, counts are no longer exact in float64."""
COUNTED = (PoissonDemand, NegativeBinomialDemand, CompoundPoissonDemand, TraceDemand)
NODE_MAPS = ("stock", "holding", "price", "penalty", "disposal", "terminal", "order_up_to")
LANE_MAPS = ("price", "freight", "line_cost", "holding")
LANE_PIPES = ("in_transit", "orders_under_way")


def horizon(subject: Subject) -> Iterator[Finding]:
    """The horizon is a whole number of periods, at most MAX_PERIODS."""
    model = subject.model
    count = whole_periods(model.horizon, model.period)
    if model.horizon / model.period > MAX_PERIODS:
        message = f"got {model.horizon / model.period:,.6g} periods, expected at most"
        yield Finding(("horizon",), f"{message} {MAX_PERIODS:,}")
    elif not count:
        message = f"got {model.horizon:g} d, expected a whole number of periods"
        yield Finding(("horizon",), f"{message} of {model.period:g} d")


def order_lead_times(subject: Subject) -> Iterator[Finding]:
    """Orders travel a whole number of periods."""
    period = subject.model.period
    for key, lane in subject.model.lanes.items():
        if whole_periods(lane.order_lead_time, period) is None:
            message = f"got {lane.order_lead_time:g} d, expected a whole number of periods"
            yield Finding(("lanes", key, "order_lead_time"), f"{message} of {period:g} d")


def product_names(subject: Subject) -> Iterator[Finding]:
    """Maps by product name known products only."""
    for path, names in _product_maps(subject):
        for name in names:
            if name not in subject.products:
                hint = did_you_mean(name, subject.products)
                message = f"unknown product {shown(name)}"
                yield Finding((*path, name), message, hint, at_key=True)


def _product_maps(subject: Subject) -> Iterator[tuple[Path, Collection[str]]]:
    for name, node in subject.model.nodes.items():
        for field in (*NODE_MAPS, "demand"):
            if isinstance(value := getattr(node, field), dict):
                yield ("nodes", name, field), value
        if node.production is not None and isinstance(node.production.cost, dict):
            yield ("nodes", name, "production", "cost"), node.production.cost
    for key, lane in subject.model.lanes.items():
        for field in LANE_MAPS:
            if isinstance(value := getattr(lane, field), dict):
                yield ("lanes", key, field), value
        for field in LANE_PIPES:
            for epoch, units in enumerate(getattr(lane, field)):
                if isinstance(units, dict):
                    yield ("lanes", key, field, epoch), units


def demand_by_product(subject: Subject) -> Iterator[Finding]:
    """With several products, demand says which one it is for."""
    if len(subject.products) < 2:
        return
    for name, node in subject.model.nodes.items():
        if node.demand is not None and not isinstance(node.demand, dict):
            products = either([shown(product) for product in subject.products], "and")
            message = f"one demand model for the products {products}"
            hint = "write a map from product to demand model"
            yield Finding(("nodes", name, "demand"), message, hint, at_key=True)


def demand_sizes(subject: Subject) -> Iterator[Finding]:
    """Where demand is counted, a period's mean stays below MAX_DEMAND whatever the calendar."""
    for name, node in subject.model.nodes.items():
        by_product = isinstance(node.demand, dict)
        specs = node.demand if isinstance(node.demand, dict) else {"": node.demand}
        for product, spec in specs.items():
            if isinstance(spec, COUNTED) and (peak := _peak(spec, subject.model)) > MAX_DEMAND:
                path = ("nodes", name, "demand", *((product,) if by_product else ()))
                message = f"up to {peak:.3g} units in a period, expected at most {MAX_DEMAND:.0e}"
                hint = "lower the mean or its calendar factors"
                yield Finding(path, message, hint, at_key=True)


def _peak(spec: Demand, model: ScenarioModel) -> float:
    """The largest mean of a period that the calendar allows, if all factors fell together."""
    mean = max(spec.values, default=0.0) if isinstance(spec, TraceDemand) else spec.mean
    peak = mean * (1.0 if isinstance(spec, TraceDemand) else model.period)
    peak *= max(spec.weekly or (1.0,)) * max(spec.yearly or (1.0,))
    growth = max(0.0, log1p(spec.trend)) * model.horizon / 365
    growth += sum(log(event.factor) for event in spec.events if event.factor > 1)
    return peak * exp(min(growth, 300.0))


def roles(subject: Subject) -> Iterator[Finding]:
    """Suppliers have no stock and no customers; only suppliers and factories make things."""
    for name, node in subject.model.nodes.items():
        for field, message, hint in _role_complaints(node):
            yield Finding(("nodes", name, field), message, hint, at_key=True)


def _role_complaints(node: Node) -> Iterator[tuple[str, str, str]]:
    if node.kind == "supplier":
        if any(node.stock.values() if isinstance(node.stock, dict) else [node.stock]):
            yield "stock", "stock at a supplier, which has unlimited stock", "leave it out"
        if node.demand is not None:
            yield "demand", "customers' demand at a supplier", "put a store behind it"
    elif node.kind != "factory" and node.production is not None:
        yield "production", f"production at a {node.kind}", "make it a factory"


def something_to_do(subject: Subject) -> Iterator[Finding]:
    """A scenario has lanes or demand."""
    if not subject.model.lanes and all(n.demand is None for n in subject.model.nodes.values()):
        hint = "give a node demand, and lanes to supply it"
        yield Finding(("nodes",), "nothing to simulate: no lane and no demand", hint, at_key=True)


Check = Callable[[Subject], Iterator[Finding]]
CHECKS: tuple[tuple[Check, frozenset[str]], ...] = (
    (network.lane_keys, frozenset()),
    (network.cycles, frozenset()),
    (network.reachability, frozenset({"nodes", "lanes"})),
    (network.shares, frozenset()),
    (network.supplier_inbound, frozenset()),
    (network.fleets, frozenset()),
    (network.agents, frozenset()),
    (tools.scopes, frozenset({"nodes", "lanes"})),
    (horizon, frozenset({"horizon", "period"})),
    (order_lead_times, frozenset({"period"})),
    (product_names, frozenset()),
    (demand_by_product, frozenset({"products"})),
    (demand_sizes, frozenset({"horizon", "period"})),
    (roles, frozenset()),
    (world.phase_list, frozenset()),
    (world.endless_stock, frozenset({"products"})),
    (world.shelf_lives, frozenset({"period"})),
    (world.production, frozenset({"products"})),
    (supply.product_supply, frozenset({"products", "nodes", "lanes"})),
    (world.cross_docks, frozenset({"lanes"})),
    (world.lane_goods, frozenset({"products"})),
    (world.capacities, frozenset({"products"})),
    (world.distances, frozenset({"nodes", "fleets"})),
    (world.opening_hours, frozenset({"horizon", "period"})),
    (world.disruptions, frozenset({"nodes", "lanes", "fleets"})),
    (world.correlations, frozenset({"nodes"})),
    (something_to_do, frozenset({"nodes", "lanes"})),
)
"""Every check, and the sections of the file that must fit the schema for it to tell the truth."""


def check(model: ScenarioModel, root: Tree, damaged: frozenset[str]) -> list[Finding]:
    """Run every check that the damaged sections allow, until one finds more than it may tell."""
    subject = Subject(model, root)
    found: list[Finding] = []
    for run, needs in CHECKS:
        if not needs & damaged:
            findings = run(subject)
            found.extend(islice(findings, MAX_FINDINGS))
            more = next(findings, None)
            if more is not None:
                return [*found, replace(more, message=MORE, hint="")]
    return found
