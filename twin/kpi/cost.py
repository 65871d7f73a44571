"""Cost KPIs."""

from __future__ import annotations

from twin.engine.ledger import PeriodLedger


def cost_per_period(ledger: PeriodLedger) -> float:
    """Cost per period: all costs less revenue of the network, undiscounted, mean over periods."""
    return float(ledger.cost.mean())


def penalty_share(ledger: PeriodLedger) -> float | None:
    """Penalty share: penalties for unmet demand / all costs. Undefined without cost."""
    total = float(ledger.accounts.external_cost.sum())
    return float(ledger.accounts.penalty.sum()) / total if total > 0 else None
