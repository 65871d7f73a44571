"""Service KPIs: how well customers were served, and how well nodes were replenished."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.engine.ledger import PeriodLedger
from twin.kpi.orders import customer_lines, lane_lines


def _customer_facing(ledger: PeriodLedger) -> NDArray[np.bool_]:
    """(node, product) that saw any demand."""
    faced: NDArray[np.bool_] = ledger.demand.sum(axis=0) > 0
    return faced


def served_in_period(ledger: PeriodLedger) -> NDArray[np.float64]:
    """Units of each period's own demand served in that period: (period, node, product).

    Backlog is served first, so that only what is sold beyond the old backlog counts.
    """
    before = np.concatenate([np.zeros_like(ledger.unmet[:1]), ledger.unmet[:-1]])
    backlog = np.where(ledger.world.lost[None, :, None], 0.0, before)
    return np.clip(ledger.sold - backlog, 0.0, ledger.demand)


def fill_rate(ledger: PeriodLedger) -> float | None:
    """Fill rate (beta): units served from stock in their own period / units demanded.

    Silver, Pyke & Thomas. Undefined without demand.
    """
    demand = float(ledger.demand.sum())
    return float(served_in_period(ledger).sum()) / demand if demand > 0 else None


def cycle_service_level(ledger: PeriodLedger) -> float | None:
    """Cycle service level (alpha): replenishment cycles without a stock-out / cycles.

    Snyder & Shen. A cycle ends with each receipt at a customer-facing node and product; periods
    before the first receipt and after the last one are not counted. Undefined without a cycle.
    """
    faced = _customer_facing(ledger)
    received = np.einsum("nl,tlk->tnk", ledger.world.inbound.matrix, ledger.received)[:, faced] > 0
    cycle = np.cumsum(received, axis=0)  # (period, item), counted from the first receipt
    last = cycle[-1]
    cycles = int(np.maximum(last - 1, 0).sum())
    short = (ledger.unmet[:, faced] > 0) & (cycle >= 1) & (cycle < last)
    _, item = np.nonzero(short)
    broken = len(np.unique(cycle[short] * len(last) + item))
    return (cycles - broken) / cycles if cycles else None


def ready_rate(ledger: PeriodLedger) -> float | None:
    """Ready rate: share of periods that end with stock on hand, over customer-facing items.

    Nodes that never run out are always ready. Undefined without demand.
    """
    faced = _customer_facing(ledger)
    ready = (ledger.on_hand > 0) | ledger.world.unlimited[None, :, None]
    return float(ready[:, faced].mean()) if faced.any() else None


def otif(ledger: PeriodLedger) -> float | None:
    """On time in full: customers' order lines complete in the period of their demand / lines due.

    Line level: a line is one product asked of one node in one period. Lines never completed are
    misses. Undefined without demand.
    """
    return customer_lines(ledger).otif()


def replenishment_otif(ledger: PeriodLedger) -> float | None:
    """Replenishment on time in full: lanes' order lines received within the lead time / lines due.

    Line level, first in, first out; the lead time is the stated one (mean, rounded up to whole
    periods, order lead time included). A line is due when its window ends within the horizon; due
    lines never completed are misses. Undefined where no line was due.
    """
    return lane_lines(ledger).otif()


def perfect_order(ledger: PeriodLedger) -> float | None:
    """Perfect order fulfilment (SCOR RL.1.1): orders in full and on time / orders due.

    Order level: an order is all that customers ask of one node in one period, every product
    of it. Documentation and damage are not modelled and count as flawless, so that with one product
    this equals OTIF. Undefined without demand.
    """
    return customer_lines(ledger).perfect()


def order_cycle_time(ledger: PeriodLedger) -> float | None:
    """Order cycle time (SCOR RS.1.1): sum of (delivered - ordered) / customers' lines delivered.

    In days, first in, first out; lines not delivered in full by the end are not counted, as in the
    source. Undefined where none was delivered.
    """
    periods = customer_lines(ledger).mean_periods_taken()
    return None if periods is None else periods * ledger.world.period_d


def replenishment_cycle_time(ledger: PeriodLedger) -> float | None:
    """Replenishment cycle time (as SCOR RS.1.1): sum of (received - ordered) / lines received.

    Of order lines on lanes, in days, first in, first out. Undefined where none was received.
    """
    periods = lane_lines(ledger).mean_periods_taken()
    return None if periods is None else periods * ledger.world.period_d
