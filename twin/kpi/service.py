"""Service KPIs: how well customers were served from stock."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from twin.engine.ledger import PeriodLedger


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
    world = ledger.world
    received = np.einsum("nl,tlk->tnk", world.inbound.matrix, ledger.received)
    cycles = clean = 0
    for node, product in np.argwhere(_customer_facing(ledger)):
        starts = np.flatnonzero(received[:, node, product] > 0)
        short = ledger.unmet[:, node, product] > 0
        for begin, end in pairwise(starts):
            cycles += 1
            clean += not short[begin:end].any()
    return clean / cycles if cycles else None


def ready_rate(ledger: PeriodLedger) -> float | None:
    """Ready rate: share of periods that end with stock on hand, over customer-facing items."""
    faced = _customer_facing(ledger)
    return float((ledger.on_hand[:, faced] > 0).mean()) if faced.any() else None
