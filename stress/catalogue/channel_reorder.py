"""channel.reorder: some messages are overtaken by later ones."""

from __future__ import annotations

from typing import ClassVar

from stress.catalogue.base import ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.streams import Stream, Toxic
from twin.network.world import World
from twin.scenario.quantities import Share
from twin.tools.channel import Transit


class Reorder(Toxic, ChannelFault):
    """Hold a share of the messages back, so that those sent after them arrive first.

    A message is held for ``gap`` timeouts: above one, its retry overtakes it, and it arrives when
    nobody waits for it any more.
    """

    family: ClassVar[str] = "channel.reorder"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.01, 0.05, 0.10, 0.25, 0.50)
    unit: ClassVar[str] = "probability"
    stream: Stream = "both"
    """upstream: requests; downstream: answers."""
    gap: float = 1.2
    """How long a message is held, in timeouts of the gateway."""
    jitter: Share = 0.5
    """Spread of that time, as a share of it."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that holds messages back."""
        return _ReorderLayer(self, severity, window)


class _ReorderLayer(FaultLayer):
    def __init__(self, fault: Reorder, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._fault = fault
        self._gap_d = 0.0

    def start(self, seed: int, world: World) -> None:
        super().start(seed, world)
        self._gap_d = self._fault.gap * world.model.tools.timeout

    def delay(self, transit: Transit, delay_d: float) -> float:
        if not self._fault.works_on(transit.direction):
            return delay_d
        draw = self.hit(transit, self.value)
        if draw is None:
            return delay_d
        return delay_d + self._gap_d * (1 + self._fault.jitter * (2 * draw.uniform() - 1))
