"""actor.approver: the person who approves errs, takes too long, or is not there."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from agents.gateway.incident import Incident
from stress.catalogue.base import PeopleFault, Window
from stress.catalogue.people import ApproverIncident, Worse
from twin.network.world import World
from twin.scenario.quantities import Share


class ApproverFails(PeopleFault):
    """Make the approver wrong with the ladder's probability, and slower or absent too."""

    family: ClassVar[str] = "actor.approver"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.01, 0.02, 0.05, 0.10, 0.25)
    unit: ClassVar[str] = "probability of an error"
    slowdown: Annotated[float, Field(ge=1, le=1_000)] = 1.0
    """How many times longer the person takes."""
    absent: Share = 0.0
    """Share of the requests that nobody answers."""

    def lacks(self, world: World) -> str:
        """Orders that need an approval."""
        return "" if world.model.tools.high_risk else "no order needs an approval"

    def incident(self, severity: int, window: Window) -> Incident:
        """A worse approver for as long as the window lasts."""
        off = severity == 0
        worse = Worse() if off else Worse(self.at(severity), self.absent, self.slowdown)
        return ApproverIncident(self.family, window, worse)
