"""The event engine: a network run event by event in SimPy. It is the truth.

Epochs, shipments and vehicles are events in continuous time; within an epoch the phases of the
convention run in order. Shipments that leave together and arrive together share one event.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.engine.clock import ARRIVAL, EPOCH, Clock, snapped
from twin.engine.decision import Decision
from twin.engine.fleet import VehiclePools
from twin.engine.ledger import PeriodLedger, Quantities
from twin.errors import SimulationError
from twin.exogenous.path import SamplePath
from twin.network.world import World

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


class EventEngine:
    """One run of one network on one sample path.

    Use: ``while engine.advance(): engine.decide(decision)``. ``advance`` runs the clock to the next
    decision epoch; ``decide`` runs the rest of the period.
    """

    def __init__(self, world: World, path: SamplePath, clock: Clock | None = None) -> None:
        nodes, lanes, products, _ = world.shape
        self.world = world
        self.path = path
        self.clock = clock or Clock()
        self.t = -1
        self.quantities = Quantities.empty(world)
        self.on_hand: Floats = world.initial_stock.copy()  # (node, product)
        self.backlog = np.zeros((nodes, products))  # customers'
        self.pending = np.zeros((nodes, products))  # customers' demand known, not yet served
        self.book = np.zeros((lanes, products))  # orders at the source
        self.under_way = np.zeros((lanes, products))  # orders on their way to the source
        self.transit = np.zeros((lanes, products))  # shipped, not received
        self.dock = np.zeros((lanes, products))  # arrived, not received
        self.vehicles = VehiclePools(world, path, self.clock)
        self._order_arrivals = np.zeros((world.periods, lanes, products))
        self._due: Ints = world.due_periods(path.lead_time)  # (period, lane)
        self._levels = _shipping_levels(world, self._due)
        self._storage_limited = bool(np.isfinite(world.storage).any())
        self._make_limited = bool(np.isfinite(world.make_capacity).any())
        self._lane_limited = bool(
            np.isfinite(world.lane_capacity).any() or path.lane_open.min(initial=1) < 1
        )
        self._bottomless = np.where(world.unlimited, np.inf, 0.0)[:, None]
        self._limited = (~world.unlimited)[:, None].astype(float)
        self._raw_per_unit = self._limited / world.make_output[:, None]
        self._lagged = bool(world.order_lag.any())
        self._independent = world.model.independent_links
        self._least_stock = -np.inf if self._independent else 0.0
        lanes_from = np.bincount(world.source, minlength=nodes)
        self._sole = np.equal(lanes_from[world.source], 1)[:, None]
        self._all_sole = self._independent or bool(self._sole.all())
        self._drops = world.drops[world.source]
        self._convoys: dict[bytes, list[tuple[float, Ints | slice]]] = {}
        self._docked = False
        self._at_order = False
        self._phases = {
            "receive": self._receive,
            "demand": self._learn_demand,
            "serve": self._serve,
            "account": self._account,
        }
        self.clock.at(0.0, EPOCH, self._begin, 0)

    @property
    def ledger(self) -> PeriodLedger:
        """The record of the run so far (complete once ``advance`` has returned False)."""
        return PeriodLedger(self.world, self.path.seed, self.quantities)

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
        open_demand = self.backlog + self.pending
        lost = self.world.lost[:, None]
        customers = np.where(lost, np.minimum(open_demand, self._stock()), open_demand)
        return customers + self.world.outbound.total(self.book)

    @property
    def idle(self) -> Floats:
        """Vehicles at their depots: (fleet,)."""
        return self.vehicles.idle

    def demand_row(self, t: int) -> Floats:
        """Customers' demand of a past or current period: (node, product)."""
        row: Floats = self.quantities.demand[t]
        return row

    def request_row(self, t: int) -> Floats:
        """Orders of downstream nodes that reached each node in a past period: (node, product)."""
        return self.world.outbound.total(self._order_arrivals[t])

    def shipped_row(self, t: int) -> Floats:
        """Shipments of a past period: (lane, product)."""
        row: Floats = self.quantities.shipped[t]
        return row

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
        self._place(decision.validated(self.world).orders)
        for phase in self.world.convention.after_order:
            if phase == "ship":
                self._ship(decision)
            else:
                self._phases[phase]()
        if self.t + 1 < self.world.periods:
            self.clock.at((self.t + 1) * self.world.period_d, EPOCH, self._begin, self.t + 1)

    def _begin(self, t: int) -> None:
        self.t = t
        for phase in self.world.convention.before_order:
            self._phases[phase]()
        self._at_order = True

    def _learn_demand(self) -> None:
        self.pending = self.path.demand[self.t]
        self.quantities.demand[self.t] = self.pending

    def _place(self, orders: Floats) -> None:
        """Send the orders to the sources, where they arrive after the order lead time."""
        self.quantities.ordered[self.t] = orders
        if not self._lagged:
            self._order_arrivals[self.t] = orders
        else:
            arrival = self.t + self.world.order_lag
            lanes = np.flatnonzero(arrival < self.world.periods)
            self._order_arrivals[arrival[lanes], lanes] = orders[lanes]
        self.under_way += orders

    def _ship(self, decision: Decision) -> None:
        """Serve the orders of downstream nodes, one echelon after the other where that matters."""
        arrived = self._order_arrivals[self.t]
        self.book += arrived
        self.under_way -= arrived
        for lanes in self._levels:
            self._ship_lanes(decision, lanes)
        self.quantities.unfilled[self.t] = self.book
        if self._drops.any():
            self.book[self._drops] = 0.0

    def _ship_lanes(self, decision: Decision, lanes: NDArray[np.bool_] | None) -> None:
        world, t = self.world, self.t
        want = self.book if lanes is None else np.where(lanes[:, None], self.book, 0.0)
        if self._lane_limited:
            want = _within(want, world.lane_capacity, self.path.lane_open[t])
        shipped = self._allocate(want)
        if world.fleets:
            shipped = self.vehicles.load(shipped, decision, t, self.quantities.trips[t])
        if world.model.integral:
            shipped = np.floor(shipped + 1e-9)
        used = world.outbound.total(shipped) * self._raw_per_unit
        self.on_hand = np.maximum(self.on_hand - used, self._least_stock)
        self.book = np.maximum(self.book - shipped, 0.0)
        self.transit += shipped
        self.quantities.shipped[t] += shipped
        self._send(shipped)

    def _allocate(self, want: Floats) -> Floats:
        """Share what each node can ship among its lanes, in proportion to what they want."""
        world = self.world
        stock = self._stock() * world.make_output[:, None] + self._bottomless
        if self._all_sole:
            granted = np.minimum(want, stock[world.source])
        else:
            wanted = world.outbound.total(want)
            ratio = np.minimum(stock / np.maximum(wanted, 1e-300), 1.0)[world.source]
            granted = np.where(self._sole, np.minimum(want, stock[world.source]), want * ratio)
        if self._make_limited:
            made = granted.sum(axis=1)
            made = made if self._independent else world.outbound.total(made)[world.source]
            ratio = world.make_capacity[world.source] / np.maximum(made, 1e-300)
            granted = granted * np.minimum(ratio, 1.0)[:, None]
        return granted

    def _stock(self) -> Floats:
        """On hand as far as it is there: independent links can owe more than there is."""
        return np.maximum(self.on_hand, 0.0) if self._independent else self.on_hand

    def _send(self, shipped: Floats) -> None:
        """Put shipments on the road: one event per arrival time."""
        t, period = self.t, self.world.period_d
        for arrival_after, lanes in self._convoys_of(t):
            units = shipped[lanes]
            if not units.any():
                continue
            if arrival_after > 0.0:
                at = snapped(t * period + arrival_after, period)
                self.clock.at(at, ARRIVAL, self._arrive, (lanes, units))
            else:
                self._arrive((lanes, units))
                if self.world.convention.receives_before_shipping:
                    self._receive()

    def _convoys_of(self, t: int) -> list[tuple[float, Ints | slice]]:
        """Lanes grouped by the lead time of the shipments that leave in period ``t``."""
        row = self.path.lead_time[t]
        key = row.tobytes()
        if key not in self._convoys:
            row = np.where(self._due[t] == 0, 0.0, row)
            self._convoys[key] = [(float(v), _selector(row == v)) for v in np.unique(row)]
        return self._convoys[key]

    def _arrive(self, convoy: tuple[Ints | slice, Floats]) -> None:
        lanes, units = convoy
        self.dock[lanes] += units
        self._docked = True

    def _receive(self) -> None:
        """Put what has arrived on hand, as far as there is room."""
        if not self._docked:
            return
        world = self.world
        taken = self.dock
        self._docked = False
        if self._storage_limited:
            incoming = world.inbound.total(taken).sum(axis=1)
            room = np.maximum(world.storage - self.on_hand.sum(axis=1), 0.0)
            ratio = np.minimum(room / np.maximum(incoming, 1e-300), 1.0)
            taken = taken * ratio[world.destination][:, None]
            if world.model.integral:
                taken = np.floor(taken + 1e-9)
            self._docked = bool((taken < self.dock).any())
        self.dock = self.dock - taken
        self.transit = np.maximum(self.transit - taken, 0.0)
        self.on_hand = self.on_hand + world.inbound.total(taken)
        self.quantities.received[self.t] += taken

    def _serve(self) -> None:
        """Serve customers from stock; the rest is backlogged or lost."""
        world, t = self.world, self.t
        want = self.pending + self.backlog
        self.pending = np.zeros_like(want)
        stock = self._stock() + self._bottomless
        sold = np.minimum(want, stock)
        unmet = want - sold
        self.on_hand = self.on_hand - sold * self._limited
        self.backlog = np.where(world.lost[:, None], 0.0, unmet)
        self.quantities.sold[t] = sold
        self.quantities.unmet[t] = unmet

    def _account(self) -> None:
        self.quantities.on_hand[self.t] = self.on_hand
        self.quantities.in_transit[self.t] = self.transit
        self.quantities.waiting[self.t] = self.under_way + self.book


def _within(want: Floats, capacity: Floats, lane_open: Floats) -> Floats:
    """Scale each lane's wishes down to its capacity, and to the share of it that is open."""
    ratio = np.minimum(capacity / np.maximum(want.sum(axis=1), 1e-300), 1.0) * lane_open
    scaled: Floats = want * ratio[:, None]
    return scaled


def _selector(lanes: NDArray[np.bool_]) -> Ints | slice:
    """Index of the chosen lanes; a slice where they stand together, which is faster."""
    found = np.flatnonzero(lanes)
    if found[-1] - found[0] + 1 == len(found):
        return slice(int(found[0]), int(found[-1]) + 1)
    return found


def _shipping_levels(world: World, due: Ints) -> list[NDArray[np.bool_] | None]:
    """Groups of lanes that ship one after the other; one group of all unless leads can be zero."""
    if not world.convention.receives_before_shipping or due.min(initial=1) > 0:
        return [None]
    depth = world.depth[world.source]
    return [np.equal(depth, level) for level in np.unique(depth)]
