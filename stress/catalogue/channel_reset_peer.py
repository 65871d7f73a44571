"""channel.reset_peer: the connection is reset in the middle of a call."""

from __future__ import annotations

from typing import ClassVar

from stress.catalogue.base import TOXICITY, ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.streams import Toxic
from twin.scenario.quantities import Days
from twin.tools.channel import Transit


class ResetPeer(Toxic, ChannelFault):
    """Reset a share of the connections: the caller learns at once that nothing will come.

    Upstream the request is gone with it; downstream the server has done what was asked and only
    the answer is gone (toxiproxy's ``reset_peer``). A reset reads as an empty answer.
    """

    family: ClassVar[str] = "channel.reset_peer"
    ladder: ClassVar[tuple[float, ...]] = TOXICITY
    unit: ClassVar[str] = "toxicity"
    timeout: Days = 0.0
    """Time until the reset."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that resets connections."""
        return _ResetLayer(self, severity, window)


class _ResetLayer(FaultLayer):
    def __init__(self, fault: ResetPeer, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._fault = fault
        self._reset: set[tuple[str, int]] = set()

    def request(self, transit: Transit, body: bytes) -> bytes | None:
        """Keep the request from the server where the reset comes before it is read."""
        if not self._fault.works_on("request") or self.hit(transit, self.value) is None:
            return body
        self._reset.add((transit.call, transit.attempt))
        return b""

    def answer(self, transit: Transit, body: bytes) -> bytes | None:
        name = (transit.call, transit.attempt)
        if name in self._reset:
            return b""
        if not self._fault.works_on("answer") or self.hit(transit, self.value) is None:
            return body
        self._reset.add(name)
        return b""

    def delay(self, transit: Transit, delay_d: float) -> float:
        name = (transit.call, transit.attempt)
        if transit.direction == "request" or name not in self._reset:
            return delay_d
        self._reset.discard(name)
        return delay_d + self._fault.timeout
