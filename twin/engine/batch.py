"""The batch engine: thousands of replications of one network as arrays, replications last.

It means what ``twin.engine.event`` means, to rounding (a law with a test). ``xp`` is numpy or
torch; no array that carries state is written in place, so that torch can differentiate through it.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.engine.batch_arrays import WorldArrays
from twin.engine.batch_fleet import put_on_vehicles
from twin.engine.batch_limits import over_products
from twin.engine.batch_money import PeriodProfit
from twin.engine.batch_path import BatchPath, as_array, stack_paths
from twin.engine.batch_pipeline import Pipeline, Returns, plus
from twin.engine.batch_rules import BatchRules, unused_flows
from twin.engine.batch_serving import BatchCounter
from twin.engine.batch_shelf import BatchShelf
from twin.engine.batch_support import refuse_unknown
from twin.engine.bounds import at_least
from twin.engine.ledger import Quantities, shapes_of
from twin.engine.placing import OrderDesk, State
from twin.env.observe import RECENT
from twin.errors import SimulationError
from twin.network.world import World

__all__ = ["BatchEngine", "BatchPath", "stack_paths"]

Floats = NDArray[np.float64]


class BatchEngine:
    """B runs of one network on B sample paths.

    Use: ``while engine.advance(): engine.decide(orders, vehicles, min_load)``. With
    ``keep_rows=False`` only the rows that observations need are kept, and there is no ledger.
    """

    def __init__(self, world: World, path: BatchPath, xp: Any = np, keep_rows: bool = True) -> None:
        refuse_unknown(world)
        self.world = world
        self.path = path
        self.xp = xp
        self.arrays = arrays = WorldArrays.of(world, path, xp)
        self.t = -1
        self.on_hand = arrays.initial_stock  # (node, product, B)
        self.backlog = 0 * arrays.initial_stock  # customers'
        self.pending = self._nobody = self.backlog  # customers' demand known, not yet served
        self.book = arrays.zero_lanes  # (lane, product, B) orders at the source
        self.under_way = arrays.zero_lanes + sum(arrays.initial_orders)  # on their way there
        self.transit = arrays.zero_lanes + sum(arrays.initial_transit)  # shipped, not received
        self.dock: Any | None = None  # arrived, not received
        one = arrays.zero_lanes[:1, 0] + 1 if world.lanes else 0 * path.demand[0, :1, 0] + 1
        self.idle = _column([float(f.vehicles) for f in world.fleets], one, xp)  # (fleet, B)
        self._no_trips = _column([0.0] * len(world.lanes), one, xp)  # (lane, B)
        self._booking = (_column(world.fleet_vehicles.tolist(), one, xp), self._no_trips)
        self._fleet_size = self.idle
        self._shipments = Pipeline(path.due, path.demand, xp)
        counts = tuple(f.vehicles for f in world.fleets)
        self._returns = Returns(path.trip_due, counts, path.demand[0], xp) if counts else None
        self._shelf: BatchShelf | None = None
        if world.shelf_life.any():
            self._shelf = BatchShelf(world, arrays, self._shipments, xp, self._cast)
        self._counter = BatchCounter(world, xp)
        self._levels = self._shipping_levels()
        self._profit = PeriodProfit(world, arrays, path.demand, xp, unused_flows(world, path))
        self._rules = BatchRules(xp, path, arrays)
        self._desk = OrderDesk(world, xp, self._cast)
        self._keep = keep_rows
        self._memory = max(world.history, RECENT, self._shipments.longest, _longest_lag(world)) + 1
        self._ordered: dict[int, Any] = {}
        self._shipped: dict[int, Any] = {}
        self._aboard: dict[int, Any] = {}  # of it, what will arrive in good order
        self._arrivals: dict[int, Any] = {}  # orders that reached the sources
        self._requests: dict[int, Any] = {}  # what they ask for, where somebody looked
        self._rows: dict[str, list[Any]] = {f.name: [] for f in fields(Quantities)}
        self._row: dict[str, Any] = {}
        lags = np.maximum(world.order_lag, int(world.convention.ships_before_ordering))
        self._lags = [(int(lag), self.lane_mask(lags == lag)) for lag in np.unique(lags)]
        # Without an order lead time no order is ever on its way to the source.
        self._prompt = not lags.any() and not arrays.initial_orders
        self._at_order = False

    @property
    def on_order(self) -> Any:
        """Ordered and not yet received: (lane, product, B)."""
        at_sources = self.book if self._prompt else self.under_way + self.book
        return at_sources + self.transit

    def inventory_position(self) -> Any:
        """On hand, less what is owed to anybody, plus on order: (node, product, B)."""
        return self.on_hand - self.owed() + self.arrays.brought(self.on_order)

    def owed(self) -> Any:
        """Units promised: customers' and downstream nodes' open demand, (node, product, B)."""
        customers = self.backlog + self.pending
        if self.arrays.keeps is not None:
            served = self.xp.minimum(customers, self._stock())
            customers = self.xp.where(self.arrays.keeps > 0, customers, served)
        return customers + self.arrays.recipes.claimed(self.book)

    def demand_row(self, t: int) -> Any:
        """Customers' demand of a past or current period: (node, product, B)."""
        return self.path.demand[t]

    def request_row(self, t: int) -> Any:
        """Stock that the orders which reached each node in a past period ask for."""
        if t not in self._requests:
            self._requests[t] = self.arrays.recipes.claimed(self._arrivals[t])
        return self._requests[t]

    def shipped_row(self, t: int) -> Any:
        """Shipments of a past period: (lane, product, B)."""
        return self._shipped[t]

    def forecast(self) -> Any | None:
        """Demand of the coming periods as forecast now: (node, product, B)."""
        return None if self.path.forecast is None else self.path.forecast[self.t]

    def returning_row(self, t: int) -> Any:
        """Vehicles that will be back at a later epoch: (fleet, B)."""
        if self._returns is None or t >= self.world.periods:
            return 0 * self.idle
        return self._returns.row(t)

    def advance(self) -> bool:
        """Go to the next decision epoch; False when the horizon is over."""
        if self._at_order:
            return True
        if self.t >= self.world.periods - 1:
            return False
        self.t += 1
        self._row = {}
        self.dock = plus(self.dock, self._shipments.arrivals(self.t, self._aboard))
        pipe = self.arrays.initial_transit
        known = pipe[self.t] if self.t < len(pipe) else None
        self.dock = plus(self.dock, known)
        if self._shelf is not None:
            self._throw_away(self._shelf.begin(self.t, known))
        if self._returns is not None:
            self.idle = self.idle + self._returns.row(self.t)
        for phase in self.world.convention.before_order:
            self._run(phase)
        self._at_order = True
        return True

    def decide(self, orders: Any, vehicles: Any, min_load: Any) -> None:
        """Carry out the decisions of this epoch and finish the period.

        ``orders`` (lane, product, B) units, ``vehicles`` (lane, B) the most that may leave,
        ``min_load`` (lane, B) the share of its capacity that the last vehicle must fill. They are
        trusted to be finite and not negative. Raises SimulationError outside an epoch.
        """
        if not self._at_order:
            raise SimulationError("not at a decision epoch", fix="Call advance() first.")
        self._at_order = False
        self._booking = (vehicles, min_load)
        self._place(self.xp.round(orders) if self.arrays.integral else orders)
        for phase in self.world.convention.after_order:
            self._run(phase)
        for name, rows in self._rows.items() if self._keep else ():
            rows.append(self._row.get(name))

    def _throw_away(self, spoiled: Any) -> None:
        """Write spoiled units (node, product, B) off."""
        self.on_hand = at_least(self.on_hand - spoiled, 0, self.xp)
        self._row["wasted"] = plus(self._row.get("wasted"), spoiled)

    def profit_row(self) -> Any:
        """Profit of the period just finished, not discounted: (node, B)."""
        return self._profit(self._row)

    def missed_row(self) -> Any:
        """Demand of the period just finished that was not met in it: (node, product, B)."""
        return self.xp.minimum(self._row["unmet"], self._row["demand"])

    def quantities(self) -> Quantities:
        """Everything recorded, as numpy arrays with a trailing axis B.

        Raises SimulationError when the rows were not kept.
        """
        if not self._keep:
            raise SimulationError("the rows were not kept", fix="Build it with keep_rows=True.")
        empty = (self.world.periods, self.path.replications)
        shapes = shapes_of(self.world)
        return Quantities(
            **{n: _as_numpy(rows, shapes[n], *empty) for n, rows in self._rows.items()}
        )

    def _run(self, phase: str) -> None:
        match phase:
            case "receive":
                self._receive()
            case "demand":
                self.pending = self.path.demand[self.t]
            case "ship":
                self._ship(*self._booking)
            case "serve":
                self._serve()
            case "account":
                self._account()

    def _place(self, orders: Any) -> None:
        """Send the orders to the sources, where they arrive after the order lead time."""
        if self._desk.changes_orders:
            orders = self._desk.placed(orders, self._desk_state())
            orders = self.xp.round(orders) if self.arrays.integral else orders
        self._row["ordered"] = self._ordered[self.t] = orders
        if not self._prompt:
            self.under_way = self.under_way + orders

    def _desk_state(self) -> State | None:
        if not self._desk.looks_at_state:
            return None
        free = at_least(self.on_hand - self.owed(), 0, self.xp)
        free = free if self.arrays.endless is None else free + self.arrays.endless
        arriving = self._arrived_orders(0 * self.under_way)
        return State(self.inventory_position(), free, self.path.lane_open[self.t], arriving)

    def _arrived_orders(self, now: Any) -> Any:
        """Orders that reach their sources in this period; ``now`` are those just placed."""
        t, total = self.t, None
        for lag, mask in self._lags:
            row = now if lag == 0 else self._ordered.get(t - lag, self.arrays.zero_lanes)
            total = row if total is None else self.xp.where(mask, row, total)
        if t < len(self.arrays.initial_orders):
            total = plus(total, self.arrays.initial_orders[t])
        return self.arrays.zero_lanes if total is None else total

    def _cast(self, values: NDArray[np.float64]) -> Any:
        """Numpy values as an array of the engine's kind."""
        like = self.path.demand
        return as_array(values, self.xp, like.dtype, getattr(like, "device", None))

    def _ship(self, vehicles: Any, min_load: Any) -> None:
        """Serve the orders of downstream nodes, one echelon after the other where that matters."""
        arrived = self._arrived_orders(self._ordered.get(self.t, self.arrays.zero_lanes))
        self._arrivals[self.t] = arrived
        self.book = self.book + arrived
        if not self._prompt:
            self.under_way = self.under_way - arrived
        shipped, trips, left = None, None, None
        for lanes in self._levels:
            sent, leaving, gone = self._ship_lanes(lanes, vehicles, min_load)
            shipped = plus(shipped, sent)
            if self.arrays.fleets:
                trips, left = plus(trips, leaving), plus(left, gone)
        if self._returns is not None:
            self._returns.leave(self.t, left)
        trips = self._no_trips if trips is None else trips
        produces = self.arrays.produces
        unfilled = self.book if produces is None else self.book * (1 - produces[:, None])
        self._row |= {"shipped": shipped, "trips": trips, "unfilled": unfilled}
        self._shipped[self.t] = shipped
        self._record_shipments(shipped)
        scrapped = self._row.get("scrapped")
        self._aboard[self.t] = shipped if scrapped is None else shipped - scrapped
        if self.arrays.source_keeps is not None:
            self.book = self.book * self.arrays.source_keeps

    def _ship_lanes(self, lanes: Any | None, vehicles: Any, min_load: Any) -> tuple[Any, Any, Any]:
        xp, arrays = self.xp, self.arrays
        want = self.book if lanes is None else xp.where(lanes, self.book, 0.0)
        trips, left = 0.0, 0.0
        stock = self._stock() if arrays.endless is None else self._stock() + arrays.endless
        shipped = self._rules.allocate(self._rules.within_lanes(want, self.t), stock, self.t)
        if arrays.fleets:
            shipped, trips, left = self._on_vehicles(shipped, vehicles, min_load)
        if arrays.integral:
            shipped = xp.floor(shipped + arrays.slack)
        claimed = arrays.recipes.claimed(shipped)
        rest = self.on_hand - claimed * arrays.limited
        self.on_hand = rest if arrays.independent else at_least(rest, 0, xp)
        self.book = at_least(self.book - shipped, 0, xp)
        scrapped = self._rules.scrapped(shipped, self.t)
        on_the_road = shipped if scrapped is None else shipped - scrapped
        self.transit = self.transit + on_the_road
        if self._shelf is not None:
            arriving = None if scrapped is None else on_the_road
            self._shelf.leave(self.t, shipped, claimed, arriving)
        self._arrive_at_once(self._shipments.at_once(self.t, on_the_road))
        return shipped, trips, left

    def _record_shipments(self, shipped: Any) -> None:
        """Note what a period's shipments cost and lose, as far as the scenario has such things."""
        rules, t = self._rules, self.t
        found = {
            "surcharge": rules.surcharge(shipped, t),
            "setups": rules.setups(shipped),
            "scrapped": rules.scrapped(shipped, t),
        }
        self._row |= {name: value for name, value in found.items() if value is not None}

    def _on_vehicles(self, ready: Any, vehicles: Any, min_load: Any) -> tuple[Any, Any, Any]:
        """What leaves, on vehicles or by common carrier; trips and vehicles gone."""
        xp, arrays = self.xp, self.arrays
        idle = self._rules.in_service(self.idle, self._fleet_size, self.t)
        loaded, trips, left = put_on_vehicles(arrays, ready, vehicles, min_load, idle, xp)
        self.idle = self.idle - left
        if arrays.carrier is None:
            return loaded, trips, left
        loaded = xp.floor(loaded + arrays.slack) if arrays.integral else loaded
        rest = (ready - loaded) * arrays.carrier
        rest = xp.floor(rest + arrays.slack) if arrays.integral else rest
        self._row["carrier"] = plus(self._row.get("carrier"), over_products(rest))
        return loaded + rest, trips, left

    def _arrive_at_once(self, arrived: Any | None) -> None:
        """Unload what has no lead time, and with it what waits at a dock, where that is allowed."""
        if arrived is None:
            return
        self.dock = plus(self.dock, arrived)
        if self.world.convention.receives_before_shipping:
            self._receive((arrived.sum(0).sum(0) > 0) if self.arrays.storage is not None else None)

    def _stock(self) -> Any:
        """On hand as far as it is there: independent links can owe more than there is."""
        return at_least(self.on_hand, 0, self.xp) if self.arrays.independent else self.on_hand

    def _receive(self, where: Any | None = None) -> None:
        """Put what has arrived on hand, as far as there is room; ``where`` picks replications."""
        taken = gone = self.dock
        arrays, xp = self.arrays, self.xp
        if taken is None:
            return
        if arrays.storage is None and self.path.node_open is None:
            self.dock = None
        else:
            taken, gone = self._rules.received(self.dock, self.on_hand, self.t)
            if where is not None:
                taken, gone = xp.where(where, taken, 0.0), xp.where(where, gone, 0.0)
            if arrays.destroys is not None:
                wasted = arrays.brought(gone - taken)
                self._row["wasted"] = plus(self._row.get("wasted"), wasted)
            self.dock = self.dock - gone
        self.transit = at_least(self.transit - gone, 0, xp)
        self.on_hand = self.on_hand + arrays.brought(taken)
        self._row["received"] = plus(self._row.get("received"), gone)
        if self._shelf is not None:
            there = gone if self.dock is None else self.dock + gone
            self._throw_away(self._shelf.receive(there, taken, gone))

    def _serve(self) -> None:
        """Serve customers from stock; the rest is backlogged or lost."""
        arrays = self.arrays
        want = self.pending + self.backlog
        self.pending = self._nobody
        stock = self._stock() if arrays.endless is None else self._stock() + arrays.endless
        able = want if self.path.node_open is None else want * self.path.node_open[self.t][:, None]
        sold, unmet, moved = self._counter.serve(want, able, stock)
        if moved is not None:
            self._row["substituted"] = moved
        if self._shelf is not None:
            self._shelf.take(sold * arrays.limited)
        self.on_hand = self.on_hand - (sold if arrays.endless is None else sold * arrays.limited)
        self.backlog = unmet if arrays.keeps is None else unmet * arrays.keeps
        self._row |= {"sold": sold, "unmet": unmet, "demand": self.path.demand[self.t]}

    def _account(self) -> None:
        waiting = self.book if self._prompt else self.under_way + self.book
        self._row.setdefault("received", self.arrays.zero_lanes)
        self._row |= {"on_hand": self.on_hand, "in_transit": self.transit, "waiting": waiting}
        if self.t == self.world.periods - 1:
            self._row["ending"] = self.on_hand
        past = (self._ordered, self._shipped, self._aboard, self._arrivals, self._requests)
        for rows in past:
            rows.pop(self.t - self._memory, None)

    def _shipping_levels(self) -> list[Any | None]:
        """Masks of lanes that ship one after the other; one of all unless leads can be zero."""
        world = self.world
        if not (world.convention.receives_before_shipping and self._shipments.any_zero):
            return [None]
        place = 2 * world.depth[world.source] + ~world.produces
        return [self.lane_mask(place == level) for level in np.unique(place)]

    def lane_mask(self, lanes: NDArray[np.bool_]) -> Any:
        """A mask over lanes with room for products and replications."""
        return self._cast(lanes.astype(float)[:, None, None]) > 0


def _longest_lag(world: World) -> int:
    return int(world.order_lag.max(initial=0))


def _column(values: list[float], one: Any, xp: Any) -> Any:
    """Values as an array (len, B) of the kind of ``one`` (1, B)."""
    return xp.concatenate([one * v for v in values], 0) if values else one[:0]


def _as_numpy(rows: list[Any], item: tuple[int, ...], periods: int, replications: int) -> Floats:
    """Rows of one quantity, zero in periods without one: (period, *item, B)."""
    table = np.zeros((periods, *item, replications))
    for t, row in enumerate(rows):
        if row is not None:
            table[t] = row if isinstance(row, np.ndarray) else row.detach().cpu().numpy()
    return table
