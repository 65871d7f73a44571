"""The frozen pydantic tree of one scenario file.

Money is in the scenario's currency, quantities in units, times in days, masses in kilograms.
Defaults live here and nowhere else.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool

from twin.scenario.disruption import Disruption
from twin.scenario.quantities import (
    Amount,
    BytesPerSecond,
    Model,
    Name,
    PositiveAmount,
    PositiveDays,
    Share,
)
from twin.scenario.sites import Node, Product
from twin.scenario.times import LognormalTime
from twin.scenario.transport import Fleet, Lane

ConventionName = Literal["standard", "orgym", "snyder", "mabim", "beer_game"]
Phase = Literal["receive", "demand", "order", "ship", "serve", "account"]
PhaseList = Annotated[tuple[Phase, ...], Field(min_length=6, max_length=6)]


class Correlation(Model):
    """Stores whose demand moves together: a Gaussian copula with one correlation per group."""

    nodes: Annotated[tuple[Name, ...], Field(min_length=2, max_length=10_000)]
    """Nodes with customers' demand."""
    rho: Annotated[float, Field(ge=0, lt=1, strict=True)]
    """Correlation of the normal variates behind the demand of any two of them, in each period."""


class ActionForm(Model):
    """How an agent's numbers become orders."""

    form: Literal["base_stock_correction", "order_quantity"] = "base_stock_correction"
    """Correct the static order-up-to level, or state the quantity itself."""
    range: Annotated[float, Field(gt=0, le=100, strict=True)] = 1.0
    """Periods of mean flow that action 1 adds to the order-up-to level; actions lie in [-2, 2]."""
    max_order: PositiveAmount | None = None
    """order_quantity: what action 1 stands for; default: lane capacity, else 4 x mean flow."""


class Agents(Model):
    """Who decides: the rest of the network runs by the static policy."""

    replenish: tuple[Name, ...] = ()
    """Nodes whose orders an agent places; default: every node with an inbound lane."""
    dispatch: tuple[Name, ...] = ()
    """Fleets whose vehicles an agent books."""
    action: ActionForm = ActionForm()
    reward: Literal["team", "local"] = "team"
    """``team``: an equal part of the network's profit for each agent; ``local``: its own node's."""


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


class ScenarioModel(Model):
    """A logistics network and the rules it runs by."""

    kind: Literal["scenario"] = "scenario"
    name: Name
    description: Annotated[str, Field(max_length=10_000)] = ""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    horizon: PositiveDays
    """Simulated time; a whole number of periods."""
    period: PositiveDays = 1.0
    """Time between review epochs."""
    convention: ConventionName | PhaseList = "standard"
    """Order of the phases of a period: a named convention, or a list of the six phases."""
    integral: StrictBool = False
    """Whole units: orders are rounded, allocations cut down."""
    independent_links: StrictBool = False
    """Each lane may take all of its source's stock and capacity, whatever the others take, so that
    stock can fall below zero (as OR-Gym's network does); by default lanes share what there is."""
    discount: Annotated[float, Field(gt=0, le=1, strict=True)] = 1.0
    """Discount factor per period; the first period's factor is discount^0."""
    products: Annotated[dict[Name, Product], Field(min_length=1, max_length=10_000)] = Field(
        default={"unit": Product()}
    )
    nodes: Annotated[dict[Name, Node], Field(min_length=1, max_length=10_000)]
    lanes: Annotated[dict[str, Lane], Field(max_length=100_000)] = Field(default={})
    """Keys are ``source -> destination``."""
    fleets: Annotated[dict[Name, Fleet], Field(max_length=1_000)] = Field(default={})
    correlation: Annotated[tuple[Correlation, ...], Field(max_length=1_000)] = ()
    """Groups of stores whose demand moves together; a store stands in at most one."""
    disruptions: Annotated[dict[Name, Disruption], Field(max_length=1_000)] = Field(default={})
    """What goes wrong in this world, at known times or by chance."""
    agents: Agents = Agents()
    tools: Tools = Tools()
