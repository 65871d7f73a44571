"""A scenario on one sample path as a linear program: its variables, its balances and its money.

Orders equal shipments: with the future known, nothing is gained by ordering what is not shipped.
Which shipment arrives when is read off the path, so that receipts need no variables of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.baselines.oracle_customers import Customers
from agents.baselines.oracle_limits import limit_lanes, limit_orders, limit_shelves
from agents.baselines.oracle_program import Program
from agents.baselines.oracle_storage import limit_storage
from agents.baselines.oracle_vehicles import Pool
from twin.exogenous.path import SamplePath
from twin.network.world import World

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Flags = NDArray[np.bool_]


class NetworkProgram:
    """The program of one path; the fields with a shape comment are indices of variables."""

    def __init__(self, world: World, path: SamplePath, whole_vehicles: bool) -> None:
        nodes, lanes, products, _ = world.shape
        periods = world.periods
        self.world = world
        self.path = path
        self.program = Program()
        self.discount = world.model.discount ** np.arange(periods)
        self.constant = 0.0  # cost that no decision changes
        self.due: Ints = world.due_periods(path.lead_time)
        self.arrival: Ints = np.arange(periods)[:, None] + self.due  # (period, lane)
        self.lag: Ints = np.maximum(world.order_lag, int(world.convention.ships_before_ordering))
        self.gate = path.lane_open * path.node_open[:, world.source]  # (period, lane)
        self.closed: Flags = path.node_open <= 0  # (period, node)
        self.first_orders = _by_period(world.initial_orders, world)  # (period, lane, product)
        limits = np.isfinite(world.storage_limit.most)
        self.limited: Flags = np.logical_or.reduce(limits, axis=0)  # (node,)
        self.docked = np.flatnonzero(self._waits()[:, world.destination].any(axis=0))
        self.shipped = self._shipments((periods, lanes, products))  # (period, lane, product)
        self.arriving, self.good = self._arrivals()  # (period, lane, product), (period, lane)
        self.on_hand = self._stock((periods, nodes, products))  # (period, node, product)
        self.dock = self._dock((periods, len(self.docked), products))  # (period, lane, product)
        self.wasting = np.nonzero(self._wastes())  # (node, product) of what can go to waste
        self.wasted = self._waste()  # (period, wasting)
        self.customers = Customers(self)
        self._balance()
        limit_lanes(self)
        limit_orders(self)
        limit_storage(self)
        limit_shelves(self)
        self.pools = [Pool(self, fleet, whole_vehicles) for fleet in range(len(world.fleets))]

    def happens_late(self, phase: str) -> bool:
        """Whether receipts come too late in a period to be used in one of its phases."""
        phases = self.world.convention.phases
        return phases.index("receive") > phases.index(phase)

    def over_time(self, price: Any) -> Floats:
        """Discounted price of every period: (period, ...)."""
        values = np.asarray(price, dtype=np.float64)
        return self.discount.reshape((-1,) + (1,) * values.ndim) * values

    def _waits(self) -> Flags:
        """Where goods may wait at the dock: (period, node)."""
        return self.closed | (self.limited & ~self.world.destroys)

    def _transit_cost(self) -> Floats:
        """Of a unit that leaves, for the period ends until it arrives: (period, lane, 1)."""
        paid = np.concatenate([[0.0], np.cumsum(self.discount)])
        end = np.minimum(self.arrival, self.world.periods)
        under_way: Floats = paid[end] - paid[np.arange(self.world.periods)][:, None]
        return under_way[..., None]

    def _rounds_losses(self) -> Flags:
        """Where a random part of whole units gets lost, in whole units: (period, lane)."""
        good = self.path.good
        return (good > 0) & (good < 1) & self.world.model.integral

    def _shipments(self, shape: tuple[int, ...]) -> Ints:
        world, prices = self.world, self.world.prices
        good = np.where(self._rounds_losses(), 0.0, self.path.good)[..., None]
        cost = self.over_time(prices.freight + prices.make)
        cost = cost + self._transit_cost() * prices.transit * good
        too_soon = np.arange(world.periods)[:, None] < self.lag
        shut = (too_soon & ~self.first_orders.any(axis=(0, 2))) | (self.gate <= 0)
        most = np.where(shut[..., None] | ~world.carries, 0.0, np.inf)
        return self.program.variables(shape, cost, most)

    def _arrivals(self) -> tuple[Ints, Floats]:
        """What arrives of a shipment, and the factor on it.

        Of whole units, a loss is rounded, so that what arrives is a variable of its own, at most
        half a unit off.
        """
        t, lane = np.nonzero(self._rounds_losses())
        arriving, good = self.shipped.copy(), self.path.good.copy()
        if len(t):
            program = self.program
            cost = (self._transit_cost() * self.world.prices.transit)[t, lane]
            arriving[t, lane] = program.variables(cost.shape, cost)
            share, good[t, lane] = good[t, lane][:, None], 1.0
            near = program.rows(cost.shape, -0.5, 0.5)
            program.add(near, arriving[t, lane], 1.0)
            program.add(near, self.shipped[t, lane], -share)
            part = program.rows(cost.shape, -np.inf, 0.0)
            program.add(part, arriving[t, lane], 1.0)
            program.add(part, self.shipped[t, lane], -1.0)
        return arriving, good

    def _stock(self, shape: tuple[int, ...]) -> Ints:
        cost = self.over_time(self.world.prices.holding)
        cost[-1] -= self.discount[-1] * self.world.prices.terminal
        return self.program.variables(shape, cost)

    def _dock(self, shape: tuple[int, ...]) -> Ints:
        transit = self.world.prices.transit[self.docked]
        most = np.where(self._waits()[:, self.world.destination[self.docked]], np.inf, 0.0)
        return self.program.variables(shape, self.over_time(transit), most[..., None])

    def _wastes(self) -> Flags:
        """What spoils, and what may be destroyed for want of room: (node, product)."""
        world = self.world
        destroys = (self.limited & world.destroys)[:, None]
        return destroys | (world.shelf_life > 0)[None, :]

    def _waste(self) -> Ints:
        cost = self.over_time(self.world.prices.disposal[self.wasting])
        return self.program.variables(cost.shape, cost)

    def _balance(self) -> None:
        """Stock at the end of a period is the stock before, plus receipts, less use and sales."""
        world, program = self.world, self.program
        piped = self._piped()
        start = world.inbound.matrix @ piped
        start[0] += world.initial_stock
        row = program.rows(self.on_hand.shape, start, start)
        program.add(row, self.on_hand, 1.0)
        program.add(row[1:], self.on_hand[:-1], -1.0)
        self.add_arrivals(row, world.destination, np.arange(len(world.lanes)), -1.0)
        into = world.destination[self.docked]
        program.add(row[:, into], self.dock, 1.0)
        program.add(row[1:, into], self.dock[:-1], -1.0)
        self.add_use(row, 1.0)
        self.customers.add_sales(row, 1.0)
        program.add(row[:, self.wasting[0], self.wasting[1]], self.wasted, 1.0)
        self._unload(piped[:, self.docked], into)

    def _piped(self) -> Floats:
        """What was on the road at the start, by arrival; its transit is paid whatever is done."""
        world = self.world
        piped = world.initial_transit
        paid = np.concatenate([[0.0], np.cumsum(self.discount)])
        end = np.minimum(np.arange(len(piped)), world.periods)
        self.constant += float(paid[end] @ (piped * world.prices.transit).sum(axis=(1, 2)))
        return _by_period(piped, world)

    def _unload(self, piped: Floats, into: Ints) -> None:
        """What leaves the docks is not negative, and nothing at a closed node."""
        program = self.program
        most = np.where(self.closed[:, into, None], -piped, np.inf)
        received = program.rows(self.dock.shape, -piped, most)
        self.add_arrivals(received, np.arange(len(self.docked)), self.docked, 1.0)
        program.add(received, self.dock, -1.0)
        program.add(received[1:], self.dock[:-1], 1.0)

    def add_arrivals(self, row: Ints, place: Ints, lanes: Ints, sign: float) -> None:
        """Add what arrives on ``lanes`` to the rows (period, place, product)."""
        t, at = np.nonzero(self.arrival[:, lanes] < self.world.periods)
        lane = lanes[at]
        arrival = self.arrival[t, lane]
        good = sign * self.good[t, lane][:, None]
        self.program.add(row[arrival, place[at]], self.arriving[t, lane], good)

    def add_use(self, row: Ints, sign: float) -> None:
        """Add the stock that shipments and production take, to rows (period, node, product)."""
        world = self.world
        lanes = np.flatnonzero(~world.unlimited[world.source])
        plain = sign * world.recipes.plain[lanes]
        self.program.add(row[:, world.source[lanes]], self.shipped[:, lanes], plain)
        for bill in world.recipes.bills:
            source = world.source[bill.lane]
            if not world.unlimited[source]:
                used = row[:, source][:, None, bill.used]
                made = self.shipped[:, bill.lane][:, bill.made, None]
                self.program.add(used, made, sign * bill.components)


def _by_period(pipe: Floats, world: World) -> Floats:
    """A pipe of the first epochs, over the whole horizon: (period, lane, product)."""
    rows = np.zeros((world.periods, *pipe.shape[1:]))
    known = pipe[: world.periods]
    rows[: len(known)] = known
    return rows
