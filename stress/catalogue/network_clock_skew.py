"""network.clock_skew: the provider's clock is wrong, and with it the time its answers carry."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from stress.catalogue.answers import opened, sealed
from stress.catalogue.base import ROUNDING, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.outages import DURATIONS, OutageFault, OutageLayer
from twin.network.world import World
from twin.tools.channel import Transit


class ClockSkew(OutageFault):
    """Date answers by a clock that is off, in spells.

    The skew is the ladder's length in deadlines. A clock that is slow, by however little, stands in
    the period before at an epoch; one that is fast is noticed once it is off by a whole period.
    """

    family: ClassVar[str] = "network.clock_skew"
    direction: Literal["slow", "fast"] = "slow"
    """To which side the clock is off."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that dates answers wrongly."""
        return _SkewLayer(self, severity, window)


class _SkewLayer(OutageLayer):
    def __init__(self, fault: ClockSkew, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._sign = -1.0 if fault.direction == "slow" else 1.0
        self._skew_d = 0.0

    def start(self, seed: int, world: World) -> None:
        super().start(seed, world)
        self._skew_d = self._sign * DURATIONS[self.severity] * world.model.tools.deadline

    def answer(self, transit: Transit, body: bytes) -> bytes | None:
        document = opened(body) if self.spell_end(transit) is not None else None
        if document is None:
            return body
        true = document["as_of"]
        shown = math.floor((true * self.period_d + self._skew_d) / self.period_d + ROUNDING)
        if shown == true:
            return body
        self.fired += 1
        return sealed({**document, "as_of": max(shown, 0)})
