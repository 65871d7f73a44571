"""Period conventions: the order in which things happen within a period.

    standard   receive demand order ship serve account
    orgym      order ship receive demand serve account     (OR-Gym 0.5.0 InvManagement)
    snyder     demand order receive ship serve account     (stockpyl 1.0.2, Snyder & Shen)
    mabim      order ship demand serve receive account     (MABIM's ReplenishmentEnv)
    beer_game  receive demand ship serve order account     (Sterman's board rules)

Where ``receive`` comes before ``ship``, nodes ship from upstream to downstream and a zero lead time
arrives in the same period; otherwise everybody ships from the stock at the start of the period.
Where ``ship`` comes before ``order``, an order is seen by its source in the next period at the
earliest, and vehicles are booked for the next period.

A scenario may also list the six phases itself: each once, ``demand`` before ``serve``, ``account``
at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    def ships_before_ordering(self) -> bool:
        """Whether a period's orders come too late for the shipments of the same period."""
        return self.phases.index("ship") < self.phases.index("order")

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
        Convention("mabim", ("order", "ship", "demand", "serve", "receive", "account")),
        Convention("beer_game", ("receive", "demand", "ship", "serve", "order", "account")),
    )
}


def convention_of(named: str | Sequence[str]) -> Convention:
    """A named convention, or one that a scenario lists phase by phase."""
    if isinstance(named, str):
        return CONVENTIONS[named]
    return Convention(" ".join(named), tuple(named))


def complaint(phases: Sequence[str]) -> str | None:
    """Why a list of phases makes no sense, or None."""
    for phase in PHASES:
        if phases.count(phase) != 1:
            return f"phase {phase!r} occurs {phases.count(phase)} times, expected once"
    if phases[-1] != "account":
        return f"the last phase is {phases[-1]!r}, expected 'account'"
    if phases.index("demand") > phases.index("serve"):
        return "'serve' comes before 'demand': nobody is served before demand is known"
    return None
