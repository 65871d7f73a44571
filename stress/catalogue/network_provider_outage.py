"""network.provider_outage: the provider is down for everybody."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from stress.catalogue.base import Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.outages import OutageFault, OutageLayer
from twin.tools.catalogue import error_answer
from twin.tools.channel import Transit


class ProviderOutage(OutageFault):
    """Let no call through to the server, in spells.

    error: a front door answers that the service is down; silence: nothing answers.
    """

    family: ClassVar[str] = "network.provider_outage"
    manner: Literal["error", "silence"] = "error"
    """What a caller gets."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that stands in for the server."""
        return _DownLayer(self, severity, window)


class _DownLayer(OutageLayer):
    def __init__(self, fault: ProviderOutage, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._silent = fault.manner == "silence"
        self._unserved: set[tuple[str, int]] = set()

    def delay(self, transit: Transit, delay_d: float) -> float:
        silenced = self._silent and transit.direction == "request"
        if not silenced or self.spell_end(transit) is None:
            return delay_d
        self.fired += 1
        return math.inf

    def request(self, transit: Transit, body: bytes) -> bytes | None:
        """Keep the request from the server while it is down."""
        if self._silent or self.spell_end(transit) is None:
            return body
        self._unserved.add((transit.call, transit.attempt))
        return b""

    def answer(self, transit: Transit, body: bytes) -> bytes | None:
        if (transit.call, transit.attempt) not in self._unserved:
            return body
        self._unserved.discard((transit.call, transit.attempt))
        self.fired += 1
        return error_answer(transit.call, transit.tool, "internal", "service unavailable")
