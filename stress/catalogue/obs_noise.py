"""obs.noise: readings are inexact."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from stress.catalogue.answers import Document, Numbers, changed
from stress.catalogue.base import ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.luck import Draw
from stress.catalogue.sensors import Reading, SensorLayer
from stress.catalogue.targets import Targets
from twin.tools.channel import Transit

UNIFORM_WIDTH = math.sqrt(3.0)
"""Half the width of a uniform distribution of standard deviation one."""


class Noise(Targets, ChannelFault):
    """Multiply each number that an agent reads by 1 + sigma_rel times a standard random number."""

    family: ClassVar[str] = "obs.noise"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.01, 0.03, 0.05, 0.10, 0.20)
    unit: ClassVar[str] = "sigma_rel, relative standard deviation"
    silent: ClassVar[bool] = True
    distribution: Literal["normal", "uniform"] = "normal"
    """Of the error; both have the standard deviation of the ladder."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that blurs readings."""
        return _NoiseLayer(self, severity, window)


class _NoiseLayer(SensorLayer):
    def __init__(self, fault: Noise, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._normal = fault.distribution == "normal"

    def reading(self, transit: Transit, document: Document, true: Reading) -> Reading:
        draw = self.luck_of(transit)

        def blurred(name: str, numbers: Numbers) -> Numbers:
            return [x * (1 + self.value * self._error(draw)) for x in numbers]

        return changed(document, blurred)

    def _error(self, draw: Draw) -> float:
        return draw.normal() if self._normal else UNIFORM_WIDTH * (2 * draw.uniform() - 1)
