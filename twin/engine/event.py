"""The event engine: a network run event by event in SimPy. It is the truth.

Epochs, shipments and vehicles are events in continuous time; within an epoch the phases of the
convention run in order. Shipments that leave together and arrive together share one event.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.engine.allocation import Allocator
from twin.engine.clock import EPOCH, Clock
from twin.engine.decision import Decision
from twin.engine.fleet import VehiclePools
from twin.engine.ledger import PeriodLedger, Quantities
from twin.engine.parts import Parts
from twin.engine.placing import State
from twin.engine.road import Road
from twin.engine.rules import TINY, Rules
from twin.engine.shelf import Shelf
from twin.errors import SimulationError
from twin.exogenous.forecast import forecasts
from twin.exogenous.path import SamplePath
from twin.network.world import World

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Flags = NDArray[np.bool_]


class EventEngine:
    """One run of one network on one sample path.

    Use: ``while engine.advance(): engine.decide(decision)``. ``advance`` runs the clock to the next
    decision epoch; ``decide`` runs the rest of the period. Who runs a world many times passes its
    ``parts``.
    """

    def __init__(
        self,
        world: World,
        path: SamplePath,
        clock: Clock | None = None,
        parts: Parts | None = None,
    ) -> None:
        nodes, lanes, products, _ = world.shape
        parts = parts or Parts.of(world)
        self.world = world
        self.path = path
        self.clock = clock or Clock()
        self.t = -1
        self._rules = Rules.on(parts.constants, path)
        self.quantities = Quantities.empty(world, self._rules.never)
        self.on_hand: Floats = world.initial_stock.copy()  # (node, product)
        self.backlog = np.zeros((nodes, products))  # customers'
        self.pending = np.zeros((nodes, products))  # customers' demand known, not yet served
        self.book = np.zeros((lanes, products))  # orders at the source
        self.under_way: Floats = world.initial_orders.sum(axis=0)  # orders on their way there
        self.vehicles = VehiclePools(world, path, self.clock)
        self._desk = parts.desk
        self._allocator = Allocator(world)
        self._counter = parts.counter
        self._shelf = Shelf(world) if self._rules.perishable else None
        self._booking = Decision.of_orders(world, np.zeros((lanes, products)))
        self._order_arrivals = _first_orders(world)
        self._road = Road(world, path, self.clock, self._shelf)
        self._levels = _shipping_levels(world, self._road.due)
        self._forecasts = forecasts(world, path.demand, path.seed)
        self._at_order = False
        self._phases = {
            "receive": self._receive,
            "demand": self._learn_demand,
            "ship": self._ship,
            "serve": self._serve,
            "account": self._account,
        }
        self.clock.at(0.0, EPOCH, self._begin, 0)

    @property
    def ledger(self) -> PeriodLedger:
        """The record of the run so far (complete once ``advance`` has returned False)."""
        return PeriodLedger(self.world, self.path.seed, self.quantities)

    @property
    def transit(self) -> Floats:
        """Shipped, not received: (lane, product)."""
        return self._road.transit

    @property
    def on_order(self) -> Floats:
        """Ordered and not yet received: (lane, product)."""
        return self.under_way + self.book + self.transit

    def inventory_position(self) -> Floats:
        """On hand, less what is owed to anybody, plus on order: (node, product)."""
        return self.on_hand - self.owed() + self.world.inbound.total(self.on_order)

    def owed(self) -> Floats:
        """Units promised: customers' and downstream nodes' open demand, (node, product).

        Where unmet demand is lost, no more is owed to customers than is on hand.
        """
        customers = self.backlog + self.pending
        if self._rules.some_lost:
            served = np.minimum(customers, self._stock())
            customers = np.where(self.world.lost[:, None], served, customers)
        return customers + self._claimed(self.book)

    @property
    def idle(self) -> Floats:
        """Vehicles at their depots: (fleet,)."""
        return self.vehicles.idle

    def demand_row(self, t: int) -> Floats:
        """Customers' demand of a past or current period: (node, product)."""
        row: Floats = self.quantities.demand[t]
        return row

    def request_row(self, t: int) -> Floats:
        """Stock that the orders which reached each node in a period ask for: (node, product)."""
        return self._claimed(self._order_arrivals[t])

    def shipped_row(self, t: int) -> Floats:
        """Shipments of a past period: (lane, product)."""
        row: Floats = self.quantities.shipped[t]
        return row

    def forecast(self) -> Floats | None:
        """Demand of the coming periods as forecast now: (node, product); None without forecasts."""
        return None if self._forecasts is None else self._forecasts[self.t]

    def returning_row(self, t: int) -> Floats:
        """Vehicles that will be back at a later epoch: (fleet,)."""
        return self.vehicles.returning_row(t)

    def advance(self) -> bool:
        """Run to the next decision epoch; False when the horizon is over."""
        if self.t >= self.world.periods - 1:
            return False
        step = self.clock.step
        while not self._at_order:
            step()
        return True

    def decide(self, decision: Decision) -> None:
        """Carry out the decision of the current epoch and finish the period.

        Raises SimulationError outside a decision epoch or for an impossible decision.
        """
        if not self._at_order:
            raise SimulationError("not at a decision epoch", fix="Call advance() first.")
        self._at_order = False
        self._booking = decision.validated(self.world)
        self._place(self._booking.orders)
        for phase in self.world.convention.after_order:
            self._phases[phase]()
        if self.t + 1 < self.world.periods:
            self.clock.at((self.t + 1) * self.world.period_d, EPOCH, self._begin, self.t + 1)

    def _begin(self, t: int) -> None:
        self.t = self._road.t = t
        if self._shelf is not None and t > 0:
            self._throw_away(self._shelf.grow_older())
        for phase in self.world.convention.before_order:
            self._phases[phase]()
        self._at_order = True

    def _throw_away(self, spoiled: Floats) -> None:
        """Write spoiled units (node, product) off."""
        self.on_hand = np.maximum(self.on_hand - spoiled, 0.0)
        self.quantities.wasted[self.t] += spoiled

    def _learn_demand(self) -> None:
        self.pending = self.path.demand[self.t]
        self.quantities.demand[self.t] = self.pending

    def _place(self, orders: Floats) -> None:
        """Send the orders to the sources, where they arrive after the order lead time."""
        world = self.world
        if self._desk.changes_orders:
            orders = self._desk.placed(orders, self._desk_state())
            orders = np.rint(orders) if world.model.integral else orders
        self.quantities.ordered[self.t] = orders
        if not self._rules.lagged:
            self._order_arrivals[self.t] = orders
            return
        lag = np.maximum(world.order_lag, int(world.convention.ships_before_ordering))
        lanes = np.flatnonzero(self.t + lag < world.periods)
        self._order_arrivals[self.t + lag[lanes], lanes] += orders[lanes]
        self.under_way = self.under_way + orders

    def _desk_state(self) -> State | None:
        if not self._desk.looks_at_state:
            return None
        free = np.maximum(self.on_hand - self.owed(), 0.0) + self._rules.bottomless
        gate = self._rules.gate[self.t]
        return State(self.inventory_position(), free, gate, self._order_arrivals[self.t])

    def _ship(self) -> None:
        """Serve the orders of downstream nodes, one echelon after the other where that matters."""
        arrived = self._order_arrivals[self.t]
        self.book = self.book + arrived
        if self._rules.lagged:
            self.under_way = self.under_way - arrived
        self._allocator.arrive(arrived)
        for lanes in self._levels:
            self._ship_lanes(lanes)
        # What waits to be produced is nobody's unfilled order, and costs no penalty.
        sold_on = ~self.world.produces[:, None] if self._rules.producing else 1.0
        self.quantities.unfilled[self.t] = self.book * sold_on
        if self._rules.some_drop:
            dropped = np.where(self._rules.drops[:, None], self.book, 0.0)
            self._allocator.settle(dropped)
            self.book = self.book - dropped

    def _ship_lanes(self, lanes: Flags | None) -> None:
        t = self.t
        want = self.book if lanes is None else np.where(lanes[:, None], self.book, 0.0)
        shipped = self._allocate(self._rules.within_lanes(want, t))
        if self.world.fleets:
            shipped = self._on_vehicles(shipped)
        if self.world.model.integral:
            shipped = np.floor(shipped + 1e-9)
        claims = self._rules.claims(shipped)
        ages = None if self._shelf is None else self._shelf.leave(claims, shipped)
        used = self.world.outbound.total(claims) * self._rules.limited
        self.on_hand = np.maximum(self.on_hand - used, self._rules.least_stock)
        self.book = np.maximum(self.book - shipped, 0.0)
        self._allocator.settle(shipped)
        self._record_shipments(shipped)
        scrapped = self._rules.scrapped(shipped, t)
        if scrapped is None:
            self._send(shipped, ages)
        else:
            self.quantities.scrapped[t] += scrapped
            good = shipped - scrapped
            if ages is not None and self._shelf is not None:
                ages = self._shelf.part(ages, good / np.maximum(shipped, TINY))
            self._send(good, ages)

    def _record_shipments(self, shipped: Floats) -> None:
        t, rules, rows = self.t, self._rules, self.quantities
        rows.shipped[t] += shipped
        if rules.priced:
            rows.surcharge[t] += rules.surcharge(shipped, t)
        if rules.producing:
            rows.setups[t] += rules.setups(shipped)

    def _on_vehicles(self, ready: Floats) -> Floats:
        """What leaves: on vehicles, or by common carrier where that is an offer."""
        t = self.t
        loaded = self.vehicles.load(ready, self._booking, t, self.quantities.trips[t])
        if not self._rules.some_carrier:
            return loaded
        loaded = np.floor(loaded + 1e-9) if self.world.model.integral else loaded
        rest = np.where(self._rules.carrier[:, None], ready - loaded, 0.0)
        rest = np.floor(rest + 1e-9) if self.world.model.integral else rest
        self.quantities.carrier[t] += rest.sum(axis=1)
        return loaded + rest

    def _allocate(self, want: Floats) -> Floats:
        """Share what each node can ship among its lanes."""
        world, rules = self.world, self._rules
        if rules.simple:
            stock = self._stock() + rules.bottomless
            stock = stock if rules.plain else stock * world.make_output[:, None]
            granted = rules.proportional(want, stock)
        else:
            granted = self._allocator.grant(want, self._stock() + rules.bottomless)
        return rules.within_making(granted, self.t) if rules.make_limited else granted

    def _stock(self) -> Floats:
        """On hand as far as it is there: independent links can owe more than there is."""
        return np.maximum(self.on_hand, 0.0) if self._rules.independent else self.on_hand

    def _claimed(self, units: Floats) -> Floats:
        """Stock of the sources that lane quantities (lane, product) ask for: (node, product)."""
        return self.world.outbound.total(self._rules.claims(units))

    def _send(self, units: Floats, ages: Floats | None) -> None:
        """Put shipments on the road; what has no lead time may be used in the same period."""
        arrived = self._road.send(units, ages)
        if arrived and self.world.convention.receives_before_shipping:
            self._receive()

    def _receive(self) -> None:
        """Put what has arrived on hand, as far as there is room."""
        road, rules, t = self._road, self._rules, self.t
        if not road.occupied:
            return
        taken = gone = there = road.dock
        road.occupied = False
        if rules.receives_in_part:
            taken, gone = rules.received(there, self.on_hand, t)
            road.occupied = bool((gone < there).any())
            self.quantities.wasted[t] += self.world.inbound.total(gone - taken)
        road.unload(gone)
        self.on_hand = self.on_hand + self.world.inbound.total(taken)
        self.quantities.received[t] += gone
        if self._shelf is not None:
            there = np.maximum(there, TINY)
            self._throw_away(self._shelf.receive(taken / there, gone / there))

    def _serve(self) -> None:
        """Serve customers from stock; the rest is backlogged or lost."""
        rules, t = self._rules, self.t
        want = self.pending + self.backlog
        self.pending = rules.nothing
        stock = self._stock() + rules.bottomless
        served = self._counter.serve(want, stock, rules.working(t))
        if self._shelf is not None:
            self._shelf.take(served.sold)
        self.on_hand = self.on_hand - served.sold * rules.limited
        self.backlog = served.unmet * rules.keeps
        self.quantities.sold[t] = served.sold
        self.quantities.unmet[t] = served.unmet
        if served.substituted is not None:
            self.quantities.substituted[t] = served.substituted

    def _account(self) -> None:
        rows, t = self.quantities, self.t
        rows.on_hand[t] = self.on_hand
        rows.in_transit[t] = self.transit
        rows.waiting[t] = self.under_way + self.book
        if t == self.world.periods - 1:
            rows.ending[t] = self.on_hand


def _first_orders(world: World) -> Floats:
    """Orders by the period they reach the source in: (period, lane, product)."""
    _, lanes, products, _ = world.shape
    arrivals = np.zeros((world.periods, lanes, products))
    known = world.initial_orders[: world.periods]
    arrivals[: len(known)] = known
    return arrivals


def _shipping_levels(world: World, due: Ints) -> list[Flags | None]:
    """Groups of lanes that ship one after the other; one group of all unless leads can be zero.

    A factory makes to stock before it ships.
    """
    if not world.convention.receives_before_shipping or due.min(initial=1) > 0:
        return [None]
    level = 2 * world.depth[world.source] + ~world.produces
    return [np.equal(level, value) for value in np.unique(level)]
