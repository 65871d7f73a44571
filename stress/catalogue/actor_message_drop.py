"""actor.message_drop: an agent's own messages get lost, whoever else gets through."""

from __future__ import annotations

import math
from typing import ClassVar

from stress.catalogue.base import ChannelFault, Window
from stress.catalogue.layers import FaultLayer, SpellLayer
from stress.catalogue.targets import Targets
from twin.scenario.quantities import PositiveDays, Share
from twin.tools.channel import Transit


class MessageDrop(Targets, ChannelFault):
    """Lose what an agent sends and is sent, for the ladder's share of the time, in spells."""

    family: ClassVar[str] = "actor.message_drop"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.02, 0.05, 0.10, 0.20, 0.40)
    unit: ClassVar[str] = "share of the agents that lose messages at any time"
    probability: Share = 0.5
    """Share of such an agent's messages that is lost."""
    duration: PositiveDays = 2.0
    """Mean length of a spell."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that loses messages."""
        return _DropLayer(self, severity, window)


class _DropLayer(SpellLayer):
    correlation = 0.0

    def __init__(self, fault: MessageDrop, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window, fault.at(severity), fault.duration)
        self._probability = fault.probability

    def delay(self, transit: Transit, delay_d: float) -> float:
        if self.spell_end(transit) is None:
            return delay_d
        return delay_d if self.hit(transit, self._probability) is None else math.inf
