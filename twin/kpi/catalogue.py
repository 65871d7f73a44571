"""The list of KPIs: one name, one unit, one definition each.

To add one: write the function beside its kin (service, inventory, cost) and list it here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twin.engine.ledger import PeriodLedger
from twin.kpi.cost import cost_per_period, penalty_share
from twin.kpi.inventory import average_inventory, bullwhip_ratio, inventory_turns
from twin.kpi.service import cycle_service_level, fill_rate, ready_rate


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
    Kpi("average_inventory", "units", "", average_inventory),
    Kpi("inventory_turns", "1/year", "higher", inventory_turns),
    Kpi("bullwhip_ratio", "ratio", "lower", bullwhip_ratio),
    Kpi("penalty_share", "share", "lower", penalty_share),
)


def summary(ledger: PeriodLedger) -> dict[str, float | None]:
    """Every KPI of one run by name; None where it is not defined for this run."""
    return {kpi.name: kpi.compute(ledger) for kpi in KPIS}
