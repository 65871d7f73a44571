"""The boundary between agents and the world: the ``tools:`` part of a scenario.

Money is in the scenario's currency, quantities in units, times in days. Defaults live here and
nowhere else.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from twin.scenario.quantities import (
    Amount,
    BytesPerSecond,
    Model,
    PositiveDays,
    Share,
)
from twin.scenario.times import LognormalTime


class Retries(Model):
    """One layer of retries: at most ``attempts`` in all, within a budget, with full jitter."""

    attempts: Annotated[int, Field(ge=1, le=3, strict=True)] = 3
    """Attempts per call, the first included."""
    budget: Share = 0.1
    """Retries allowed as a share of calls (token bucket)."""
    reserve: Annotated[int, Field(ge=0, le=100, strict=True)] = 3
    """Retries an agent starts with."""
    base: PositiveDays = 0.2 / 86_400
    """First back-off; doubles with each attempt."""
    cap: PositiveDays = 5 / 86_400
    """Longest back-off."""


class Breaker(Model):
    """Circuit breaker per agent and tool (resilience4j's terms)."""

    failure_rate: Share = 0.5
    """Share of failed calls in the window that opens the breaker."""
    window: Annotated[int, Field(ge=1, le=1000, strict=True)] = 10
    """Calls in the sliding window."""
    minimum_calls: Annotated[int, Field(ge=1, le=1000, strict=True)] = 5
    """Calls before the rate counts."""
    half_open_calls: Annotated[int, Field(ge=1, le=100, strict=True)] = 2
    """Trial calls while half open."""
    open_for: PositiveDays = 1.5
    """How long an open breaker waits before it lets trial calls through."""


class ToolCosts(Model):
    """What control costs: each part priced in the scenario's currency."""

    call: Amount = 0.0
    """Per attempt that leaves the agent."""
    retry: Amount = 0.0
    """On top, per attempt after the first."""
    kilobyte: Amount = 0.0
    """Per 1,000 bytes sent or received."""
    kilotoken: Amount = 0.0
    """Per 1,000 tokens; a token is counted as four bytes."""


def _latency_shorthand(value: Any) -> Any:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        return {"model": "lognormal", "median": value, "p95": value}
    return value


class Tools(Model):
    """The boundary between agents and the world: how their tool calls travel and what they cost."""

    deadline: PositiveDays = 15 / 1_440
    """Window after each review epoch in which agents read and act."""
    latency: Annotated[LognormalTime, BeforeValidator(_latency_shorthand)] = LognormalTime(
        model="lognormal", median=80e-3 / 86_400, p95=400e-3 / 86_400
    )
    """Time one message takes one way."""
    timeout: PositiveDays = 30 / 86_400
    """How long an attempt waits for its answer."""
    max_age: Annotated[int, Field(ge=0, le=1000, strict=True)] = 0
    """Oldest answer an agent may act on, in periods; beyond it the static policy decides."""
    bandwidth: BytesPerSecond = 64e3
    """Shared by all agents, each direction."""
    quota: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = 600
    """Calls the provider answers per minute; beyond it a call is refused."""
    retries: Retries = Retries()
    breaker: Breaker = Breaker()
    costs: ToolCosts = ToolCosts()
