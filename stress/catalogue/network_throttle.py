"""network.throttle: the network provider throttles the fleet, on some epochs and off on others."""

from __future__ import annotations

from typing import ClassVar

from stress.catalogue.base import ROUNDING, ChannelFault, Draw, FaultLayer, Window
from twin.env.agents import AgentSpec, agent_specs
from twin.network.world import World

NUMBER_BYTES = 6
"""Typical length of one number in JSON, its comma included."""
ANSWER_BYTES = 150
"""Typical length of an answer without its numbers."""
SECONDS_PER_DAY = 86_400.0
SHARE_ON = (0.0, 0.05, 0.10, 0.20, 0.35, 0.50)
"""Share of the periods in which the throttle is on, by severity."""


class Throttle(ChannelFault):
    """Cut the shared bandwidth to the ladder's fraction of what the fleet needs.

    Agents call one tool at a time, so what the fleet needs is one answer per agent within one
    attempt's timeout: a fraction of 0.25 lets about a quarter of them through in time. Links are
    far faster than that, so that a plain fraction of the link's rate would not be felt. Each period
    is drawn to be throttled or not; their share grows with the severity, by SHARE_ON.
    """

    family: ClassVar[str] = "network.throttle"
    ladder: ClassVar[tuple[float, ...]] = (1.0, 0.75, 0.5, 0.25, 0.1, 0.02)
    unit: ClassVar[str] = "bandwidth, as a fraction of the need"

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that slows the link."""
        return _ThrottleLayer(self, severity, window)


class _ThrottleLayer(FaultLayer):
    def __init__(self, fault: Throttle, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self.share_on = SHARE_ON[severity]
        self.period_d = 1.0
        self.throttled = 0.0
        self.on: dict[int, bool] = {}

    def start(self, seed: int, world: World) -> None:
        super().start(seed, world)
        self.period_d = world.period_d
        self.throttled = self.value * needed_bytes_s(world)
        self.on = {}

    def rate(self, now_d: float, bytes_s: float) -> float:
        if not self.strikes_at(now_d) or not self._is_on(self._period(now_d)):
            return bytes_s
        self.fired += 1
        return min(bytes_s, self.throttled)

    def _period(self, now_d: float) -> int:
        return int(now_d / self.period_d + ROUNDING)

    def _is_on(self, period: int) -> bool:
        if period not in self.on:
            self.on[period] = Draw(self._key, f"period/{period}").uniform() < self.share_on
        return self.on[period]


def needed_bytes_s(world: World) -> float:
    """Bandwidth at which one answer per agent takes exactly one timeout, bytes per second."""
    answers = sum(_largest_answer(spec) for spec in agent_specs(world))
    return answers / (world.model.tools.timeout * SECONDS_PER_DAY)


def _largest_answer(spec: AgentSpec) -> int:
    """Bytes of the largest answer an agent waits for."""
    return ANSWER_BYTES + NUMBER_BYTES * max(read.size for read in spec.reads)
