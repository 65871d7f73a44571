"""obs.freeze: a sensor stops moving, jumps to the truth, and stops again."""

from __future__ import annotations

from typing import ClassVar

from stress.catalogue.answers import Document
from stress.catalogue.base import ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.sensors import Reading, SensorLayer
from stress.catalogue.targets import Targets
from twin.tools.channel import Transit


class Freeze(Targets, ChannelFault):
    """Hold each reading for ``delay`` epochs after the one in which it was true."""

    family: ClassVar[str] = "obs.freeze"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
    unit: ClassVar[str] = "delay in epochs"
    silent: ClassVar[bool] = True

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that holds readings."""
        return _FreezeLayer(self, severity, window)


class _FreezeLayer(SensorLayer):
    def __init__(self, fault: Freeze, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self.memory = int(self.value) + 1

    def reading(self, transit: Transit, document: Document, true: Reading) -> Reading:
        first = self.period(self.window.start_d)
        t = document["as_of"]
        since = (t - first) % (int(self.value) + 1)
        known = self.history(transit, document)
        at = max((k for k in known if k <= t - since), default=t)
        return known[at]
