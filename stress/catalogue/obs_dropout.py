"""obs.dropout: some numbers of a reading are missing and filled in."""

from __future__ import annotations

from typing import ClassVar, Literal

from stress.catalogue.answers import Document, Numbers, changed
from stress.catalogue.base import ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.sensors import Reading, SensorLayer
from stress.catalogue.targets import Targets
from twin.tools.channel import Transit


class Dropout(Targets, ChannelFault):
    """Replace each number by a fill value with the ladder's probability."""

    family: ClassVar[str] = "obs.dropout"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.01, 0.05, 0.10, 0.25, 0.50)
    unit: ClassVar[str] = "probability"
    silent: ClassVar[bool] = True
    fill: Literal["zero", "last", "mean"] = "zero"
    """Zero, the number of the epoch before, or the mean of the field."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that loses numbers."""
        return _DropoutLayer(self, severity, window)


class _DropoutLayer(SensorLayer):
    def __init__(self, fault: Dropout, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._fill = fault.fill
        self.memory = 1 if fault.fill == "last" else 0

    def reading(self, transit: Transit, document: Document, true: Reading) -> Reading:
        draw = self.luck_of(transit)
        before = self._before(transit, document, true)

        def holed(name: str, numbers: Numbers) -> Numbers:
            fills = self._fills(numbers, before[name])
            return [
                fill if draw.uniform() < self.value else x
                for x, fill in zip(numbers, fills, strict=True)
            ]

        return changed(document, holed)

    def _before(self, transit: Transit, document: Document, true: Reading) -> Reading:
        if self._fill != "last":
            return true
        return self.history(transit, document).get(document["as_of"] - 1, true)

    def _fills(self, numbers: Numbers, before: Numbers) -> Numbers:
        if self._fill == "last":
            return before
        fill = sum(numbers) / len(numbers) if self._fill == "mean" and numbers else 0.0
        return [fill] * len(numbers)
