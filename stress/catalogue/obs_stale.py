"""obs.stale: readings come late, as if they were of today."""

from __future__ import annotations

from typing import ClassVar

from pydantic import StrictBool

from stress.catalogue.answers import Document, sealed
from stress.catalogue.base import ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.sensors import Reading, SensorLayer
from stress.catalogue.targets import Targets
from twin.tools.channel import Transit


class Stale(Targets, ChannelFault):
    """Show what a sensor said ``delay`` epochs ago, or the oldest reading there is."""

    family: ClassVar[str] = "obs.stale"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
    unit: ClassVar[str] = "delay in epochs"
    silent: ClassVar[bool] = True
    honest: StrictBool = False
    """The answer says of which period it is; by default it claims to be of the current one."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that delays readings."""
        return _StaleLayer(self, severity, window)


class _StaleLayer(SensorLayer):
    def __init__(self, fault: Stale, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self.memory = int(self.value) + 1
        self._honest = fault.honest

    def reading(self, transit: Transit, document: Document, true: Reading) -> Reading:
        then = document["as_of"] - int(self.value)
        known = self.history(transit, document)
        at = max((t for t in known if t <= then), default=min(known))
        return known[at]

    def answer(self, transit: Transit, body: bytes) -> bytes | None:
        shown = super().answer(transit, body)
        if shown is body or shown is None or not self._honest:
            return shown
        return _dated(shown, int(self.value))


def _dated(body: bytes, delay: int) -> bytes:
    from pydantic_core import from_json

    document: Document = from_json(body)
    return sealed({**document, "as_of": max(document["as_of"] - delay, 0)})
