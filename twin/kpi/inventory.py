"""Inventory KPIs: how much stock, how fast it turns, how much orders swing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.engine.ledger import PeriodLedger

Floats = NDArray[np.float64]

DAYS_PER_YEAR = 365.0


def _values(ledger: PeriodLedger) -> Floats:
    return np.array([product.value for product in ledger.world.model.products.values()])


def _stock(ledger: PeriodLedger) -> Floats:
    """Units on hand of nodes that can run out: (period, product)."""
    stock: Floats = ledger.on_hand[:, ~ledger.world.unlimited].sum(axis=1)
    return stock


def _stock_value(ledger: PeriodLedger) -> float:
    return float((_stock(ledger) @ _values(ledger)).mean())


def _sold_value_per_day(ledger: PeriodLedger) -> float:
    days = len(ledger.on_hand) * ledger.world.period_d
    return float(ledger.sold.sum(axis=(0, 1)) @ _values(ledger)) / days


def average_inventory(ledger: PeriodLedger) -> float:
    """Average inventory: units on hand at the end of a period, all nodes, mean over periods.

    Nodes that never run out hold no stock of their own.
    """
    return float(_stock(ledger).sum(axis=1).mean())


def inventory_turns(ledger: PeriodLedger) -> float | None:
    """Inventory turns: value of goods sold per year / average value on hand.

    Undefined without stock.
    """
    stock = _stock_value(ledger)
    return _sold_value_per_day(ledger) * DAYS_PER_YEAR / stock if stock > 0 else None


def days_of_supply(ledger: PeriodLedger) -> float | None:
    """Days of supply: average value on hand / value of goods sold per day (SCOR).

    Goods are valued at the product's value. Undefined where nothing was sold.
    """
    sold = _sold_value_per_day(ledger)
    return _stock_value(ledger) / sold if sold > 0 else None


def bullwhip_ratio(ledger: PeriodLedger, bucket: int = 1) -> float | None:
    """Bullwhip ratio: Var(orders placed on unlimited sources) / Var(demand).

    Chen et al. 2000; the time bucket is one period unless ``bucket`` periods are given, all
    products together. Undefined where demand does not vary.
    """
    world = ledger.world
    top = world.unlimited[world.source]
    if not top.any():
        return None
    return _variance_ratio(ledger.ordered[:, top], ledger.demand, bucket)


def bullwhip_by_echelon(ledger: PeriodLedger, bucket: int = 1) -> dict[int, float | None]:
    """Bullwhip ratio by echelon: Var(orders placed by its nodes) / Var(customers' demand).

    Chen et al. 2000, where the ratio of the k-th stage is against customers' demand as well. The
    echelon is the longest path from a source in lanes, so that 1 stands next to the sources.
    Buckets of ``bucket`` periods; undefined where demand does not vary.
    """
    world = ledger.world
    depth = world.depth[world.destination]
    return {
        int(echelon): _variance_ratio(ledger.ordered[:, depth == echelon], ledger.demand, bucket)
        for echelon in np.unique(depth)
    }


def order_amplification(ledger: PeriodLedger, bucket: int = 1) -> dict[str, float | None]:
    """Order amplification by node: Var(orders it placed) / Var(demand and orders placed on it).

    The bullwhip ratio of a single stage (Chen et al. 2000), in buckets of ``bucket`` periods, for
    nodes that order. Undefined where what the node was asked for does not vary.
    """
    world = ledger.world
    found: dict[str, float | None] = {}
    for node in world.ordering_nodes:
        asked = ledger.demand[:, node] + ledger.ordered[:, world.source == node].sum(axis=1)
        placed = ledger.ordered[:, world.destination == node]
        found[world.nodes[node]] = _variance_ratio(placed, asked, bucket)
    return found


def _variance_ratio(numerator: Floats, denominator: Floats, bucket: int) -> float | None:
    base = float(_in_buckets(denominator, bucket).var())
    # Equal sums may differ in their last digit; a variance that small is no variance.
    scale = float(np.abs(denominator).max(initial=0.0))
    if base <= (1e-12 * scale) ** 2:
        return None
    return float(_in_buckets(numerator, bucket).var()) / base


def _in_buckets(units: Floats, bucket: int) -> Floats:
    """Units of all items per full bucket of periods; an unfinished last bucket is left out."""
    per_period = units.reshape(len(units), -1).sum(axis=1)
    full = len(per_period) // bucket
    buckets: Floats = per_period[: full * bucket].reshape(full, bucket).sum(axis=1)
    return buckets if full else np.zeros(1)
