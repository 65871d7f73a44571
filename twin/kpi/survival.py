"""Time to survive: how long supply can meet demand while a node is out; a linear programme."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from twin.errors import SimulationError
from twin.exogenous.moments import mean_time
from twin.exogenous.shares import mean_share
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
    start + receipts - use >= t x mean demand, where shipments and production use what their bill of
    materials says and lose their mean loss, with the capacities of lanes, factories and fleets over
    t in units, weight and volume. During the outage nothing enters, leaves or is made at ``node``
    (None: no outage); its own customers are served from its stock, and nobody takes a substitute.
    Lead times of other lanes, set-ups, storage, shelf lives and opening hours are not looked at, so
    that the figure is an upper bound: no policy can do better on mean demand.

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
    upper[:last][~world.carries.ravel()] = 0.0
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
    """t x demand + use - good receipts <= stock at the start."""
    products = len(world.products)
    into = np.flatnonzero(world.destination == node)
    entries = _uses(world, node, product)
    entries += [
        (int(lane) * products + product, mean_share(world.transport[lane].loss) - 1.0)
        for lane in into
    ]
    demand = float(world.mean_demand[node, product])
    rows.add([*entries, (len(world.lanes) * products, demand)], stock)


def _uses(world: World, node: int, product: int) -> list[tuple[int, float]]:
    """Units of a product that a node's lanes and production take per unit moved, by column."""
    products = len(world.products)
    out = np.flatnonzero(world.source == node)
    found = [
        (int(lane) * products + product, float(world.recipes.plain[lane, product])) for lane in out
    ]
    for bill in world.recipes.bills:
        if world.source[bill.lane] == node:
            for made, units in zip(bill.made, bill.components, strict=True):
                needed = float(units[bill.used == product].sum())
                found.append((bill.lane * products + int(made), needed))
    return found


def _capacities(rows: _Rows, world: World) -> None:
    """What is moved <= t x capacity, of lanes, of factories and of fleets (in vehicle periods)."""
    units = np.ones(len(world.products))
    for size, most in zip(world.lane_limit.size, world.lane_limit.most, strict=True):
        for lane in np.flatnonzero(np.isfinite(most)):
            _at_most(rows, world, {int(lane): size}, float(most[lane]))
    for node in np.flatnonzero(np.isfinite(world.make_capacity)):
        out = {int(lane): units for lane in np.flatnonzero(world.source == node)}
        _at_most(rows, world, out, float(world.make_capacity[node]))
    for fleet in world.fleets:
        away = max(1.0, float(world.due_periods(np.array(mean_time(fleet.round_trip)))))
        # What finds no vehicle can go by common carrier where there is one.
        only = [lane for lane in fleet.lanes if world.transport[lane].common_carrier is None]
        for size, most in zip(fleet.limit.size, fleet.limit.most[:, 0], strict=True):
            riding = {int(lane): away * size / most for lane in only}
            _at_most(rows, world, riding, float(fleet.vehicles))


def _at_most(rows: _Rows, world: World, lanes: dict[int, Floats], per_period: float) -> None:
    """Sum of lanes' units times what each takes, (product,), <= t x what there is per period."""
    products = len(world.products)
    entries = [
        (lane * products + product, float(size))
        for lane, sizes in lanes.items()
        for product, size in enumerate(sizes)
    ]
    rows.add([*entries, (len(world.lanes) * products, -per_period)], 0.0)
