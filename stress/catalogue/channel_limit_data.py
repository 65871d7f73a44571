"""channel.limit_data: the connection closes after a number of bytes."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from stress.catalogue.base import TOXICITY, ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.targets import Targets
from twin.tools.channel import Transit


class LimitData(Targets, ChannelFault):
    """Cut a share of the answers off after ``bytes`` bytes (toxiproxy's ``limit_data``)."""

    family: ClassVar[str] = "channel.limit_data"
    ladder: ClassVar[tuple[float, ...]] = TOXICITY
    unit: ClassVar[str] = "toxicity"
    bytes: Annotated[int, Field(ge=0, le=1_000_000)] = 64
    """What still gets through."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that cuts answers off."""
        return _LimitLayer(self, severity, window)


class _LimitLayer(FaultLayer):
    def __init__(self, fault: LimitData, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._limit = fault.bytes

    def answer(self, transit: Transit, body: bytes) -> bytes | None:
        if len(body) <= self._limit or self.hit(transit, self.value) is None:
            return body
        return body[: self._limit]
