"""channel.slow_close: the connection closes late, and with it the answer."""

from __future__ import annotations

from typing import ClassVar

from stress.catalogue.base import TOXICITY, ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.targets import Targets
from twin.network.world import World
from twin.scenario.quantities import Days
from twin.tools.channel import Transit

DELAY = 1.5
"""Default delay, in timeouts of the gateway: the caller has given up by then."""


class SlowClose(Targets, ChannelFault):
    """Hold the end of a share of the answers for ``delay`` (toxiproxy's ``slow_close``).

    An answer has no length of its own, so it is complete when the connection closes.
    """

    family: ClassVar[str] = "channel.slow_close"
    ladder: ClassVar[tuple[float, ...]] = TOXICITY
    unit: ClassVar[str] = "toxicity"
    delay: Days = 0.0
    """Time until the connection closes; 0 for one and a half of the gateway's timeouts."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that delays the end of answers."""
        return _SlowCloseLayer(self, severity, window)


class _SlowCloseLayer(FaultLayer):
    def __init__(self, fault: SlowClose, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._given_d = fault.delay
        self._delay_d = 0.0

    def start(self, seed: int, world: World) -> None:
        super().start(seed, world)
        self._delay_d = self._given_d or DELAY * world.model.tools.timeout

    def delay(self, transit: Transit, delay_d: float) -> float:
        if transit.direction == "request" or self.hit(transit, self.value) is None:
            return delay_d
        return delay_d + self._delay_d
