"""The frozen pydantic tree of one scenario file.

Money is in the scenario's currency, quantities in units, times in days, masses in kilograms.
Defaults live here and nowhere else.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from twin.scenario.disruption import Disruption
from twin.scenario.forecast import Forecast
from twin.scenario.quantities import Model, Name, PositiveAmount, PositiveDays
from twin.scenario.sites import Node, Product
from twin.scenario.tools import Tools
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
    lanes: Annotated[dict[str, Lane], Field(max_length=20_000)] = Field(default={})
    """Keys are ``source -> destination``; parallel lanes are ``source -> destination via rail``."""
    fleets: Annotated[dict[Name, Fleet], Field(max_length=1_000)] = Field(default={})
    correlation: Annotated[tuple[Correlation, ...], Field(max_length=1_000)] = ()
    """Groups of stores whose demand moves together; a store stands in at most one."""
    forecasts: Forecast | None = None
    """What agents are told about coming demand; nothing by default."""
    disruptions: Annotated[dict[Name, Disruption], Field(max_length=1_000)] = Field(default={})
    """What goes wrong in this world, at known times or by chance."""
    agents: Agents = Agents()
    tools: Tools = Tools()
