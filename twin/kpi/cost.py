"""Cost KPIs of the whole network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.engine.ledger import PeriodLedger

Bools = NDArray[np.bool_]


def cost_per_period(ledger: PeriodLedger) -> float:
    """Cost per period: all costs less revenue of the network, undiscounted, mean over periods."""
    return float(ledger.cost.mean())


def penalty_share(ledger: PeriodLedger) -> float | None:
    """Penalty share: penalties for unmet demand / all costs. Undefined without cost."""
    total = float(ledger.accounts.external_cost.sum())
    return float(ledger.accounts.penalty.sum()) / total if total > 0 else None


def holding_cost(ledger: PeriodLedger) -> float:
    """Holding cost: h x stock on hand at the end of a period, all nodes, mean over periods.

    h times the integral of I+, accounted per period; stock in transit is not included.
    """
    return float(ledger.accounts.holding.sum()) / len(ledger.cost)


def backlog_cost(ledger: PeriodLedger) -> float | None:
    """Backlog cost: b x units owed at the end of a period, mean over periods.

    b times the integral of I-, accounted per period; units owed to customers and to downstream
    nodes. Undefined where no node that backlogs has a penalty.
    """
    world = ledger.world
    return _penalty_per_period(ledger, ~world.lost, ~world.drops)


def lost_sales_cost(ledger: PeriodLedger) -> float | None:
    """Cost of lost sales: penalty x units lost, mean over periods.

    Customers' lost sales and dropped orders of downstream nodes. Undefined where no node that loses
    unmet demand has a penalty.
    """
    world = ledger.world
    return _penalty_per_period(ledger, world.lost, world.drops)


def _penalty_per_period(ledger: PeriodLedger, unmet: Bools, unfilled: Bools) -> float | None:
    """Penalties of customers' demand unmet at some nodes and of orders unfilled at some nodes."""
    world = ledger.world
    of_customers = world.prices.penalty * unmet[:, None]
    of_orders = world.prices.unfilled * unfilled[:, None]
    if not (of_customers.any() or of_orders.any()):
        return None
    orders = world.outbound.total(ledger.unfilled.sum(axis=0))
    cost = of_customers * ledger.unmet.sum(axis=0) + of_orders * orders
    return float(cost.sum()) / len(ledger.cost)
