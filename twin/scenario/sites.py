"""Products, and the places that hold, make and sell them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from twin.scenario.capacity import AnyCapacity
from twin.scenario.opening import Opening
from twin.scenario.quantities import (
    Amount,
    CubicMetres,
    Days,
    Demand,
    Kilograms,
    Model,
    Name,
    PerProduct,
    PositiveAmount,
    PositiveDays,
    Share,
)
from twin.scenario.shares import ConstantShare, RandomShare

NODE_KINDS = ("supplier", "factory", "warehouse", "crossdock", "store")
Components = Annotated[dict[Name, PositiveAmount], Field(max_length=1_000)]
Coordinate = Annotated[float, Field(ge=-180, le=180)]


class Product(Model):
    """Something that is stocked and moved."""

    value: Amount = 1.0
    """Value of one unit."""
    weight: Kilograms = 1.0
    """Mass of one unit."""
    volume: CubicMetres = 0.0
    """Room that one unit takes."""
    shelf_life: PositiveDays | None = None
    """Time from leaving a supplier or being made until a unit spoils; a whole number of periods."""
    substitutes: Annotated[dict[Name, Share], Field(max_length=100)] = Field(default={})
    """Products that customers take instead when this one is out, in the order given, and the share
    of them that does; nobody by default."""


class Production(Model):
    """How a factory makes things."""

    mode: Literal["to_order", "to_stock"] = "to_order"
    """``to_order``: made in the moment it is shipped; ``to_stock``: by production orders."""
    bom: Annotated[dict[Name, Components], Field(max_length=10_000)] = Field(default={})
    """Bill of materials: units of each component in one unit of a product. Made to order, a product
    without an entry is made from its own raw stock; made to stock, it is not made here."""
    capacity: PositiveAmount | None = None
    """Units that can be made per period, all products together; none means no limit."""
    output: Annotated[float, Field(gt=0, le=1, strict=True)] = 1.0
    """Good units made from the components of one unit (yield)."""
    scrap: RandomShare = ConstantShare(value=0.0)
    """to_stock: share of a production order that fails and is scrapped, drawn per period."""
    cost: PerProduct = 0.0
    """Cost of making one unit."""
    lead_time: Days = 0.0
    """to_stock: time from the start of a production order to finished stock."""
    setup_cost: Amount = 0.0
    """to_stock: cost of starting production of one product in one period."""
    setup_units: Amount = 0.0
    """to_stock: capacity that is lost for each product made in a period."""


class Node(Model):
    """A place that holds stock, makes it, or sells it."""

    kind: Literal["supplier", "factory", "warehouse", "crossdock", "store"]
    """Suppliers have unlimited stock, as do factories that nothing feeds; a cross-dock keeps none:
    it orders what it was asked for and ships what it receives."""
    location: tuple[Coordinate, Coordinate] | None = None
    """Longitude and latitude in degrees."""
    region: Name | None = None
    """Name that disruptions may strike."""
    stock: PerProduct = 0.0
    """On-hand units at the start, fresh."""
    holding: PerProduct = 0.0
    """Holding cost per unit on hand at the end of a period, per day."""
    capacity: AnyCapacity | None = None
    """Storage room: units, or a weight, or a volume."""
    overflow: Literal["wait", "destroy"] = "wait"
    """What does not fit waits at the dock, in transit, or is destroyed."""
    disposal: PerProduct = 0.0
    """Cost of getting rid of one unit that spoiled or did not fit."""
    price: PerProduct = 0.0
    """Revenue per unit sold to customers."""
    unmet: Literal["backlog", "lost"] = "backlog"
    """What happens to customers' demand that is not served."""
    unfilled: Literal["backlog", "lost"] | None = None
    """What happens to orders of downstream nodes that are not shipped; by default as ``unmet``."""
    penalty: PerProduct = 0.0
    """Per lost unit; or per backlogged unit and day; of customers and of downstream nodes."""
    allocation: Literal["proportional", "priority", "fifo"] = "proportional"
    """Who gets scarce stock: everybody a share, the lanes of the smallest ``priority`` number
    first, or the oldest orders first."""
    sourcing: Literal["share", "preference"] = "share"
    """How the node splits its orders: by the lanes' shares, or all from the lane of the smallest
    ``preference`` number as far as its source has stock, the rest from the next."""
    production: Production | None = None
    """How it makes things (suppliers and factories)."""
    demand: Annotated[Demand | dict[Name, Demand] | None, Field(union_mode="left_to_right")] = None
    """Customers' demand: one model for a single-product scenario, or a map by product."""
    open: Opening | None = None
    """Opening hours: a closed node neither receives, ships nor serves; by default always open."""
    order_up_to: PerProduct | None = None
    """Order-up-to level of the static policy; by default derived from demand and lead time."""
    terminal: PerProduct = 0.0
    """Value of one unit on hand when the run ends."""

    @model_validator(mode="after")
    def _on_the_globe(self) -> Node:
        if self.location is not None and abs(self.location[1]) > 90:
            raise ValueError(f"latitude {self.location[1]:g} is not between -90 and 90 degrees")
        return self
