"""Time to survive: how long supply can meet demand while a node is out; a linear programme."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from twin.errors import SimulationError
from twin.exogenous.moments import mean_time
from twin.network.world import World

Floats = NDArray[np.float64]

LONGEST_PERIODS = 1e5
"""An outage survived for longer than this is survived for ever."""


@dataclass
class _Rows:
    """Rows ``a x <= b`` of a linear programme, entry by entry."""

    row: list[int] = field(default_factory=list)
    column: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    bound: list[float] = field(default_factory=list)

    def add(self, entries: Iterable[tuple[int, float]], bound: float) -> None:
        for column, value in entries:
            self.row.append(len(self.bound))
            self.column.append(column)
            self.value.append(value)
        self.bound.append(bound)


def time_to_survive(
    world: World, node: int | None, on_hand: Floats, in_transit: Floats
) -> float | None:
    """Time to survive: the longest outage of a node in which supply still meets demand, in days.

    Simchi-Levi et al. 2015: maximise t subject to, for every other node and product, stock at the
    start + receipts - shipments >= t x mean demand, with the capacities of lanes, factories
    and fleets over t. During the outage nothing enters or leaves ``node`` (None: no outage); its
    own customers are served from its stock. Lead times of other lanes are not looked at, so that
    the figure is an upper bound: no policy can do better on mean demand.

    ``on_hand`` (node, product) and ``in_transit`` (lane, product) at the start of the outage.
    None when supply meets demand for however long the outage lasts.
    """
    from scipy.optimize import linprog
    from scipy.sparse import coo_array

    lanes, products = world.shape[1:3]
    last = lanes * products  # the column of t, after those of units moved (lane, product)
    rows = _rows(world, on_hand, in_transit)
    shape = (len(rows.bound), last + 1)
    upper = np.full(last + 1, np.inf)
    upper[last] = LONGEST_PERIODS
    if node is not None:
        closed = (world.source == node) | (world.destination == node)
        upper[:last][np.repeat(closed, products)] = 0.0
    aim = np.zeros(last + 1)
    aim[last] = -1.0
    found = linprog(
        aim,
        A_ub=coo_array((rows.value, (rows.row, rows.column)), shape=shape).tocsr(),
        b_ub=np.array(rows.bound),
        bounds=np.column_stack([np.zeros(last + 1), upper]),
        method="highs",
    )
    if found.status != 0:
        raise SimulationError("time to survive: the linear programme failed", "", found.message)
    periods = float(found.x[last])
    return None if periods >= LONGEST_PERIODS * (1 - 1e-9) else periods * world.period_d


def _rows(world: World, on_hand: Floats, in_transit: Floats) -> _Rows:
    rows = _Rows()
    start = on_hand + world.inbound.total(in_transit)
    for node in np.flatnonzero(~world.unlimited):
        for product in range(len(world.products)):
            _supply_meets_demand(rows, world, int(node), product, float(start[node, product]))
    _capacities(rows, world)
    return rows


def _supply_meets_demand(rows: _Rows, world: World, node: int, product: int, stock: float) -> None:
    """t x demand + shipments / yield - receipts <= stock at the start."""
    products = len(world.products)
    out = np.flatnonzero(world.source == node)
    into = np.flatnonzero(world.destination == node)
    used = 1.0 / float(world.make_output[node])
    entries = [(int(lane) * products + product, used) for lane in out]
    entries += [(int(lane) * products + product, -1.0) for lane in into]
    demand = float(world.mean_demand[node, product])
    rows.add([*entries, (len(world.lanes) * products, demand)], stock)


def _capacities(rows: _Rows, world: World) -> None:
    """Units moved <= t x capacity, of lanes, of factories and of fleets (in vehicle periods)."""
    for lane in np.flatnonzero(np.isfinite(world.lane_capacity)):
        _at_most(rows, world, {int(lane): 1.0}, float(world.lane_capacity[lane]))
    for node in np.flatnonzero(np.isfinite(world.make_capacity)):
        out = {int(lane): 1.0 for lane in np.flatnonzero(world.source == node)}
        _at_most(rows, world, out, float(world.make_capacity[node]))
    for fleet in world.fleets:
        away = max(1.0, float(world.due_periods(np.array(mean_time(fleet.round_trip)))))
        riding = {int(lane): away / fleet.capacity for lane in fleet.lanes}
        _at_most(rows, world, riding, float(fleet.vehicles))


def _at_most(rows: _Rows, world: World, lanes: dict[int, float], per_period: float) -> None:
    products = len(world.products)
    entries = [
        (lane * products + product, weight)
        for lane, weight in lanes.items()
        for product in range(products)
    ]
    rows.add([*entries, (len(world.lanes) * products, -per_period)], 0.0)
