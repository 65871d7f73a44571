"""Compiles a scenario into the frozen arrays that both engines run on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.exogenous.moments import demand_moments, mean_time
from twin.network.graph import depth_from_sources, lane_ends, throughput
from twin.network.incidence import Incidence
from twin.network.phases import CONVENTIONS, Convention
from twin.scenario.model import Lane, Node, ScenarioModel
from twin.scenario.quantities import Demand, Pattern
from twin.scenario.times import RandomTime

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
DEFAULT_SERVICE = 0.95
"""Cycle service level aimed at by the default order-up-to level where no penalty is given."""
EPSILON_PERIODS = 1e-9
"""Arrivals this close after an epoch count as at the epoch."""


@dataclass(frozen=True)
class Prices:
    """Money per unit (or per event), per period; every field may also be a torch tensor."""

    sale: Any  # (node, product) revenue per unit sold to customers
    holding: Any  # (node, product) per unit on hand at the end of a period
    penalty: Any  # (node, product) per unmet unit of customers
    unfilled: Any  # (node, product) per unfilled unit of downstream nodes
    make: Any  # (node, product) per unit shipped by a supplier or factory
    transfer: Any  # (lane, product) paid by the destination to the source
    freight: Any  # (lane, product) per unit shipped
    transit: Any  # (lane, product) per unit in transit at the end of a period
    order: Any  # (lane,) per order
    trip: Any  # (lane,) per vehicle trip


@dataclass(frozen=True)
class FleetSpec:
    """One pool of vehicles."""

    name: str
    depot: int
    vehicles: int
    capacity: float  # units per vehicle
    round_trip: RandomTime
    lanes: Ints  # (fleet's lanes,)


@dataclass(frozen=True)
class World:
    """A scenario as arrays: node, lane, product and fleet order follow the YAML file."""

    model: ScenarioModel
    nodes: tuple[str, ...]
    lanes: tuple[str, ...]  # "src->dst"
    products: tuple[str, ...]
    fleets: tuple[FleetSpec, ...]
    periods: int
    period_d: float
    convention: Convention
    source: Ints  # (lane,) node index
    destination: Ints  # (lane,) node index
    outbound: Incidence  # lanes by source
    inbound: Incidence  # lanes by destination
    depth: Ints  # (node,) longest path from a source, in lanes
    unlimited: NDArray[np.bool_]  # (node,) never runs out
    lost: NDArray[np.bool_]  # (node,) unmet demand of customers is lost, not backlogged
    drops: NDArray[np.bool_]  # (node,) unfilled orders of downstream nodes are dropped
    initial_stock: Floats  # (node, product) units
    storage: Floats  # (node,) units, inf without limit
    make_capacity: Floats  # (node,) units per period, inf without limit
    make_output: Floats  # (node,) units made per unit of raw stock
    lane_capacity: Floats  # (lane,) units per period, inf without limit
    order_lag: Ints  # (lane,) periods
    lead_time: tuple[RandomTime, ...]  # (lane,)
    share: Floats  # (lane,) of the destination's orders
    fleet_of: Ints  # (lane,) fleet index, -1 without
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
        return tuple(_demand_specs(self.model))

    @cached_property
    def ordering_nodes(self) -> tuple[int, ...]:
        """Nodes with at least one inbound lane, in node order."""
        return tuple(sorted({int(i) for i in self.destination}))

    @cached_property
    def fleet_vehicles(self) -> Floats:
        """Vehicles of the fleet that carries each lane, 0 without: (lane,)."""
        count = np.array([float(f.vehicles) for f in self.fleets] + [0.0])
        return count[self.fleet_of]

    @cached_property
    def no_min_load(self) -> Floats:
        """A least load of zero for every lane: (lane,)."""
        return np.zeros(len(self.lanes))

    @cached_property
    def history(self) -> int:
        """How many past shipments agents see per lane: the longest mean lead time, 1 to 10."""
        leads = [self.lead_periods(lane) for lane in range(len(self.lanes))]
        return int(min(10, max(1, math.ceil(max(leads, default=1)))))

    def lead_periods(self, lane: int) -> float:
        """Mean shipment lead time of a lane in periods."""
        return mean_time(self.lead_time[lane]) / self.period_d

    def due_periods(self, days: Floats) -> Ints:
        """Periods until a duration that starts at an epoch has passed, counted at epochs."""
        periods = np.ceil(days / self.period_d - EPSILON_PERIODS)
        return np.maximum(periods, 0.0).astype(np.intp)


def compile_world(model: ScenarioModel) -> World:
    """Compile a checked scenario; shapes as in World."""
    names = tuple(model.nodes)
    index = {name: i for i, name in enumerate(names)}
    ends = [lane_ends(key) for key in model.lanes]
    source = np.array([index[a] for a, _ in ends], dtype=np.intp)
    destination = np.array([index[b] for _, b in ends], dtype=np.intp)
    lanes = tuple(model.lanes.values())
    depth = depth_from_sources(source, destination, len(names))
    share = _shares(lanes, destination)
    mean, variance = _demand_moments(model)
    flow = throughput(mean, source, destination, share, depth)
    flow_variance = throughput(variance, source, destination, share**2, depth)
    prices = _prices(model, source)
    fleets = _fleets(model, index)
    nodes = tuple(model.nodes.values())
    return World(
        model=model,
        nodes=names,
        lanes=tuple(f"{a}->{b}" for a, b in ends),
        products=tuple(model.products),
        fleets=fleets,
        periods=round(model.horizon / model.period),
        period_d=model.period,
        convention=CONVENTIONS[model.convention],
        source=source,
        destination=destination,
        outbound=Incidence.of(source, len(names)),
        inbound=Incidence.of(destination, len(names)),
        depth=depth,
        unlimited=_unlimited(model, destination),
        lost=np.array([node.unmet == "lost" for node in nodes]),
        drops=np.array([_of_orders(node) == "lost" for node in nodes]),
        initial_stock=_table([n.stock for n in nodes], model.products),
        storage=np.array([n.capacity or np.inf for n in nodes]),
        make_capacity=np.array([(n.production and n.production.capacity) or np.inf for n in nodes]),
        make_output=np.array([n.production.output if n.production else 1.0 for n in nodes]),
        lane_capacity=np.array([lane.capacity or np.inf for lane in lanes]),
        order_lag=np.array([round(x.order_lead_time / model.period) for x in lanes], dtype=np.intp),
        lead_time=tuple(lane.lead_time for lane in lanes),
        share=share,
        fleet_of=_fleet_of(model, fleets),
        mean_demand=mean,
        throughput=flow,
        order_up_to=_levels(model, flow, flow_variance, prices, destination),
        prices=prices,
    )


def _table(values: Sequence[object], products: Mapping[str, object]) -> Floats:
    """Expand ``PerProduct`` values to (item, product)."""
    rows = [
        [v.get(p, 0.0) for p in products] if isinstance(v, dict) else [v] * len(products)
        for v in values
    ]
    return np.array(rows, dtype=np.float64).reshape(len(values), len(products))


def _unlimited(model: ScenarioModel, destination: Ints) -> NDArray[np.bool_]:
    fed = set(destination.tolist())
    return np.array(
        [
            node.kind == "supplier" or (node.kind == "factory" and i not in fed)
            for i, node in enumerate(model.nodes.values())
        ]
    )


def _shares(lanes: Sequence[Lane], destination: Ints) -> Floats:
    counts = np.bincount(destination, minlength=1) if len(lanes) else np.zeros(1)
    return np.array(
        [lane.share or 1.0 / counts[d] for lane, d in zip(lanes, destination, strict=True)]
    )


def _prices(model: ScenarioModel, source: Ints) -> Prices:
    nodes, lanes, goods = tuple(model.nodes.values()), tuple(model.lanes.values()), model.products
    holding = _table([n.holding for n in nodes], goods) * model.period
    penalty = _table([n.penalty for n in nodes], goods)
    per_day = penalty * model.period
    default_transit = (
        holding[source]
        if CONVENTIONS[model.convention].source_holds_transit
        else np.zeros((len(lanes), len(goods)))
    )
    transit = _table([0.0 if x.holding is None else x.holding for x in lanes], goods) * model.period
    given = np.array([x.holding is not None for x in lanes], dtype=bool)[:, None]
    trip = [model.fleets[x.fleet].cost_per_trip if x.fleet else 0.0 for x in lanes]
    return Prices(
        sale=_table([n.price for n in nodes], goods),
        holding=holding,
        penalty=np.where(_backlogs([n.unmet for n in nodes]), per_day, penalty),
        unfilled=np.where(_backlogs([_of_orders(n) for n in nodes]), per_day, penalty),
        make=_table([n.production.cost if n.production else 0.0 for n in nodes], goods),
        transfer=_table([x.price for x in lanes], goods),
        freight=_table([x.freight for x in lanes], goods),
        transit=np.where(given, transit, default_transit),
        order=np.array([x.order_cost for x in lanes]),
        trip=np.array(trip),
    )


def _of_orders(node: Node) -> str:
    """What a node does with orders of downstream nodes that it cannot fill."""
    return node.unfilled or node.unmet


def _backlogs(kinds: Sequence[str]) -> NDArray[np.bool_]:
    """Where a kind is ``backlog``: (node, 1)."""
    return np.array([kind == "backlog" for kind in kinds])[:, None]


def _fleets(model: ScenarioModel, index: Mapping[str, int]) -> tuple[FleetSpec, ...]:
    riding = [lane.fleet for lane in model.lanes.values()]
    return tuple(
        FleetSpec(
            name,
            index[fleet.depot],
            fleet.vehicles,
            fleet.capacity,
            fleet.round_trip,
            np.array([i for i, used in enumerate(riding) if used == name], dtype=np.intp),
        )
        for name, fleet in model.fleets.items()
    )


def _fleet_of(model: ScenarioModel, fleets: Sequence[FleetSpec]) -> Ints:
    order = {fleet.name: i for i, fleet in enumerate(fleets)}
    return np.array(
        [order[x.fleet] if x.fleet else -1 for x in model.lanes.values()], dtype=np.intp
    )


def _demand_specs(model: ScenarioModel) -> list[tuple[int, int, Demand]]:
    products = {name: k for k, name in enumerate(model.products)}
    specs: list[tuple[int, int, Demand]] = []
    for i, node in enumerate(model.nodes.values()):
        if isinstance(node.demand, Pattern):
            specs.append((i, 0, node.demand))
        elif node.demand is not None:
            specs.extend((i, products[name], spec) for name, spec in node.demand.items())
    return specs


def _demand_moments(model: ScenarioModel) -> tuple[Floats, Floats]:
    """Mean and variance of customers' demand per period: (node, product)."""
    periods = round(model.horizon / model.period)
    shape = (len(model.nodes), len(model.products))
    mean, variance = np.zeros(shape), np.zeros(shape)
    for i, k, spec in _demand_specs(model):
        mean[i, k], variance[i, k] = demand_moments(spec, periods, model.period)
    return mean, variance


