"""Order lines: who ordered how much of what, when it was due, and when it was delivered.

An order line is what one customer-facing node is asked for of one product in one period, or what
one lane is ordered of one product in one period. Deliveries fill lines first in, first out: a line
of period t is delivered in the first period in which cumulative deliveries reach the cumulative
orders up to t. What was cancelled (lost sales, lost orders) can never be delivered, so that its
line is a miss, while the rest of the line still takes its place in the queue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from twin.engine.ledger import PeriodLedger

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

DUST = 1e-9
"""Relative size of what counts as nothing: a smaller order or shortfall is a rounding error."""


@dataclass(frozen=True)
class OrderLines:
    """The order lines of one run; place is a node (customers) or a lane (replenishment)."""

    placed: Bools  # (period, place, product) there is a line
    delivered: Ints  # (period, place, product) period of complete delivery; -1 when never
    window: Ints  # (place,) periods within which a line is on time

    @cached_property
    def due(self) -> Bools:
        """Lines whose window ended within the horizon."""
        deadline = np.arange(len(self.placed))[:, None] + self.window
        return self.placed & (deadline < len(self.placed))[:, :, None]

    @cached_property
    def on_time_in_full(self) -> Bools:
        """Due lines that were complete within their window."""
        return self.due & self.complete & (self._periods_taken <= self.window[:, None])

    @property
    def complete(self) -> Bools:
        """Lines that were delivered in full."""
        return self.placed & (self.delivered >= 0)

    @property
    def _periods_taken(self) -> Ints:
        taken: Ints = self.delivered - np.arange(len(self.placed))[:, None, None]
        return taken

    def otif(self) -> float | None:
        """Share of the due lines that were complete within their window; None without any."""
        due = int(self.due.sum())
        return int(self.on_time_in_full.sum()) / due if due else None

    def perfect(self) -> float | None:
        """Share of due orders (all lines of a place and period) with every line as it should be."""
        due = self.due.any(axis=2)
        missed = (self.due & ~self.on_time_in_full).any(axis=2)
        return int((due & ~missed).sum()) / int(due.sum()) if due.any() else None

    def mean_periods_taken(self) -> float | None:
        """Mean periods from order to complete delivery, over complete lines; None without any."""
        complete = self.complete
        return float(self._periods_taken[complete].mean()) if complete.any() else None


def customer_lines(ledger: PeriodLedger, tolerance: int = 0) -> OrderLines:
    """Customers' order lines; on time within ``tolerance`` periods after the one of the demand."""
    return _once(ledger, f"customer_lines/{tolerance}", lambda: _customer_lines(ledger, tolerance))


def _customer_lines(ledger: PeriodLedger, tolerance: int) -> OrderLines:
    lost = np.where(ledger.world.lost[None, :, None], ledger.unmet, 0.0)
    # Who takes a substitute does not get what the line asks for.
    gone = lost + np.maximum(-ledger.substituted, 0.0)
    asked_for = ledger.sold - np.maximum(ledger.substituted, 0.0)
    window = np.full(len(ledger.nodes), tolerance, dtype=np.intp)
    return _lines(ledger.demand, gone, asked_for, window)


def lane_lines(ledger: PeriodLedger, tolerance: int = 0) -> OrderLines:
    """Order lines on lanes; on time within the lane's stated lead time and ``tolerance`` periods.

    The stated lead time is that of the order plus the mean one of the shipment, rounded up to whole
    periods. A delivery is the receipt at the destination; what is scrapped on the way counts as
    cancelled, on the line of the period in which it left less the order's lead time.
    """
    return _once(ledger, f"lane_lines/{tolerance}", lambda: _lane_lines(ledger, tolerance))


def _lane_lines(ledger: PeriodLedger, tolerance: int) -> OrderLines:
    world = ledger.world
    lead_d = np.array([world.lead_periods(i) for i in range(len(world.lanes))]) * world.period_d
    cancelled = np.where(world.drops[world.source][None, :, None], ledger.unfilled, 0.0)
    cancelled = cancelled + ledger.scrapped
    for lane in np.flatnonzero(world.order_lag):
        cancelled[:, lane] = _earlier(cancelled[:, lane], int(world.order_lag[lane]))
    window = (world.order_lag + world.due_periods(lead_d) + tolerance).astype(np.intp)
    return _lines(ledger.ordered, cancelled, ledger.received, window)


def _once(ledger: PeriodLedger, name: str, make: Callable[[], OrderLines]) -> OrderLines:
    """The lines of a ledger, worked out for the first KPI that asks."""
    if name not in ledger.worked_out:
        ledger.worked_out[name] = make()
    lines: OrderLines = ledger.worked_out[name]
    return lines


def _earlier(rows: Floats, periods: int) -> Floats:
    """Move rows to the period in which the order was placed: (period, product)."""
    moved = np.zeros_like(rows)
    moved[: max(len(rows) - periods, 0)] = rows[periods:]
    return moved


def _lines(ordered: Floats, cancelled: Floats, deliveries: Floats, window: Ints) -> OrderLines:
    placed = ordered > DUST
    queue, served = np.cumsum(ordered - cancelled, axis=0), np.cumsum(deliveries, axis=0)
    deliverable = placed & (cancelled <= DUST * (1.0 + ordered))
    delivered = _first_in_first_out(queue - DUST * (1.0 + queue), served, deliverable)
    return OrderLines(placed, delivered, window)


def _first_in_first_out(queue: Floats, served: Floats, wanted: Bools) -> Ints:
    """Period in which cumulative deliveries reach each cumulative order, -1 when they do not.

    Freight that was on its way at the start can run ahead of the orders; nobody is served early, so
    that no line is delivered before its own period. Most lines are delivered in it; the others are
    found by bisection, all of them together.
    """
    periods, width = len(queue), queue[0].size
    own = np.arange(periods, dtype=np.intp)[:, None, None]
    found: Ints = np.where(wanted & (served >= queue), own, -1)
    late = np.flatnonzero(wanted & (served < queue) & (served[-1] >= queue))
    need, column, flat = queue.ravel()[late], late % width, served.ravel()
    low, high = late // width + 1, np.full(len(late), periods - 1)
    while (low < high).any():
        middle = (low + high) // 2
        reached = flat[middle * width + column] >= need
        low, high = np.where(reached, low, middle + 1), np.where(reached, middle, high)
    np.put(found, late, high)
    return found
