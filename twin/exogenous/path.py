"""The SamplePath: every exogenous number of one run, drawn up front.

A pure function of (world, seed). Draws belong to things, not to moments of execution: the lead time
of the shipment that leaves lane l in period t is ``lead_time[t, l]`` whatever was decided before.
World faults are functions from SamplePath to SamplePath.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from twin.errors import UsageError
from twin.exogenous.copula import demand_of, group_of, normal_variates
from twin.exogenous.demand import draw_demand
from twin.exogenous.disruption import draw_disruptions
from twin.exogenous.lead_time import draw_times
from twin.exogenous.opening import open_periods
from twin.exogenous.shares import draw_shares
from twin.exogenous.streams import Streams, stream
from twin.network.world import World
from twin.scenario.model import Correlation
from twin.scenario.opening import Opening
from twin.scenario.quantities import Demand

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SamplePath:
    """All exogenous draws of one run."""

    seed: int
    demand: Floats  # (period, node, product) units
    lead_time: Floats  # (period, lane) days
    trip_time: Floats  # (period, fleet, vehicle) days; vehicle = k-th that leaves in the period
    lane_open: Floats  # (period, lane) share of the freight that gets through
    node_open: Floats  # (period, node) share of the node that works; 0: closed
    fleet_up: Floats  # (period, fleet) share of the vehicles in service
    price_factor: Floats  # (period, lane) factor on the price paid to the source
    good: Floats  # (period, lane) share of a shipment that arrives in good order


def draw_path(world: World, seed: int) -> SamplePath:
    """Draw the path of one seed."""
    working = draw_disruptions(world, seed)
    return SamplePath(
        seed,
        _draw_demand(world, seed),
        _draw_lead_times(world, seed),
        _draw_trips(world, seed),
        lane_open=working.lanes * lanes_open(world),
        node_open=working.nodes * nodes_open(world),
        fleet_up=working.fleets,
        price_factor=working.price,
        good=_draw_good(world, seed),
    )


def _draw_demand(world: World, seed: int) -> Floats:
    nodes, _, products, _ = world.shape
    demand = np.zeros((world.periods, nodes, products))
    streams, groups = Streams(seed), group_of(world)
    for i, k, spec in world.demand_specs:
        demand[:, i, k] = demand_row(world, i, k, spec, streams, groups)
    return demand


def demand_row(
    world: World, i: int, k: int, spec: Demand, streams: Streams, groups: Mapping[int, Correlation]
) -> Floats:
    """Demand for product ``k`` at node ``i``, which may move with its group's: (period,)."""
    name = f"{world.nodes[i]}/{world.products[k]}"
    if i in groups:
        z = normal_variates(groups[i], world.products[k], world.nodes[i], world.periods, streams)
        together = demand_of(spec, z, world.period_d, streams.named(f"size/{name}"))
        if together is not None:
            return together
    return draw_demand(spec, world.periods, world.period_d, streams.named(f"demand/{name}"))


def _draw_lead_times(world: World, seed: int) -> Floats:
    """Days from a shipment's order to leave until it arrives, loading included."""
    lead_time = np.tile(world.fixed_lead_d, (world.periods, 1))
    if not world.random_leads:
        return lead_time
    streams = Streams(seed)
    for j in world.random_leads:
        lane = world.transport[j]
        rng = streams.named(f"lead_time/{world.lanes[j]}")
        drawn = draw_times(lane.lead_time, (world.periods,), rng) + world.loading(j)
        lead_time[:, j] = drawn if lane.crossover else _without_crossover(drawn, world.period_d)
    return lead_time


def _without_crossover(lead_time: Floats, period_d: float) -> Floats:
    """Later shipments wait behind earlier ones: (period,)."""
    left = np.arange(len(lead_time)) * period_d
    waited: Floats = np.maximum.accumulate(left + lead_time) - left
    return np.maximum(waited, lead_time)


def _draw_trips(world: World, seed: int) -> Floats:
    largest = max((fleet.vehicles for fleet in world.fleets), default=0)
    trip_time = np.zeros((world.periods, len(world.fleets), largest))
    for f, fleet in enumerate(world.fleets):
        spec, size = fleet.spec, (world.periods, fleet.vehicles)
        rng = stream(seed, f"trip_time/{fleet.name}")
        trip_time[:, f, : fleet.vehicles] = draw_times(spec.round_trip, size, rng) + spec.loading
        if spec.breakdown is not None:
            rng = stream(seed, f"breakdown/{fleet.name}")
            fails = rng.random(size) < spec.breakdown.probability
            trip_time[:, f, : fleet.vehicles] += fails * draw_times(
                spec.breakdown.repair, size, rng
            )
    return trip_time


def lanes_open(world: World) -> Floats:
    """1 where the opening hours of a lane allow it to run: (period, lane)."""
    return _opening(world, [lane.open for lane in world.transport])


def nodes_open(world: World) -> Floats:
    """1 where the opening hours of a node allow it to work: (period, node)."""
    return _opening(world, [node.open for node in world.model.nodes.values()])


def _opening(world: World, hours: Sequence[Opening | None]) -> Floats:
    """1 where a place is open: (period, place)."""
    share = np.ones((world.periods, len(hours)))
    for column, opening in enumerate(hours):
        if opening is not None:
            share[:, column] = open_periods(opening, world.periods, world.period_d)
    return share


def _draw_good(world: World, seed: int) -> Floats:
    good = np.ones((world.periods, len(world.lanes)))
    for j in world.lossy_lanes:
        rng = stream(seed, f"loss/{world.lanes[j]}")
        good[:, j] -= draw_shares(world.transport[j].loss, world.periods, rng)
    return good


def path_with_demand(world: World, demand: Mapping[str, Sequence[object]]) -> SamplePath:
    """A path whose demand is given by node name, as rows of units or of units per product.

    Lead times and trips keep the draws of seed 0. Raises UsageError for an unknown node, and for
    rows whose number is not the number of periods.
    """
    base = draw_path(world, 0)
    units = np.zeros_like(base.demand)
    for name, rows in demand.items():
        if name not in world.nodes:
            known = ", ".join(world.nodes)
            raise UsageError("demand for an unknown node", "demand", name, f"one of {known}")
        table = np.asarray(rows, dtype=np.float64).reshape(len(rows), -1)
        if table.shape[0] != world.periods:
            raise UsageError(
                "wrong number of demand rows", name, str(len(rows)), f"{world.periods} periods"
            )
        units[:, world.nodes.index(name), :] = table
    return replace(base, demand=units)
