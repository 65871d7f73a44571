"""What the network's outages share: how often and for how long, and who is hit together."""

from __future__ import annotations

from typing import ClassVar

from stress.catalogue.base import SHARE_OF_TIME, ChannelFault, Window
from stress.catalogue.layers import SpellLayer
from stress.catalogue.targets import Targets
from twin.network.world import World
from twin.scenario.quantities import Days, Share

DURATIONS = (0.0, 2.0, 5.0, 20.0, 60.0, 300.0)
"""Mean length of an outage by severity, in decision deadlines."""


class OutageFault(Targets, ChannelFault):
    """A fault that comes in spells: their share of the time and their length grow together."""

    ladder: ClassVar[tuple[float, ...]] = SHARE_OF_TIME
    unit: ClassVar[str] = "share of the time; each lasts 0 / 2 / 5 / 20 / 60 / 300 deadlines"
    correlation: Share = 1.0
    """Probability that a target shares the common spells rather than having its own."""
    duration: Days = 0.0
    """Mean length of a spell; 0 for that of the ladder."""


class OutageLayer(SpellLayer):
    """A layer of such a fault."""

    def __init__(self, fault: OutageFault, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window, fault.at(severity), fault.duration)
        self.correlation = fault.correlation
        self._given_d = fault.duration

    def start(self, seed: int, world: World) -> None:
        """Begin an episode: the length of the spells is in the scenario's deadlines."""
        self.mean_d = self._given_d or DURATIONS[self.severity] * world.model.tools.deadline
        super().start(seed, world)
