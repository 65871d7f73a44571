"""channel.latency: some messages take much longer than the others."""

from __future__ import annotations

from typing import ClassVar

from stress.catalogue.base import ChannelFault, FaultLayer, Window
from twin.network.world import World
from twin.scenario.quantities import Share
from twin.tools.channel import Transit

SHAPE = 2.0
"""Tail index of the spikes: finite mean, infinite variance."""


class LatencySpikes(ChannelFault):
    """Delay a share of the messages, either way, by a Pareto spike.

    The spike's mean is the ladder's number times the decision deadline D. It is of the second kind
    (Lomax): spike = mean (shape - 1) ((1 - u)^(-1 / shape) - 1), so it can also be short.
    """

    family: ClassVar[str] = "channel.latency"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
    unit: ClassVar[str] = "mean spike, in decision deadlines"
    probability: Share = 0.2
    """Share of the messages that are hit."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that lengthens delays."""
        return _SpikeLayer(self, severity, window)


class _SpikeLayer(FaultLayer):
    def __init__(self, fault: LatencySpikes, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self.probability = fault.probability
        self.mean_d = 0.0

    def start(self, seed: int, world: World) -> None:
        super().start(seed, world)
        self.mean_d = self.value * world.model.tools.deadline

    def delay(self, transit: Transit, delay_d: float) -> float:
        if not self.strikes_at(transit.sent_at):
            return delay_d
        draw = self.draw(transit)
        if draw.uniform() >= self.probability:
            return delay_d
        self.fired += 1
        stretch: float = (1 - draw.uniform()) ** (-1 / SHAPE) - 1
        return delay_d + self.mean_d * (SHAPE - 1) * stretch
