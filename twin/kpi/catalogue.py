"""The list of KPIs: one name, one unit, one definition each.

To add one: write the function beside its kin (service, inventory, cost, vehicles) and list it here.
What needs more than a ledger, or more than a millisecond, is a function of its own: cost to serve,
cost of control, decision age, resilience, time to survive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twin.engine.ledger import PeriodLedger
from twin.kpi.carbon import co2e
from twin.kpi.cost import (
    backlog_cost,
    cost_per_period,
    holding_cost,
    lost_sales_cost,
    penalty_share,
)
from twin.kpi.inventory import average_inventory, bullwhip_ratio, days_of_supply, inventory_turns
from twin.kpi.service import (
    cycle_service_level,
    fill_rate,
    order_cycle_time,
    otif,
    perfect_order,
    ready_rate,
    replenishment_cycle_time,
    replenishment_otif,
)
from twin.kpi.vehicles import empty_share, load_factor


@dataclass(frozen=True)
class Kpi:
    """A key performance indicator of one run."""

    name: str
    unit: str
    better: str  # "higher", "lower" or "" where neither is better in itself
    compute: Callable[[PeriodLedger], float | None]

    @property
    def definition(self) -> str:
        """The first paragraph of the function's docstring: formula and source."""
        text = self.compute.__doc__ or ""
        return " ".join(text.split("\n\n")[0].split())


KPIS: tuple[Kpi, ...] = (
    Kpi("cost_per_period", "money/period", "lower", cost_per_period),
    Kpi("fill_rate", "share", "higher", fill_rate),
    Kpi("cycle_service_level", "share", "higher", cycle_service_level),
    Kpi("ready_rate", "share", "higher", ready_rate),
    Kpi("otif", "share", "higher", otif),
    Kpi("perfect_order", "share", "higher", perfect_order),
    Kpi("order_cycle_time", "d", "lower", order_cycle_time),
    Kpi("replenishment_otif", "share", "higher", replenishment_otif),
    Kpi("replenishment_cycle_time", "d", "lower", replenishment_cycle_time),
    Kpi("average_inventory", "units", "", average_inventory),
    Kpi("inventory_turns", "1/year", "higher", inventory_turns),
    Kpi("days_of_supply", "d", "", days_of_supply),
    Kpi("bullwhip_ratio", "ratio", "lower", bullwhip_ratio),
    Kpi("load_factor", "share", "higher", load_factor),
    Kpi("empty_share", "share", "lower", empty_share),
    Kpi("co2e", "kg", "lower", co2e),
    Kpi("holding_cost", "money/period", "lower", holding_cost),
    Kpi("backlog_cost", "money/period", "lower", backlog_cost),
    Kpi("lost_sales_cost", "money/period", "lower", lost_sales_cost),
    Kpi("penalty_share", "share", "lower", penalty_share),
)


def summary(ledger: PeriodLedger) -> dict[str, float | None]:
    """Every KPI of one run by name; None where it is not defined for this run."""
    return {kpi.name: kpi.compute(ledger) for kpi in KPIS}
