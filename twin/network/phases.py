"""Period conventions: the order in which things happen within a period.

    standard   receive demand order ship serve account
    orgym      order ship receive demand serve account     (OR-Gym 0.5.0 InvManagement)
    snyder     demand order receive ship serve account     (stockpyl 1.0.2, Snyder & Shen)

Where ``receive`` comes before ``ship``, nodes ship from upstream to downstream and a zero lead time
arrives in the same period; otherwise everybody ships from the stock at the start of the period.
"""

from __future__ import annotations

from dataclasses import dataclass

PHASES = ("receive", "demand", "order", "ship", "serve", "account")


@dataclass(frozen=True)
class Convention:
    """A named order of the phases and the accounting rules that come with it."""

    name: str
    phases: tuple[str, ...]
    orders_see_inbound: bool = False
    """The static policy orders from downstream to upstream seeing this period's inbound orders."""
    source_holds_transit: bool = False
    """Stock in transit is charged to the source, by default at the source's holding cost."""

    @property
    def receives_before_shipping(self) -> bool:
        """Whether a zero lead time can be used by the destination's own shipments."""
        return self.phases.index("receive") < self.phases.index("ship")

    @property
    def demand_known_when_ordering(self) -> bool:
        """Whether agents see this period's demand before they act."""
        return self.phases.index("demand") < self.phases.index("order")

    @property
    def before_order(self) -> tuple[str, ...]:
        """Phases that run before the decision epoch."""
        return self.phases[: self.phases.index("order")]

    @property
    def after_order(self) -> tuple[str, ...]:
        """Phases that run once the decisions are in."""
        return self.phases[self.phases.index("order") + 1 :]


CONVENTIONS = {
    convention.name: convention
    for convention in (
        Convention("standard", ("receive", "demand", "order", "ship", "serve", "account")),
        Convention("orgym", ("order", "ship", "receive", "demand", "serve", "account")),
        Convention(
            "snyder",
            ("demand", "order", "receive", "ship", "serve", "account"),
            orders_see_inbound=True,
            source_holds_transit=True,
        ),
    )
}
