"""channel.bandwidth: the link is slow all the time."""

from __future__ import annotations

from typing import ClassVar, Literal

from stress.catalogue.base import ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.need import needed_bytes_s
from twin.network.world import World


class Bandwidth(ChannelFault):
    """Limit the rate of the link to the ladder's fraction of the need, or of the link itself."""

    family: ClassVar[str] = "channel.bandwidth"
    ladder: ClassVar[tuple[float, ...]] = (1.0, 0.75, 0.5, 0.25, 0.1, 0.02)
    unit: ClassVar[str] = "rate, as a fraction"
    of: Literal["need", "link"] = "need"
    """need: one answer per agent within one timeout; link: the scenario's own bandwidth."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that slows the link."""
        return _BandwidthLayer(self, severity, window)


class _BandwidthLayer(FaultLayer):
    def __init__(self, fault: Bandwidth, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._of_need = fault.of == "need"
        self._rate = 0.0

    def start(self, seed: int, world: World) -> None:
        super().start(seed, world)
        whole = needed_bytes_s(world) if self._of_need else world.model.tools.bandwidth
        self._rate = self.value * whole

    def rate(self, now_d: float, bytes_s: float) -> float:
        if not self.strikes_at(now_d):
            return bytes_s
        self.fired += 1
        return min(bytes_s, self._rate)
