"""The batch engine: thousands of replications of one network as arrays, replications last.

It means what ``twin.engine.event`` means, to rounding (a law with a test). ``xp`` is numpy or
torch; no array that carries state is written in place, so that torch can differentiate through it.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.engine.batch_arrays import WorldArrays, over_products
from twin.engine.batch_fleet import put_on_vehicles
from twin.engine.batch_money import PeriodProfit
from twin.engine.batch_path import BatchPath, stack_paths
from twin.engine.batch_pipeline import Pipeline, Returns, plus
from twin.engine.ledger import Quantities
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
        self.world = world
        self.path = path
        self.xp = xp
        self.arrays = arrays = WorldArrays.of(world, path, xp)
        self.t = -1
        self.on_hand = arrays.initial_stock  # (node, product, B)
        self.backlog = 0 * arrays.initial_stock  # customers'
        self.pending = self.backlog  # customers' demand known, not yet served
        self.book = arrays.zero_lanes  # (lane, product, B) orders at the source
        self.under_way = arrays.zero_lanes  # orders on their way to the source
        self.transit = arrays.zero_lanes  # shipped, not received
        self.dock: Any | None = None  # arrived, not received
        one = arrays.zero_lanes[:1, 0] + 1 if world.lanes else 0 * path.demand[0, :1, 0] + 1
        self.idle = _column([float(f.vehicles) for f in world.fleets], one, xp)  # (fleet, B)
        self._no_trips = _column([0.0] * len(world.lanes), one, xp)  # (lane, B)
        self._shipments = Pipeline(path.due, path.demand, xp)
        counts = tuple(f.vehicles for f in world.fleets)
        self._returns = Returns(path.trip_due, counts, path.demand[0], xp) if counts else None
        self._levels = self._shipping_levels()
        self._profit = PeriodProfit(world, arrays, path.demand, xp)
        self._keep = keep_rows
        self._memory = max(world.history, RECENT, self._shipments.longest, _longest_lag(world)) + 1
        self._ordered: dict[int, Any] = {}
        self._shipped: dict[int, Any] = {}
        self._requests: dict[int, Any] = {}
        self._rows: dict[str, list[Any]] = {f.name: [] for f in fields(Quantities)}
        self._row: dict[str, Any] = {}
        self._lags = sorted({int(lag) for lag in world.order_lag})
        self._at_order = False

    @property
    def on_order(self) -> Any:
        """Ordered and not yet received: (lane, product, B)."""
        return self.under_way + self.book + self.transit

    def inventory_position(self) -> Any:
        """On hand, less what is owed to anybody, plus on order: (node, product, B)."""
        return self.on_hand - self.owed() + self.arrays.brought(self.on_order)

    def owed(self) -> Any:
        """Units promised: customers' and downstream nodes' open demand, (node, product, B)."""
        customers = self.backlog + self.pending
        if self.arrays.keeps is not None:
            served = self.xp.minimum(customers, self._stock())
            customers = self.xp.where(self.arrays.keeps > 0, customers, served)
        return customers + self.arrays.sent(self.book)

    def demand_row(self, t: int) -> Any:
        """Customers' demand of a past or current period: (node, product, B)."""
        return self.path.demand[t]

    def request_row(self, t: int) -> Any:
        """Orders of downstream nodes that reached each node in a past period."""
        return self._requests[t]

    def shipped_row(self, t: int) -> Any:
        """Shipments of a past period: (lane, product, B)."""
        return self._shipped[t]

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
        self._row = {"received": self.arrays.zero_lanes}
        self.dock = plus(self.dock, self._shipments.arrivals(self.t, self._shipped))
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
        self._place(self.xp.round(orders) if self.arrays.integral else orders)
        for phase in self.world.convention.after_order:
            if phase == "ship":
                self._ship(vehicles, min_load)
            else:
                self._run(phase)

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
        return Quantities(**{name: _as_numpy(rows) for name, rows in self._rows.items()})

    def _run(self, phase: str) -> None:
        match phase:
            case "receive":
                self._receive()
            case "demand":
                self.pending = self.path.demand[self.t]
            case "serve":
                self._serve()
            case "account":
                self._account()

    def _place(self, orders: Any) -> None:
        """Send the orders to the sources, where they arrive after the order lead time."""
        t = self.t
        self._row["ordered"] = self._ordered[t] = orders
        arrived = orders
        if self._lags and self._lags != [0]:
            arrived = self._arrived_orders()
            self.under_way = self.under_way + orders - arrived
        self._requests[t] = self.arrays.sent(arrived)
        self.book = self.book + arrived

    def _arrived_orders(self) -> Any:
        rows = [self._ordered.get(self.t - lag, self.arrays.zero_lanes) for lag in self._lags]
        total = rows[0]
        for lag, row in zip(self._lags[1:], rows[1:], strict=True):
            total = self.xp.where(self.lane_mask(self.world.order_lag == lag), row, total)
        return total

    def _ship(self, vehicles: Any, min_load: Any) -> None:
        """Serve the orders of downstream nodes, one echelon after the other where that matters."""
        shipped, trips, left = None, self._no_trips, 0 * self.idle
        for lanes in self._levels:
            sent, leaving, gone = self._ship_lanes(lanes, vehicles, min_load)
            shipped = plus(shipped, sent)
            trips, left = trips + leaving, left + gone
        if self._returns is not None:
            self._returns.leave(self.t, left)
        self._shipped[self.t] = shipped
        self._row |= {"shipped": shipped, "trips": trips, "unfilled": self.book}
        if self.arrays.source_keeps is not None:
            self.book = self.book * self.arrays.source_keeps

    def _ship_lanes(self, lanes: Any | None, vehicles: Any, min_load: Any) -> tuple[Any, Any, Any]:
        xp, arrays = self.xp, self.arrays
        want = self.book if lanes is None else xp.where(lanes, self.book, 0.0)
        trips, left = 0.0, 0.0
        shipped = self._allocate(self._within_lanes(want))
        if arrays.fleets:
            shipped, trips, left = put_on_vehicles(
                self.arrays, shipped, vehicles, min_load, self.idle, self.xp
            )
            self.idle = self.idle - left
        if arrays.integral:
            shipped = xp.floor(shipped + arrays.slack)
        used = arrays.sent(shipped) * arrays.raw_per_unit
        rest = self.on_hand - used
        self.on_hand = rest if arrays.independent else xp.clip(rest, 0, None)
        self.book = xp.clip(self.book - shipped, 0, None)
        self.transit = self.transit + shipped
        self._arrive_at_once(self._shipments.at_once(self.t, shipped))
        return shipped, trips, left

    def _arrive_at_once(self, arrived: Any | None) -> None:
        """Unload what has no lead time, and with it what waits at a dock, where that is allowed."""
        if arrived is None:
            return
        self.dock = plus(self.dock, arrived)
        if self.world.convention.receives_before_shipping:
            self._receive((arrived.sum(0).sum(0) > 0) if self.arrays.storage is not None else None)

    def _within_lanes(self, want: Any) -> Any:
        """Scale each lane's wishes down to its capacity, and to the share of it that is open."""
        if self.arrays.lane_capacity is not None:
            want = want * self.arrays.ratio(self.arrays.lane_capacity, over_products(want))[:, None]
        return want * self.path.lane_open[self.t][:, None] if self.arrays.closable else want

    def _allocate(self, want: Any) -> Any:
        """Share what each node can ship among its lanes, in proportion to what they want."""
        arrays = self.arrays
        stock = self._stock()
        stock = stock if arrays.make_output is None else stock * arrays.make_output
        if arrays.endless is not None:
            stock = stock + arrays.endless
        if arrays.all_sole:
            granted = self.xp.minimum(want, stock[arrays.source])
        else:
            granted = want * self.arrays.ratio(stock, arrays.sent(want))[arrays.source]
        if arrays.make_capacity is not None:
            made = over_products(granted)
            made = made if arrays.independent else arrays.sent(made)[arrays.source]
            granted = granted * self.arrays.ratio(arrays.make_capacity, made)[:, None]
        return granted

    def _stock(self) -> Any:
        """On hand as far as it is there: independent links can owe more than there is."""
        return self.xp.clip(self.on_hand, 0, None) if self.arrays.independent else self.on_hand

    def _receive(self, where: Any | None = None) -> None:
        """Put what has arrived on hand, as far as there is room; ``where`` picks replications."""
        taken, arrays = self.dock, self.arrays
        if taken is None:
            return
        if arrays.storage is None:
            self.dock = None
        else:
            taken = self._what_fits(taken)
            taken = taken if where is None else self.xp.where(where, taken, 0.0)
            self.dock = self.dock - taken
        self.transit = self.xp.clip(self.transit - taken, 0, None)
        self.on_hand = self.on_hand + arrays.brought(taken)
        self._row["received"] = self._row["received"] + taken

    def _what_fits(self, dock: Any) -> Any:
        arrays = self.arrays
        room = self.xp.clip(arrays.storage - over_products(self.on_hand), 0, None)
        ratio = self.arrays.ratio(room, arrays.brought(over_products(dock)))
        taken = dock * ratio[arrays.destination][:, None]
        return self.xp.floor(taken + arrays.slack) if arrays.integral else taken

    def _serve(self) -> None:
        """Serve customers from stock; the rest is backlogged or lost."""
        arrays = self.arrays
        want = self.pending + self.backlog
        self.pending = 0 * self.pending
        stock = self._stock() if arrays.endless is None else self._stock() + arrays.endless
        sold = self.xp.minimum(want, stock)
        unmet = want - sold
        self.on_hand = self.on_hand - (sold if arrays.endless is None else sold * arrays.limited)
        self.backlog = unmet if arrays.keeps is None else unmet * arrays.keeps
        self._row |= {"sold": sold, "unmet": unmet, "demand": self.path.demand[self.t]}

    def _account(self) -> None:
        waiting = self.under_way + self.book
        self._row |= {"on_hand": self.on_hand, "in_transit": self.transit, "waiting": waiting}
        if self._keep:
            for name, rows in self._rows.items():
                rows.append(self._row[name])
        for past in (self._ordered, self._shipped, self._requests):
            past.pop(self.t - self._memory, None)

    def _shipping_levels(self) -> list[Any | None]:
        """Masks of lanes that ship one after the other; one of all unless leads can be zero."""
        one_go = not (self.world.convention.receives_before_shipping and self._shipments.any_zero)
        depth = self.world.depth[self.world.source]
        return [None] if one_go else [self.lane_mask(depth == level) for level in np.unique(depth)]

    def lane_mask(self, lanes: NDArray[np.bool_]) -> Any:
        """A mask over lanes with room for products and replications."""
        marks = (
            self.arrays.zero_lanes[:, :1, :1]
            + _column(lanes.astype(float).tolist(), self.arrays.zero_lanes[:1, 0, :1] + 1, self.xp)[
                :, None
            ]
        )
        return marks > 0


def _longest_lag(world: World) -> int:
    return int(world.order_lag.max(initial=0))


def _column(values: list[float], one: Any, xp: Any) -> Any:
    """Values as an array (len, B) of the kind of ``one`` (1, B)."""
    return xp.concatenate([one * v for v in values], 0) if values else one[:0]


def _as_numpy(rows: list[Any]) -> Floats:
    if isinstance(rows[0], np.ndarray):
        return np.stack(rows).astype(np.float64)
    return np.stack([row.detach().cpu().numpy() for row in rows]).astype(np.float64)
