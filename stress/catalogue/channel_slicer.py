"""channel.slicer: messages trickle in small pieces."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

from pydantic import Field

from stress.catalogue.base import TOXICITY, ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.streams import Toxic
from twin.network.world import World
from twin.scenario.quantities import Days
from twin.tools.channel import Transit

PAUSE = 0.2
"""Default pause, as a share of the gateway's timeout: some answers still come in time."""


class Slicer(Toxic, ChannelFault):
    """Cut a share of the messages into pieces with a pause after each (toxiproxy's ``slicer``).

    A message is whole when its last piece has come: it is later by the pauses between its pieces.
    """

    family: ClassVar[str] = "channel.slicer"
    ladder: ClassVar[tuple[float, ...]] = TOXICITY
    unit: ClassVar[str] = "toxicity"
    average_size: Annotated[int, Field(ge=1, le=1_000_000)] = 64
    """Bytes per piece."""
    size_variation: Annotated[int, Field(ge=0, le=1_000_000)] = 32
    """Bytes by which pieces are smaller or larger; less than ``average_size``."""
    delay: Days = 0.0
    """Pause after each piece; 0 for a fifth of the gateway's timeout."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that slices messages."""
        return _SlicerLayer(self, severity, window)


class _SlicerLayer(FaultLayer):
    def __init__(self, fault: Slicer, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._fault = fault
        self._pause_d = fault.delay

    def start(self, seed: int, world: World) -> None:
        super().start(seed, world)
        self._pause_d = self._fault.delay or PAUSE * world.model.tools.timeout

    def delay(self, transit: Transit, delay_d: float) -> float:
        if not self._fault.works_on(transit.direction):
            return delay_d
        draw = self.hit(transit, self.value)
        if draw is None:
            return delay_d
        spread = self._fault.size_variation * (2 * draw.uniform() - 1)
        pieces = math.ceil(transit.size / max(self._fault.average_size + spread, 1.0))
        return delay_d + self._pause_d * max(pieces - 1, 0)
