"""network.throttle: the network provider throttles the fleet, on some epochs and off on others."""

from __future__ import annotations

from typing import ClassVar

from stress.catalogue.base import ChannelFault, Draw, FaultLayer, Window
from twin.env.agents import AgentSpec, agent_specs
from twin.network.world import World
from twin.scenario.quantities import Share

NUMBER_BYTES = 8
"""Typical length of one number in JSON, its comma included."""
ANSWER_BYTES = 260
"""Typical length of an answer without its numbers."""
SECONDS_PER_DAY = 86_400.0


class Throttle(ChannelFault):
    """Cut the shared bandwidth to the ladder's fraction of what the fleet needs.

    What the fleet needs is one epoch's answers, all agents together, within one attempt's timeout:
    a fraction of 0.25 lets about a quarter of them through in time. Links are far faster than that,
    so that a plain fraction of the link's rate would not be felt. The throttle is drawn on or off
    for each period by itself.
    """

    family: ClassVar[str] = "network.throttle"
    ladder: ClassVar[tuple[float, ...]] = (1.0, 0.75, 0.5, 0.25, 0.1, 0.02)
    unit: ClassVar[str] = "bandwidth, as a fraction of the need"
    on: Share = 0.5
    """Share of the periods in which the throttle is on."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that slows the link."""
        return _ThrottleLayer(self, severity, window)


class _ThrottleLayer(FaultLayer):
    def __init__(self, fault: Throttle, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self.share_on = fault.on
        self.period_d = 1.0
        self.throttled = 0.0
        self.on: dict[int, bool] = {}

    def start(self, seed: int, world: World) -> None:
        super().start(seed, world)
        self.period_d = world.period_d
        self.throttled = self.value * needed_bytes_s(world)
        self.on = {}

    def rate(self, now_d: float, bytes_s: float) -> float:
        if not self.strikes_at(now_d) or not self._is_on(int(now_d / self.period_d)):
            return bytes_s
        self.fired += 1
        return min(bytes_s, self.throttled)

    def _is_on(self, period: int) -> bool:
        if period not in self.on:
            self.on[period] = Draw(self._key, f"period/{period}").uniform() < self.share_on
        return self.on[period]


def needed_bytes_s(world: World) -> float:
    """Bandwidth at which one epoch's answers take exactly one timeout, bytes per second."""
    epoch = sum(_answer_bytes(spec) for spec in agent_specs(world))
    return epoch / (world.model.tools.timeout * SECONDS_PER_DAY)


def _answer_bytes(spec: AgentSpec) -> int:
    """Bytes of one agent's answers in one epoch: its reads and its action."""
    reads = sum(ANSWER_BYTES + NUMBER_BYTES * read.size for read in spec.reads)
    return reads + ANSWER_BYTES + NUMBER_BYTES * len(spec.lanes) * spec.products
