"""channel.latency: some messages take much longer than the others."""

from __future__ import annotations

from statistics import NormalDist
from typing import ClassVar, Literal

from stress.catalogue.base import ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.targets import Targets
from twin.network.world import World
from twin.scenario.quantities import Share
from twin.tools.channel import Transit

SHAPE = 2.0
"""Tail index of the Pareto spikes: finite mean, infinite variance."""
_SMALLEST = 2.0**-53


class LatencySpikes(Targets, ChannelFault):
    """Delay a share of the messages, either way, by a spike.

    The spike's mean is the ladder's number times the decision deadline D.

    pareto   of the second kind (Lomax): mean (shape - 1) ((1 - u)^(-1 / shape) - 1), shape 2, so
             that it can also be short
    normal   mean and standard deviation jitter x mean, never below zero
    uniform  mean x (1 - jitter) to mean x (1 + jitter)
    """

    family: ClassVar[str] = "channel.latency"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
    unit: ClassVar[str] = "mean spike, in decision deadlines"
    probability: Share = 0.2
    """Share of the messages that are hit."""
    distribution: Literal["pareto", "normal", "uniform"] = "pareto"
    """Of the spikes."""
    jitter: Share = 0.5
    """Spread of a normal or uniform spike, as a share of its mean."""
    correlation: Share = 0.0
    """How much of a spike is that of the agent's last one (netem's correlation)."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that lengthens delays."""
        return _SpikeLayer(self, severity, window)


class _SpikeLayer(FaultLayer):
    def __init__(self, fault: LatencySpikes, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._fault = fault
        self._mean_d = 0.0
        self._last: dict[str, float] = {}

    def start(self, seed: int, world: World) -> None:
        super().start(seed, world)
        self._mean_d = self.value * world.model.tools.deadline
        self._last = {}

    def delay(self, transit: Transit, delay_d: float) -> float:
        draw = self.hit(transit, self._fault.probability)
        if draw is None:
            return delay_d
        luck, rho = draw.uniform(), self._fault.correlation
        luck = rho * self._last.get(transit.agent, luck) + (1 - rho) * luck
        self._last[transit.agent] = luck
        return delay_d + self._mean_d * self._stretch(luck)

    def _stretch(self, luck: float) -> float:
        """Length of a spike over the mean."""
        if self._fault.distribution == "pareto":
            stretch: float = (SHAPE - 1) * ((1 - luck) ** (-1 / SHAPE) - 1)
            return stretch
        if self._fault.distribution == "uniform":
            return 1 + self._fault.jitter * (2 * luck - 1)
        return max(1 + self._fault.jitter * NormalDist().inv_cdf(max(luck, _SMALLEST)), 0.0)
