"""network.throttle: the network provider throttles the fleet, on some epochs and off on others."""

from __future__ import annotations

from typing import ClassVar

from stress.catalogue.base import SHARE_OF_TIME, ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.need import needed_bytes_s
from twin.network.world import World


class Throttle(ChannelFault):
    """Cut the shared bandwidth to the ladder's fraction of what the fleet needs, in some periods.

    Each period is drawn to be throttled or not; their share grows with the severity: 0, 5, 10, 20,
    35, 50 %.
    """

    family: ClassVar[str] = "network.throttle"
    ladder: ClassVar[tuple[float, ...]] = (1.0, 0.75, 0.5, 0.25, 0.1, 0.02)
    unit: ClassVar[str] = "bandwidth, as a fraction of the need"

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that slows the link."""
        return _ThrottleLayer(self, severity, window)


class _ThrottleLayer(FaultLayer):
    def __init__(self, fault: Throttle, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self.share_on = SHARE_OF_TIME[severity]
        self.throttled = 0.0
        self.on: dict[int, bool] = {}

    def start(self, seed: int, world: World) -> None:
        super().start(seed, world)
        self.throttled = self.value * needed_bytes_s(world)
        self.on = {}

    def rate(self, now_d: float, bytes_s: float) -> float:
        if not self.strikes_at(now_d) or not self._is_on(self.period(now_d)):
            return bytes_s
        self.fired += 1
        return min(bytes_s, self.throttled)

    def _is_on(self, period: int) -> bool:
        if period not in self.on:
            self.on[period] = self.luck(f"period/{period}").uniform() < self.share_on
        return self.on[period]
