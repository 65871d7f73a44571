"""Compiles a scenario into the frozen arrays that both engines run on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from twin.exogenous.moments import mean_time
from twin.network.graph import depth_from_sources
from twin.network.incidence import Incidence
from twin.network.levels import customers_moments, demand_specs, flows, order_up_to_levels
from twin.network.limits import Limit, in_units
from twin.network.phases import Convention, convention_of
from twin.network.prices import Prices, of_orders, prices_of, table
from twin.network.recipes import Recipes, recipes
from twin.network.routes import Routes, order_shares, routes
from twin.scenario.model import ScenarioModel
from twin.scenario.quantities import Demand
from twin.scenario.shares import ConstantShare
from twin.scenario.sites import Node
from twin.scenario.times import ConstantTime, RandomTime
from twin.scenario.transport import Fleet, Lane

__all__ = ["FleetSpec", "Prices", "World", "compile_world"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Flags = NDArray[np.bool_]
NO_LOSS = ConstantShare(value=0.0)
EPSILON_PERIODS = 1e-9
"""Arrivals this close after an epoch count as at the epoch."""


@dataclass(frozen=True)
class FleetSpec:
    """One pool of vehicles."""

    name: str
    depot: int
    vehicles: int
    capacity: float  # units per vehicle, inf where only weight or volume is limited
    limit: Limit  # of one vehicle (one item)
    round_trip: RandomTime
    lanes: Ints  # (fleet's lanes,)
    spec: Fleet


@dataclass(frozen=True)
class World:
    """A scenario as arrays: node, lane, product and fleet order follow the YAML file.

    Production to stock comes after the lanes of the file, as lanes from a factory to itself.
    """

    model: ScenarioModel
    nodes: tuple[str, ...]
    lanes: tuple[str, ...]  # "src->dst"
    products: tuple[str, ...]
    fleets: tuple[FleetSpec, ...]
    transport: tuple[Lane, ...]  # (lane,)
    periods: int
    period_d: float
    convention: Convention
    source: Ints  # (lane,) node index
    destination: Ints  # (lane,) node index
    outbound: Incidence  # lanes by source
    inbound: Incidence  # lanes by destination
    depth: Ints  # (node,) longest path from a source, in lanes
    produces: Flags  # (lane,) production to stock
    carries: Flags  # (lane, product)
    passes: Flags  # (node,) cross-docks, which order what they are asked for
    unlimited: Flags  # (node,) never runs out
    lost: Flags  # (node,) unmet demand of customers is lost, not backlogged
    drops: Flags  # (node,) unfilled orders of downstream nodes are dropped
    destroys: Flags  # (node,) what does not fit is destroyed
    initial_stock: Floats  # (node, product) units
    initial_transit: Floats  # (epoch, lane, product) units that arrive at the first epochs
    initial_orders: Floats  # (epoch, lane, product) orders that reach the source there
    storage: Floats  # (node,) units, inf without limit
    storage_limit: Limit  # of nodes
    make_capacity: Floats  # (node,) units per period made to order, inf without limit
    make_output: Floats  # (node,) units made per unit of raw stock
    recipes: Recipes  # stock used per unit that leaves
    setup_units: Floats  # (lane,) capacity lost per product made to stock in a period
    lane_capacity: Floats  # (lane,) units per period, inf without limit
    lane_limit: Limit  # of lanes, per period
    order_lag: Ints  # (lane,) periods
    lead_time: tuple[RandomTime, ...]  # (lane,)
    distance_km: Floats  # (lane,)
    share: Floats  # (lane, product) of the destination's orders
    priority: Ints  # (lane,) who is served first where the source allocates by priority
    fleet_of: Ints  # (lane,) fleet index, -1 without
    shelf_life: Ints  # (product,) periods until a unit spoils, 0 for ever
    mean_demand: Floats  # (node, product) customers' units per period, long-run mean
    throughput: Floats  # (node, product) units per period through the node
    order_up_to: Floats  # (node, product) default level of the static policy
    prices: Prices

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Number of nodes, lanes, products and fleets."""
        return len(self.nodes), len(self.lanes), len(self.products), len(self.fleets)

    @cached_property
    def demand_specs(self) -> tuple[tuple[int, int, Demand], ...]:
        """Every (node, product, model) with customers' demand."""
        return tuple(demand_specs(self.model))

    @cached_property
    def ordering_nodes(self) -> tuple[int, ...]:
        """Nodes with at least one inbound lane, in node order; cross-docks decide nothing."""
        return tuple(sorted({int(i) for i in self.destination if not self.passes[i]}))

    @cached_property
    def fleet_vehicles(self) -> Floats:
        """Vehicles of the fleet that carries each lane, 0 without: (lane,)."""
        count = np.array([float(f.vehicles) for f in self.fleets] + [0.0])
        return count[self.fleet_of]

    @cached_property
    def no_min_load(self) -> Floats:
        """The least load of the last vehicle: none, or a full one where the fleet asks it."""
        full = [
            lane.fleet and self.model.fleets[lane.fleet].load == "full" for lane in self.transport
        ]
        return np.array(full, dtype=bool).astype(float)

    @cached_property
    def history(self) -> int:
        """How many past shipments agents see per lane: the longest mean lead time, 1 to 10."""
        leads = [self.lead_periods(lane) for lane in range(len(self.lanes))]
        return int(min(10, max(1, math.ceil(max(leads, default=1)))))

    @cached_property
    def random_leads(self) -> tuple[int, ...]:
        """Lanes whose lead time is drawn."""
        return tuple(j for j, x in enumerate(self.lead_time) if not isinstance(x, ConstantTime))

    @cached_property
    def fixed_lead_d(self) -> Floats:
        """Days from leaving to arriving, loading included, where nothing is drawn: (lane,)."""
        mean = [mean_time(time) + self.loading(j) for j, time in enumerate(self.lead_time)]
        return np.array(mean, dtype=np.float64)

    @cached_property
    def lossy_lanes(self) -> tuple[int, ...]:
        """Lanes on which something may be lost."""
        return tuple(j for j, x in enumerate(self.transport) if x.loss != NO_LOSS)

    def lead_periods(self, lane: int) -> float:
        """Mean shipment lead time of a lane in periods, loading included."""
        return (mean_time(self.lead_time[lane]) + self.loading(lane)) / self.period_d

    def loading(self, lane: int) -> float:
        """Time that loading a vehicle adds to a shipment, in days."""
        fleet = self.transport[lane].fleet
        return self.model.fleets[fleet].loading if fleet else 0.0

    def due_periods(self, days: Floats) -> Ints:
        """Periods until a duration that starts at an epoch has passed, counted at epochs."""
        periods = np.ceil(days / self.period_d - EPSILON_PERIODS)
        return np.maximum(periods, 0.0).astype(np.intp)


