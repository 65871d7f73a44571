"""What the world could be like: bounds that no answer about a sound run can exceed.

Generous on purpose, since a false alarm costs a decision: they hold whatever the policy orders
within the server's caps, and under any demand up to SURGE times the mean. They stop a wrong unit
and a flipped exponent, not a small lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.env.agents import AgentSpec, Read
from twin.env.observe import Layout
from twin.network.world import World
from twin.scenario.quantities import TraceDemand
from twin.tools.limits import order_caps

Floats = NDArray[np.float64]
SURGE = 100.0
"""Demand of a period may reach this many times its long-run mean, or its recorded peak."""
DUST = 1e-9
"""Beyond the bounds by this share of the largest number is a rounding error of sums."""


@dataclass(frozen=True)
class Bounds:
    """How many numbers a field holds, and the largest and smallest that are conceivable."""

    count: int
    highest: float
    lowest: float = 0.0

    def complaint(self, values: Sequence[float]) -> str:
        """What is wrong with the values; empty when nothing is."""
        if len(values) != self.count:
            return f"{len(values)} numbers, expected {self.count}"
        if not values:
            return ""
        dust = DUST * (1.0 + self.highest)
        if max(values) > self.highest + dust:
            return f"{max(values):g} is more than {self.highest:g}"
        if min(values) < self.lowest - dust:
            return f"{min(values):g} is less than {self.lowest:g}"
        return ""


def ceilings(world: World) -> Floats:
    """The largest conceivable number at each place of the global vector: (size,).

    The clock's places hold infinity: it is never read through a tool.
    """
    orders = order_caps(world)
    flow = _most_shipped(world, orders)
    total = world.periods * flow
    arrived = world.inbound.total(total)
    stock = world.initial_stock + arrived + world.inbound.total(world.initial_transit.sum(axis=0))
    room = np.maximum(world.storage, world.initial_stock.sum(axis=1))[:, None]
    demand = _most_demand(world)
    asked = demand + world.outbound.total(world.recipes.claims(orders))
    vehicles = np.array([float(fleet.vehicles) for fleet in world.fleets])
    blocks = {
        "on_hand": np.minimum(stock, room),
        "owed": world.periods * asked,
        "waiting": world.periods * orders + world.initial_orders.sum(axis=0),
        "in_transit": total + world.initial_transit.sum(axis=0),
        "shipped": flow[None],
        "recent": asked[None],
        "idle": vehicles,
        "returning": vehicles[:, None],
    }
    if world.model.forecasts is not None:
        blocks["forecast"] = world.model.forecasts.horizon * asked
    return _spread(world, blocks)


def floors(world: World) -> Floats:
    """The smallest conceivable number at each place of the global vector: (size,).

    Zero, but for stock where links are independent: what leaves may be more than there was.
    """
    lowest = np.zeros(Layout.of(world).size)
    if world.model.independent_links:
        shipped = world.outbound.total(world.periods * _most_shipped(world, order_caps(world)))
        lowest[Layout.of(world).places("on_hand")] = -shipped / world.make_output[:, None]
    return lowest


def read_bounds(read: Read, ceiling: Floats, floor: Floats | None = None) -> tuple[Bounds, ...]:
    """Bounds of each field of a read; nothing is negative without a floor."""
    found = []
    for _, places in read.fields:
        lowest = 0.0 if floor is None else float(floor[places].min(initial=0.0))
        found.append(Bounds(len(places), float(ceiling[places].max(initial=0.0)), lowest))
    return tuple(found)


def write_bounds(spec: AgentSpec) -> tuple[Bounds, ...]:
    """How many numbers the receipt of a write holds, by field; their values are compared."""
    if spec.role == "dispatch":
        return (Bounds(len(spec.lanes), np.inf),) * 2
    return (Bounds(len(spec.lanes) * spec.products, np.inf),)


def _spread(world: World, blocks: dict[str, Floats]) -> Floats:
    layout = Layout.of(world)
    highest = np.full(layout.size, np.inf)
    for name, block in blocks.items():
        places = layout.places(name)
        highest[places] = np.broadcast_to(block, places.shape)
    return highest


def _most_shipped(world: World, orders: Floats) -> Floats:
    """Most units of a lane and product in one period: (lane, product)."""
    limit = world.lane_capacity.copy()
    for fleet in world.fleets:
        limit[fleet.lanes] = np.minimum(limit[fleet.lanes], fleet.vehicles * fleet.capacity)
    by_others = [lane.common_carrier is not None for lane in world.transport]
    limit = np.where(by_others, world.lane_capacity, limit)
    limit = np.minimum(limit, world.make_capacity[world.source])
    asked = world.periods * orders + world.initial_orders.sum(axis=0)
    most: Floats = np.minimum(limit[:, None], asked)
    return most


def _most_demand(world: World) -> Floats:
    """Most units that customers ask for in one period: (node, product)."""
    most = np.where(world.mean_demand > 0, np.maximum(world.mean_demand, 1.0), 0.0)
    for node, product, spec in world.demand_specs:
        if isinstance(spec, TraceDemand):
            most[node, product] = max(most[node, product], max(spec.values, default=0.0))
    capped: Floats = SURGE * most
    return capped
