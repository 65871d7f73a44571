"""network.clog: a path is stopped up; what is sent arrives all at once when it is free again."""

from __future__ import annotations

from typing import ClassVar

from stress.catalogue.base import Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.outages import OutageFault, OutageLayer
from twin.tools.channel import Transit


class Clog(OutageFault):
    """Hold the messages of agents in spells, each until the spell is over; nothing is lost."""

    family: ClassVar[str] = "network.clog"

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that holds messages."""
        return _ClogLayer(self, severity, window)


class _ClogLayer(OutageLayer):
    def delay(self, transit: Transit, delay_d: float) -> float:
        end = self.spell_end(transit)
        if end is None:
            return delay_d
        self.fired += 1
        return delay_d + (end - transit.sent_at)
