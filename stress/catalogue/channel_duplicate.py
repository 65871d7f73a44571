"""channel.duplicate: messages arrive more than once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from stress.catalogue.base import ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.streams import Stream, Toxic
from twin.scenario.quantities import Days
from twin.tools.channel import MAX_COPIES, Transit

PROBABILITIES = (0.0, 0.01, 0.05, 0.10, 0.25, 0.50)


class Duplicate(Toxic, ChannelFault):
    """Deliver a share of the messages again, some time later."""

    family: ClassVar[str] = "channel.duplicate"
    ladder: ClassVar[tuple[float, ...]] = PROBABILITIES
    unit: ClassVar[str] = "probability"
    stream: Stream = "both"
    """upstream: requests; downstream: answers."""
    gap: Days = 1 / 86_400
    """Time between a message and each of its copies."""
    copies: Annotated[int, Field(ge=1, le=MAX_COPIES)] = 1
    """How many copies."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that repeats messages."""
        return _DuplicateLayer(self, severity, window)


class _DuplicateLayer(FaultLayer):
    def __init__(self, fault: Duplicate, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._fault = fault
        self._after = tuple(fault.gap * (k + 1) for k in range(fault.copies))

    def copies(self, transit: Transit) -> Sequence[float]:
        if not self._fault.works_on(transit.direction):
            return ()
        return () if self.hit(transit, self.value) is None else self._after