def _levels(
    model: ScenarioModel, flow: Floats, variance: Floats, prices: Prices, destination: Ints
) -> Floats:
    """Order-up-to levels: mean over the protection interval plus critical-ratio safety stock.

    S = mu (L + 1) + z sqrt(sigma^2 (L + 1)), Snyder & Shen, Fundamentals of Supply Chain Theory.
    """
    lanes = tuple(model.lanes.values())
    levels = np.zeros_like(flow)
    for i, node in enumerate(model.nodes.values()):
        inbound = [lanes[j] for j in np.flatnonzero(destination == i)]
        if not inbound:
            continue
        lead = max(mean_time(x.lead_time) + x.order_lead_time for x in inbound) / model.period + 1
        z = _safety_factor(prices.holding[i], prices.penalty[i])
        levels[i] = flow[i] * lead + z * np.sqrt(variance[i] * lead)
        if node.order_up_to is not None:
            levels[i] = _table([node.order_up_to], model.products)[0]
    return levels


def _safety_factor(holding: Floats, penalty: Floats) -> Floats:
    ratio = np.where(penalty > 0, penalty / np.maximum(penalty + holding, 1e-12), DEFAULT_SERVICE)
    inverse: Callable[[float], float] = NormalDist().inv_cdf
    return np.array([inverse(min(max(r, 0.5), 0.999)) for r in ratio])
