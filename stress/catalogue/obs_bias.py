"""obs.bias: readings are off, always to the same side."""

from __future__ import annotations

from typing import ClassVar, Literal

from stress.catalogue.answers import Document, Numbers, changed
from stress.catalogue.base import ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.sensors import Reading, SensorLayer
from stress.catalogue.targets import Targets
from twin.tools.channel import Transit


class Bias(Targets, ChannelFault):
    """Multiply every number of a sensor by 1 + shift_rel, or by 1 - shift_rel, all the time."""

    family: ClassVar[str] = "obs.bias"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.01, 0.03, 0.05, 0.10, 0.20)
    unit: ClassVar[str] = "shift_rel, relative error"
    silent: ClassVar[bool] = True
    direction: Literal["up", "down", "drawn"] = "drawn"
    """To which side; ``drawn`` draws it for each sensor (a tool and its entity)."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that shifts readings."""
        return _BiasLayer(self, severity, window)


class _BiasLayer(SensorLayer):
    def __init__(self, fault: Bias, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._direction = fault.direction

    def reading(self, transit: Transit, document: Document, true: Reading) -> Reading:
        factor = 1 + self.value * self._sign(f"{transit.tool}/{document['entity']}")

        def shifted(name: str, numbers: Numbers) -> Numbers:
            return [x * factor for x in numbers]

        return changed(document, shifted)

    def _sign(self, sensor: str) -> float:
        if self._direction == "drawn":
            return self.luck(sensor).sign()
        return 1.0 if self._direction == "up" else -1.0
