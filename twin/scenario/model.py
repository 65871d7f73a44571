"""The frozen pydantic tree of one scenario file.

Money is in the scenario's currency, quantities in units, times in days, masses in kilograms.
Defaults live here and nowhere else.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from twin.scenario.quantities import (
    Amount,
    Days,
    Demand,
    Kilograms,
    Model,
    Name,
    PerProduct,
    PositiveAmount,
    PositiveDays,
)
from twin.scenario.times import ConstantTime, RandomTime
from twin.scenario.tools import Tools

NODE_KINDS = ("supplier", "factory", "warehouse", "store")
ConventionName = Literal["standard", "orgym", "snyder"]


class Product(Model):
    """Something that is stocked and moved."""

    value: Amount = 1.0
    """Value of one unit."""
    weight: Kilograms = 1.0
    """Mass of one unit."""


class Production(Model):
    """Make-to-order production: raw stock is transformed while it is shipped."""

    capacity: PositiveAmount | None = None
    """Units that can be made per period, all products together; none means no limit."""
    output: Annotated[float, Field(gt=0, le=1, strict=True)] = 1.0
    """Units made from one unit of raw stock (yield)."""
    cost: PerProduct = 0.0
    """Cost of making one unit."""


class Node(Model):
    """A place that holds stock, makes it, or sells it."""

    kind: Literal["supplier", "factory", "warehouse", "store"]
    """Suppliers have unlimited stock, as do factories without inbound lanes."""
    stock: PerProduct = 0.0
    """On-hand units at the start."""
    holding: PerProduct = 0.0
    """Holding cost per unit on hand at the end of a period, per day."""
    capacity: PositiveAmount | None = None
    """Storage room in units; what does not fit waits at the dock, in transit."""
    price: PerProduct = 0.0
    """Revenue per unit sold to customers."""
    unmet: Literal["backlog", "lost"] = "backlog"
    """What happens to customers' demand that is not served."""
    unfilled: Literal["backlog", "lost"] | None = None
    """What happens to orders of downstream nodes that are not shipped; by default as ``unmet``."""
    penalty: PerProduct = 0.0
    """Per lost unit; or per backlogged unit and day; of customers and of downstream nodes."""
    production: Production | None = None
    """Make-to-order production (suppliers and factories)."""
    demand: Annotated[Demand | dict[Name, Demand] | None, Field(union_mode="left_to_right")] = None
    """Customers' demand: one model for a single-product scenario, or a map by product."""
    order_up_to: PerProduct | None = None
    """Order-up-to level of the static policy; by default derived from demand and lead time."""


class Lane(Model):
    """A directed connection, written ``source -> destination``."""

    lead_time: RandomTime = ConstantTime(value=0.0)
    """Time from shipping to arrival."""
    order_lead_time: Days = 0.0
    """Time an order takes to reach the source; a whole number of periods."""
    capacity: PositiveAmount | None = None
    """Most units shipped per period, all products together."""
    price: PerProduct = 0.0
    """Paid by the destination to the source per unit shipped."""
    freight: PerProduct = 0.0
    """Freight cost per unit shipped, paid by the destination."""
    order_cost: Amount = 0.0
    """Fixed cost of each order that asks for something."""
    holding: PerProduct | None = None
    """Cost per unit in transit and day; ``snyder`` defaults to the source's holding cost."""
    fleet: Name | None = None
    """Vehicle fleet that carries this lane; without one, freight moves freely."""
    share: Annotated[float, Field(gt=0, le=1, strict=True)] | None = None
    """Share of the destination's orders placed on this lane; equal shares by default."""


class Fleet(Model):
    """A pool of identical vehicles shared by the lanes that name it."""

    depot: Name
    """Node the vehicles start from and return to."""
    vehicles: Annotated[int, Field(ge=1, le=10_000, strict=True)]
    """Number of vehicles."""
    capacity: PositiveAmount
    """Units one vehicle carries."""
    round_trip: RandomTime
    """Time from leaving the depot until the vehicle can leave again."""
    cost_per_trip: Amount = 0.0
    """Cost of one trip, paid by the depot."""


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
    convention: ConventionName = "standard"
    """Order of the phases of a period."""
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
    agents: Agents = Agents()
    tools: Tools = Tools()
