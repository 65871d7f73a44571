"""Inventory KPIs: how much stock, how fast it turns, how much orders swing."""

from __future__ import annotations

import numpy as np

from twin.engine.ledger import PeriodLedger

DAYS_PER_YEAR = 365.0


def _values(ledger: PeriodLedger) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array([product.value for product in ledger.world.model.products.values()])


def average_inventory(ledger: PeriodLedger) -> float:
    """Average inventory: units on hand at the end of a period, all nodes, mean over periods."""
    return float(ledger.on_hand.sum(axis=(1, 2)).mean())


def inventory_turns(ledger: PeriodLedger) -> float | None:
    """Inventory turns: value of goods sold per year / average value on hand.

    Undefined without stock.
    """
    values = _values(ledger)
    stock = float((ledger.on_hand.sum(axis=1) @ values).mean())
    days = len(ledger.cost) * ledger.world.period_d
    sold_per_year = float(ledger.sold.sum(axis=(0, 1)) @ values) / days * DAYS_PER_YEAR
    return sold_per_year / stock if stock > 0 else None


def bullwhip_ratio(ledger: PeriodLedger) -> float | None:
    """Bullwhip ratio: Var(orders placed on unlimited sources) / Var(demand).

    Chen et al. 2000; the time bucket is the period,
    all products together. Undefined where demand does not vary.
    """
    world = ledger.world
    top = world.unlimited[world.source]
    demand = float(ledger.demand.sum(axis=(1, 2)).var())
    if demand == 0 or not top.any():
        return None
    return float(ledger.ordered[:, top].sum(axis=(1, 2)).var()) / demand
