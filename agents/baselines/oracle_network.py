"""A scenario on one sample path as a linear program: its variables, its laws and its money.

Orders equal shipments: with the future known, nothing is gained by ordering what is not shipped.
Which shipment arrives when is read off the path, so that receipts need no variables of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.baselines.oracle_program import Program
from twin.exogenous.path import SamplePath
from twin.network.world import World

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


class NetworkProgram:
    """The program of one path; the fields that end in a shape comment are variable indices."""

    def __init__(self, world: World, path: SamplePath, whole_vehicles: bool) -> None:
        nodes, lanes, products, _ = world.shape
        periods = world.periods
        self.world = world
        self.path = path
        self.program = Program()
        self.discount = world.model.discount ** np.arange(periods)
        self.constant = 0.0  # cost that no decision changes
        self.docked = np.flatnonzero(np.isfinite(world.storage[world.destination]))
        self.wanted = np.nonzero(path.demand.any(axis=0))  # (node, product) of each customer
        self._arrival: Ints = np.arange(periods)[:, None] + world.due_periods(path.lead_time)
        self.shipped = self._shipments((periods, lanes, products))  # (period, lane, product)
        self.on_hand = self._stock((periods, nodes, products))  # (period, node, product)
        self.dock = self._dock((periods, len(self.docked), products))  # (period, lane, product)
        self.sold, self.backlog = self._customers()  # both (period, customer)
        self._balance()
        self._limit_shipments()
        self._limit_storage()
        self.trips = [self._vehicles(f, whole_vehicles) for f in range(len(world.fleets))]

    @property
    def _late_receipt(self) -> bool:
        return not self.world.convention.receives_before_shipping

    def _over_time(self, price: Any) -> Floats:
        """Discounted price of every period: (period, ...)."""
        values = np.asarray(price, dtype=np.float64)
        return self.discount.reshape((-1,) + (1,) * values.ndim) * values

    def _shipments(self, shape: tuple[int, ...]) -> Ints:
        world, prices = self.world, self.world.prices
        per_unit = prices.freight + prices.make
        # A unit is charged for transit at the end of every period before the one it arrives in.
        paid = np.concatenate([[0.0], np.cumsum(self.discount)])
        end = np.minimum(self._arrival, world.periods)
        under_way = paid[end] - paid[np.arange(world.periods)][:, None]
        cost = self._over_time(per_unit) + under_way[..., None] * prices.transit
        too_soon = np.arange(world.periods)[:, None] < world.order_lag
        closed = too_soon | (self.path.lane_open <= 0)
        most = np.where(closed, 0.0, np.inf)[..., None]
        return self.program.variables(shape, cost, most)

    def _stock(self, shape: tuple[int, ...]) -> Ints:
        return self.program.variables(shape, self._over_time(self.world.prices.holding))

    def _dock(self, shape: tuple[int, ...]) -> Ints:
        transit = self.world.prices.transit[self.docked]
        return self.program.variables(shape, self._over_time(transit))

    def _customers(self) -> tuple[Ints, Ints]:
        """Sales and backlog; what is lost is the demand less the sales."""
        world, (node, product) = self.world, self.wanted
        demand = self.path.demand[:, node, product]
        lost = world.lost[node]
        sale = self._over_time(world.prices.sale[node, product])
        penalty = self._over_time(world.prices.penalty[node, product])
        self.constant += float((penalty * demand)[:, lost].sum())
        sold = self.program.variables(
            demand.shape, -sale - np.where(lost, penalty, 0.0), np.where(lost, demand, np.inf)
        )
        backlog = self.program.variables(demand.shape, penalty, np.where(lost, 0.0, np.inf))
        owed = self.program.rows(demand.shape, np.where(lost, -np.inf, demand), demand)
        self.program.add(owed, sold, 1.0)
        self.program.add(owed, backlog, 1.0)
        self.program.add(owed[1:], backlog[:-1], -1.0)
        return sold, backlog

    def _balance(self) -> None:
        """Stock at the end of a period is the stock before, plus receipts, less use and sales."""
        world, program = self.world, self.program
        start = np.zeros(self.on_hand.shape)
        start[0] = world.initial_stock
        row = program.rows(self.on_hand.shape, start, start)
        program.add(row, self.on_hand, 1.0)
        program.add(row[1:], self.on_hand[:-1], -1.0)
        self._add_arrivals(row, world.destination, np.arange(len(world.lanes)), -1.0)
        into = world.destination[self.docked]
        program.add(row[:, into], self.dock, 1.0)
        program.add(row[1:, into], self.dock[:-1], -1.0)
        self._add_use(row, 1.0)
        self._add_sales(row, 1.0)
        received = program.rows(self.dock.shape, 0.0, np.inf)
        self._add_arrivals(received, np.arange(len(self.docked)), self.docked, 1.0)
        program.add(received, self.dock, -1.0)
        program.add(received[1:], self.dock[:-1], 1.0)

    def _add_arrivals(self, row: Ints, place: Ints, lanes: Ints, sign: float) -> None:
        """Add what arrives on ``lanes`` to the rows (period, place, product)."""
        t, at = np.nonzero(self._arrival[:, lanes] < self.world.periods)
        lane = lanes[at]
        arrival = self._arrival[t, lane]
        self.program.add(row[arrival, place[at]], self.shipped[t, lane], sign)

    def _add_use(self, row: Ints, sign: float) -> None:
        """Add the raw stock that shipments take, to rows (period, node, product)."""
        world = self.world
        lanes = np.flatnonzero(~world.unlimited[world.source])
        source = world.source[lanes]
        raw = sign / world.make_output[source][:, None]
        self.program.add(row[:, source], self.shipped[:, lanes], raw)

    def _add_sales(self, row: Ints, sign: float) -> None:
        """Add sales from stock, to rows (period, node, product)."""
        node, product = self.wanted
        limited = np.flatnonzero(~self.world.unlimited[node])
        self.program.add(row[:, node[limited], product[limited]], self.sold[:, limited], sign)

    def _limit_shipments(self) -> None:
        """Lanes, factories, and, where shipping comes first, the stock before receipts."""
        world, program = self.world, self.program
        lanes = np.flatnonzero(np.isfinite(world.lane_capacity))
        most = world.lane_capacity[lanes] * self.path.lane_open[:, lanes]
        row = program.rows(most.shape, -np.inf, most)
        program.add(row[..., None], self.shipped[:, lanes], 1.0)
        row = program.rows((world.periods, len(world.nodes)), -np.inf, world.make_capacity)
        makes = np.flatnonzero(np.isfinite(world.make_capacity[world.source]))
        program.add(row[:, world.source[makes], None], self.shipped[:, makes], 1.0)
        if self._late_receipt:
            before = np.full(self.on_hand.shape, 0.0)
            before[0] = world.initial_stock
            row = program.rows(self.on_hand.shape, -np.inf, before)
            program.add(row[1:], self.on_hand[:-1], -1.0)
            self._add_use(row, 1.0)

    def _limit_storage(self) -> None:
        """What is on hand after receipts fits; goods wait at the dock only where it is full.

        Of the second law, "dock > 0 only if full", the program knows the strongest linear
        consequence: dock / (most that can ever wait) <= stock / storage.
        """
        world, program = self.world, self.program
        nodes = np.flatnonzero(np.isfinite(world.storage))
        if not len(nodes):
            return
        full = world.storage[nodes]
        most = np.maximum(full, world.initial_stock[nodes].sum(axis=1))
        shape = (world.periods, len(nodes))
        fits = program.rows(shape, -np.inf, most)
        self._add_stock_after_receipt(fits, nodes, np.ones(len(nodes)))
        # Whole units leave up to one unit of room unused for each lane and product.
        slack = len(world.lanes) * len(world.products) if world.model.integral else 0
        least = np.maximum(full - slack, 0.0)
        waits = program.rows(shape, -np.inf, 0.0)
        self._add_stock_after_receipt(waits, nodes, -least / self._most_that_waits(most))
        place = np.searchsorted(nodes, world.destination[self.docked])
        weight = (least > 0)[place].astype(np.float64)
        program.add(waits[:, place, None], self.dock, weight[:, None])

    def _most_that_waits(self, storage: Floats) -> float:
        """Units beyond which more at a dock is of no use to anybody: demand and all storage."""
        yields = float(np.prod(self.world.make_output[~self.world.unlimited]))
        return 1.0 + (float(self.path.demand.sum()) + float(storage.sum())) / yields

    def _add_stock_after_receipt(self, row: Ints, nodes: Ints, weight: Floats) -> None:
        """Add weight x stock just after receipts, all products, to rows (period, node)."""
        world = self.world
        self.program.add(row[..., None], self.on_hand[:, nodes], weight[:, None])
        node, _ = self.wanted
        sellers = np.flatnonzero(np.isin(node, nodes) & ~world.unlimited[node])
        at = np.searchsorted(nodes, node[sellers])
        self.program.add(row[:, at], self.sold[:, sellers], weight[at])
        if self._late_receipt:
            return
        lanes = np.flatnonzero(np.isin(world.source, nodes) & ~world.unlimited[world.source])
        at = np.searchsorted(nodes, world.source[lanes])
        raw = weight[at] / world.make_output[world.source[lanes]]
        self.program.add(row[:, at, None], self.shipped[:, lanes], raw[:, None])

    def _vehicles(self, fleet: int, whole: bool) -> Ints:
        """Trips that carry the load, from no more vehicles than there are: (period, lane)."""
        world, program = self.world, self.program
        spec, periods = world.fleets[fleet], world.periods
        cost = self._over_time(world.prices.trip[spec.lanes])
        trips = program.variables(cost.shape, cost, float(spec.vehicles), whole)
        carried = program.rows(trips.shape, -np.inf, 0.0)
        program.add(carried[..., None], self.shipped[:, spec.lanes], 1.0 / spec.capacity)
        program.add(carried, trips, -1.0)
        left = program.rows((periods,), -np.inf, 0.0)
        program.add(left[:, None], trips, 1.0)
        away = program.rows((periods,), -np.inf, float(spec.vehicles))
        for t, times in enumerate(self.trip_periods(fleet)):
            for duration, count in zip(*np.unique(times, return_counts=True), strict=True):
                leaving = program.variables((1,), 0.0, float(count))
                program.add(left[t : t + 1], leaving, -1.0)
                program.add(away[t : t + int(duration)], leaving, 1.0)
        return trips

    def trip_periods(self, fleet: int) -> Ints:
        """Periods until each vehicle that leaves is back, at least one: (period, vehicle)."""
        vehicles = self.world.fleets[fleet].vehicles
        days = self.path.trip_time[:, fleet, :vehicles]
        return np.maximum(self.world.due_periods(days), 1)
