"""tool.rate_limit: the provider answers fewer calls than the fleet needs."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stress.catalogue.base import ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.targets import Targets
from stress.catalogue.tool_error import CAPACITY_LOST
from twin.env.agents import agent_specs
from twin.network.world import World
from twin.scenario.quantities import PositiveDays
from twin.tools.catalogue import error_answer
from twin.tools.channel import Transit

SECONDS_PER_D = 86_400.0


class RateLimit(Targets, ChannelFault):
    """Refuse calls beyond what is left of the need within each window of time.

    The need is one call per read and per write of every agent. ``retry_after`` says what the
    refusal tells: honest, the time until the limit is lifted; absent, nothing; wrong, come at once.
    """

    family: ClassVar[str] = "tool.rate_limit"
    ladder: ClassVar[tuple[float, ...]] = CAPACITY_LOST
    unit: ClassVar[str] = "share of the need that is refused"
    limit: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Calls per window before the loss; 0 stands for the need."""
    window: PositiveDays = 10 / 1_440
    """Length of the windows in which calls are counted, one after the other."""
    retry_after: Literal["honest", "absent", "wrong"] = "honest"
    """What the refusal says about when to come back."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that refuses calls."""
        return _LimitLayer(self, severity, window)


class _LimitLayer(FaultLayer):
    def __init__(self, fault: RateLimit, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._fault = fault
        self._allowed = 0
        self._slot = -1
        self._count = 0
        self._refused: set[tuple[str, int]] = set()

    def start(self, seed: int, world: World) -> None:
        super().start(seed, world)
        need = sum(len(spec.reads) + 1 for spec in agent_specs(world))
        self._allowed = int((self._fault.limit or need) * (1 - self.value))
        self._slot, self._count, self._refused = -1, 0, set()

    def request(self, transit: Transit, body: bytes) -> bytes | None:
        """Count the call, and keep it from the server when there are too many."""
        if not self.strikes(transit):
            return body
        slot = int(transit.sent_at / self._fault.window)
        if slot != self._slot:
            self._slot, self._count = slot, 0
            self._refused.clear()
        self._count += 1
        if self._count <= self._allowed:
            return body
        self._refused.add((transit.call, transit.attempt))
        return b""

    def answer(self, transit: Transit, body: bytes) -> bytes | None:
        if (transit.call, transit.attempt) not in self._refused:
            return body
        self._refused.discard((transit.call, transit.attempt))
        self.fired += 1
        wait_s = self._wait_s(transit.sent_at)
        return error_answer(transit.call, transit.tool, "rate_limited", "too many calls", wait_s)

    def _wait_s(self, now_d: float) -> float | None:
        if self._fault.retry_after == "absent":
            return None
        if self._fault.retry_after == "wrong":
            return 0.0
        left_d = (int(now_d / self._fault.window) + 1) * self._fault.window - now_d
        return max(left_d, 0.0) * SECONDS_PER_D
