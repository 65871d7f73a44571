"""channel.timeout: no data gets through any more, and the connection hangs."""

from __future__ import annotations

import math
from typing import ClassVar

from stress.catalogue.base import TOXICITY, ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.streams import Toxic
from twin.scenario.quantities import Days
from twin.tools.channel import Transit


class Timeout(Toxic, ChannelFault):
    """Stop the data of a share of the connections; after ``timeout`` the other end closes.

    With ``timeout`` 0 the connection stays open without a word, until the caller gives up. A
    connection that closes without an answer reads as an empty one (toxiproxy's ``timeout``).
    """

    family: ClassVar[str] = "channel.timeout"
    ladder: ClassVar[tuple[float, ...]] = TOXICITY
    unit: ClassVar[str] = "toxicity"
    timeout: Days = 0.0
    """Time until the connection is closed; 0 for never."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that lets connections hang."""
        return _TimeoutLayer(self, severity, window)


class _TimeoutLayer(FaultLayer):
    def __init__(self, fault: Timeout, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._fault = fault
        self._closing: set[tuple[str, int]] = set()

    def answer(self, transit: Transit, body: bytes) -> bytes | None:
        if not self._fault.works_on("answer") or not self._fault.timeout:
            return body
        if self.hit(transit, self.value) is None:
            return body
        self._closing.add((transit.call, transit.attempt))
        return b""

    def delay(self, transit: Transit, delay_d: float) -> float:
        if (transit.call, transit.attempt) in self._closing:
            self._closing.discard((transit.call, transit.attempt))
            return delay_d + self._fault.timeout
        silent = transit.direction == "request" or not self._fault.timeout
        if not silent or not self._fault.works_on(transit.direction):
            return delay_d
        return delay_d if self.hit(transit, self.value) is None else math.inf
