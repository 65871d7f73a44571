"""The SamplePath: every exogenous number of one run, drawn up front.

A pure function of (world, seed). Draws belong to things, not to moments of execution: the lead time
of the shipment that leaves lane l in period t is ``lead_time[t, l]`` whatever was decided before.
World faults are functions from SamplePath to SamplePath.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.errors import UsageError
from twin.exogenous.demand import draw_demand
from twin.exogenous.lead_time import draw_times
from twin.exogenous.streams import Streams, stream
from twin.network.world import World

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SamplePath:
    """All exogenous draws of one run."""

    seed: int
    demand: Floats  # (period, node, product) units
    lead_time: Floats  # (period, lane) days
    trip_time: Floats  # (period, fleet, vehicle) days; vehicle = k-th that leaves in the period
    lane_open: Floats  # (period, lane) share of the freight that gets through


def draw_path(world: World, seed: int) -> SamplePath:
    """Draw the path of one seed."""
    nodes, lanes, products, fleets = world.shape
    periods = world.periods
    demand = np.zeros((periods, nodes, products))
    streams = Streams(seed)
    for i, k, spec in world.demand_specs:
        rng = streams.named(f"demand/{world.nodes[i]}/{world.products[k]}")
        demand[:, i, k] = draw_demand(spec, periods, world.period_d, rng)
    lead_time = np.zeros((periods, lanes))
    for j, times in enumerate(world.lead_time):
        rng = stream(seed, f"lead_time/{world.lanes[j]}")
        lead_time[:, j] = draw_times(times, (periods,), rng)
    largest = max((fleet.vehicles for fleet in world.fleets), default=0)
    trip_time = np.zeros((periods, fleets, largest))
    for f, fleet in enumerate(world.fleets):
        rng = stream(seed, f"trip_time/{fleet.name}")
        trip_time[:, f, : fleet.vehicles] = draw_times(
            fleet.round_trip, (periods, fleet.vehicles), rng
        )
    return SamplePath(seed, demand, lead_time, trip_time, np.ones((periods, lanes)))


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
    return SamplePath(0, units, base.lead_time, base.trip_time, base.lane_open)