def compile_world(model: ScenarioModel) -> World:
    """Compile a checked scenario; shapes as in World."""
    ways = routes(model)
    nodes, goods = tuple(model.nodes.values()), tuple(model.products.values())
    depth = depth_from_sources(ways.source, ways.destination, len(nodes))
    bills = recipes(model, ways)
    share = order_shares(ways)
    mean, variance = customers_moments(model)
    flow, flow_variance = flows(ways, bills, share, depth, mean, variance)
    prices = prices_of(model, ways)
    fleets = _fleets(model, ways)
    making = [n.production for n in nodes]
    to_order = [p if p is not None and p.mode == "to_order" else None for p in making]
    return World(
        model=model,
        nodes=tuple(model.nodes),
        lanes=ways.names,
        products=tuple(model.products),
        fleets=fleets,
        transport=ways.lanes,
        periods=round(model.horizon / model.period),
        period_d=model.period,
        convention=convention_of(model.convention),
        source=ways.source,
        destination=ways.destination,
        outbound=Incidence.of(ways.source, len(nodes)),
        inbound=Incidence.of(ways.destination, len(nodes)),
        depth=depth,
        produces=ways.produces,
        carries=ways.carries,
        passes=np.array([n.kind == "crossdock" for n in nodes]),
        unlimited=_unlimited(nodes, ways),
        lost=np.array([node.unmet == "lost" for node in nodes]),
        drops=np.array([of_orders(node) == "lost" for node in nodes]),
        destroys=np.array([node.overflow == "destroy" for node in nodes]),
        initial_stock=table([n.stock for n in nodes], model.products),
        initial_transit=_pipes([x.in_transit for x in ways.lanes], ways, model),
        initial_orders=_pipes([x.orders_under_way for x in ways.lanes], ways, model),
        storage=in_units([n.capacity for n in nodes]),
        storage_limit=Limit.of([n.capacity for n in nodes], goods),
        make_capacity=np.array([(p and p.capacity) or np.inf for p in to_order]),
        make_output=np.array([p.output if p else 1.0 for p in to_order]),
        recipes=bills,
        setup_units=_setup_units(nodes, ways),
        lane_capacity=in_units([lane.capacity for lane in ways.lanes]),
        lane_limit=Limit.of([lane.capacity for lane in ways.lanes], goods),
        order_lag=np.array(
            [round(x.order_lead_time / model.period) for x in ways.lanes], dtype=np.intp
        ),
        lead_time=tuple(lane.lead_time for lane in ways.lanes),
        distance_km=ways.distance_km,
        share=share,
        priority=np.array([lane.priority for lane in ways.lanes], dtype=np.intp),
        fleet_of=_fleet_of(ways, fleets),
        shelf_life=_shelf_life(model),
        mean_demand=mean,
        throughput=flow,
        order_up_to=order_up_to_levels(model, ways, flow, flow_variance, prices),
        prices=prices,
    )


