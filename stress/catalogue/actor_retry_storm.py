"""actor.retry_storm: agents that ask again and again, at once, without waiting for an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from stress.catalogue.base import ChannelFault, Window
from stress.catalogue.layers import FaultLayer, SpellLayer
from stress.catalogue.targets import Targets
from twin.scenario.quantities import PositiveDays
from twin.tools.channel import MAX_COPIES, Transit


class RetryStorm(Targets, ChannelFault):
    """Send the requests of storming agents several times over; each has spells of its own.

    The copies reach the provider and count against its quota; an effect must still happen once.
    """

    family: ClassVar[str] = "actor.retry_storm"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.02, 0.05, 0.10, 0.20, 0.40)
    unit: ClassVar[str] = "share of the agents that storm at any time"
    copies: Annotated[int, Field(ge=1, le=MAX_COPIES)] = MAX_COPIES
    """Further copies of each request."""
    interval: PositiveDays = 0.1 / 86_400
    """Time between one copy and the next."""
    duration: PositiveDays = 2.0
    """Mean length of a spell."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that multiplies requests."""
        return _StormLayer(self, severity, window)


class _StormLayer(SpellLayer):
    correlation = 0.0

    def __init__(self, fault: RetryStorm, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window, fault.at(severity), fault.duration)
        self._after = tuple(fault.interval * (k + 1) for k in range(fault.copies))

    def copies(self, transit: Transit) -> Sequence[float]:
        if transit.direction != "request" or self.spell_end(transit) is None:
            return ()
        self.fired += 1
        return self._after
