"""channel.corrupt: bits turn over on the way."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from stress.catalogue.base import TOXICITY, ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.luck import Draw
from stress.catalogue.streams import Toxic
from twin.tools.channel import Transit


class Corrupt(Toxic, ChannelFault):
    """Turn single bits of a share of the messages over (netem's ``corrupt``)."""

    family: ClassVar[str] = "channel.corrupt"
    ladder: ClassVar[tuple[float, ...]] = TOXICITY
    unit: ClassVar[str] = "toxicity"
    bits: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Bits per message."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that turns bits over."""
        return _CorruptLayer(self, severity, window)


class _CorruptLayer(FaultLayer):
    def __init__(self, fault: Corrupt, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._fault = fault

    def request(self, transit: Transit, body: bytes) -> bytes | None:
        """A request with bits turned over, where the fault works upstream."""
        return self._spoilt(transit, body) if self._fault.works_on("request") else body

    def answer(self, transit: Transit, body: bytes) -> bytes | None:
        return self._spoilt(transit, body) if self._fault.works_on("answer") else body

    def _spoilt(self, transit: Transit, body: bytes) -> bytes:
        draw = self.hit(transit, self.value) if body else None
        return body if draw is None else _with_bits_turned(body, self._fault.bits, draw)


def _with_bits_turned(body: bytes, bits: int, draw: Draw) -> bytes:
    spoilt = bytearray(body)
    for _ in range(bits):
        place = draw.below(8 * len(spoilt))
        spoilt[place // 8] ^= 1 << place % 8
    return bytes(spoilt)
