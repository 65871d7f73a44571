"""The boundary between agents and the world: the ``tools:`` part of a scenario.

Money is in the scenario's currency, quantities in units, times in days. Defaults live here and
nowhere else.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from twin.scenario.quantities import (
    Amount,
    BytesPerSecond,
    Model,
    Name,
    PositiveAmount,
    PositiveDays,
    Share,
)
from twin.scenario.times import LognormalTime


def _latency_shorthand(value: Any) -> Any:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        return {"model": "lognormal", "median": value, "p95": value}
    return value


Latency = Annotated[LognormalTime, BeforeValidator(_latency_shorthand)]
"""A lognormal time; a bare duration is its median and its 95th percentile."""


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
    approval: Amount = 0.0
    """Per request for a person's approval, granted or not."""


class Provider(Model):
    """The account through which all agents call the tools, as its provider runs it."""

    retry_after: Literal["honest", "absent", "wrong"] = "honest"
    """What a refusal says about when to come back: the truth, nothing, or a tenth of the truth."""
    lock_after: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] | None = None
    """Refusals within ``lock_window`` that lock the account; by default it is never locked."""
    lock_window: PositiveDays = 60 / 86_400
    lock_for: PositiveDays = 300 / 86_400
    """How long a locked account stays locked; every call is refused meanwhile."""


class Throttle(Model):
    """Adaptive throttling by the agents themselves (Google's SRE book, chapter 21)."""

    accepts: Annotated[float, Field(ge=1, le=100, strict=True)] = 2.0
    """Attempts let through per accepted one (K); the smaller, the earlier it throttles."""
    window: PositiveDays = 120 / 86_400
    """How far back attempts are counted, all agents together."""


class RiskRule(Model):
    """One kind of order that needs a person's approval; exactly one of the fields."""

    order_above: PositiveAmount | None = None
    """Units that a node may order per period, all lanes and products together."""
    spend_above: PositiveAmount | None = None
    """Money that an order of a node may commit: price, freight and the cost of ordering."""
    supplier_switch: Literal[True] | None = None
    """Most of an order goes to another source than the static policy prefers."""

    @model_validator(mode="after")
    def _one_rule(self) -> RiskRule:
        said = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(said) != 1:
            fields = ", ".join(type(self).model_fields)
            raise ValueError(f"got {len(said)} rules in one entry, expected one of {fields}")
        return self


class Approver(Model):
    """The person who is asked before a high-risk order is sent, as a model."""

    latency: Latency = LognormalTime(model="lognormal", median=2 / 1_440, p95=6 / 1_440)
    """Time from the request to the answer."""
    timeout: PositiveDays = 10 / 1_440
    """How long an order waits for its approval; no answer means no."""
    tolerance: Annotated[float, Field(ge=1, le=1_000, strict=True)] = 2.0
    """Grants up to this many times a limit; grants a switch while the usual source owes units."""
    error: Share = 0.0
    """Share of answers that are the opposite of that."""
    absent: Share = 0.0
    """Share of requests that nobody answers."""


class Clarify(Model):
    """Who is asked when an answer can be read in several ways."""

    by: Literal["server", "person", "nobody"] = "server"
    """The server says what it meant; a person looks it up; or the answer just counts as invalid."""
    latency: Latency = LognormalTime(model="lognormal", median=1 / 1_440, p95=3 / 1_440)
    """A person's time to answer; the server's is that of any call."""
    timeout: PositiveDays = 5 / 1_440
    """How long a person is waited for."""
    error: Share = 0.0
    """Share of a person's answers that name a wrong reading."""
    absent: Share = 0.0
    """Share of questions that no person answers."""


ToolName = Literal[
    "inventory.read",
    "orders.read",
    "demand.read",
    "forecast.read",
    "fleet.read",
    "order.place",
    "dispatch.book",
]


class Scope(Model):
    """What one agent may do, where that is less than its role allows."""

    tools: Annotated[tuple[ToolName, ...], Field(max_length=100)] | None = None
    """Tools it may call; by default all that its role needs."""
    entities: Annotated[tuple[Name, ...], Field(max_length=10_000)] | None = None
    """Nodes and fleets it may ask and decide about; by default all that its role needs."""
    quantity: PositiveAmount | None = None
    """Most units it may order per lane and product, or most vehicles it may book per lane."""


class Tools(Model):
    """The boundary between agents and the world: how their tool calls travel and what they cost."""

    deadline: PositiveDays = 15 / 1_440
    """Window after each review epoch in which agents read and act."""
    latency: Latency = LognormalTime(model="lognormal", median=80e-3 / 86_400, p95=400e-3 / 86_400)
    """Time one message takes one way."""
    timeout: PositiveDays = 30 / 86_400
    """How long an attempt waits for its answer."""
    max_age: Annotated[int, Field(ge=0, le=1000, strict=True)] = 0
    """Oldest answer an agent may act on, in periods; beyond it the static policy decides."""
    bandwidth: BytesPerSecond = 64e3
    """Shared by all agents, each direction."""
    quota: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = 600
    """Calls the provider answers per minute; beyond it a call is refused."""
    provider: Provider = Provider()
    retries: Retries = Retries()
    throttle: Throttle | None = None
    """Adaptive throttling; by default there is none."""
    bulkhead: Annotated[int, Field(ge=1, le=100_000, strict=True)] | None = None
    """Most calls of one tool under way at a time, all agents together; by default no limit."""
    breaker: Breaker = Breaker()
    costs: ToolCosts = ToolCosts()
    spend_buffer: Annotated[float, Field(ge=0, le=100, strict=True)] = 0.3
    """Where spending is forecast: the share by which it may exceed the forecast before it stops."""
    high_risk: Annotated[tuple[RiskRule, ...], Field(max_length=100)] = ()
    """Orders that need approval; without it the static policy orders, cut down to the limits."""
    approver: Approver = Approver()
    clarify: Clarify = Clarify()
    scope: Annotated[dict[Name, Scope], Field(max_length=10_000)] = Field(default={})
    """By agent (``replenish:dc``, ``dispatch:trucks``): narrower limits than its role's."""