def _unlimited(nodes: Sequence[Node], ways: Routes) -> Flags:
    """Suppliers, and factories that nothing feeds and that make to order."""
    fed = set(ways.destination.tolist())
    return np.array(
        [
            n.kind == "supplier" or (n.kind == "factory" and i not in fed)
            for i, n in enumerate(nodes)
        ]
    )


def _pipes(pipes: Sequence[Sequence[object]], ways: Routes, model: ScenarioModel) -> Floats:
    """Initial pipelines as an array: (epoch, lane, product)."""
    longest = max((len(pipe) for pipe in pipes), default=0)
    rows = np.zeros((longest, len(pipes), len(model.products)))
    for j, pipe in enumerate(pipes):
        if pipe:
            rows[: len(pipe), j] = table(pipe, model.products)
    return rows * ways.carries


def _setup_units(nodes: Sequence[Node], ways: Routes) -> Floats:
    units = np.zeros(len(ways.lanes))
    for lane in np.flatnonzero(ways.produces):
        production = nodes[ways.source[lane]].production
        units[lane] = production.setup_units if production else 0.0
    return units


def _shelf_life(model: ScenarioModel) -> Ints:
    lives = [(p.shelf_life or 0.0) / model.period for p in model.products.values()]
    return np.array([round(life) for life in lives], dtype=np.intp)


def _fleets(model: ScenarioModel, ways: Routes) -> tuple[FleetSpec, ...]:
    index: Mapping[str, int] = {name: i for i, name in enumerate(model.nodes)}
    riding = [lane.fleet for lane in ways.lanes]
    return tuple(
        FleetSpec(
            name,
            index[fleet.depot],
            fleet.vehicles,
            fleet.capacity.units or math.inf,
            Limit.of([fleet.capacity], tuple(model.products.values())),
            fleet.round_trip,
            np.array([i for i, used in enumerate(riding) if used == name], dtype=np.intp),
            fleet,
        )
        for name, fleet in model.fleets.items()
    )


def _fleet_of(ways: Routes, fleets: Sequence[FleetSpec]) -> Ints:
    order = {fleet.name: i for i, fleet in enumerate(fleets)}
    return np.array([order[x.fleet] if x.fleet else -1 for x in ways.lanes], dtype=np.intp)
