"""Lanes and the fleets that serve them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from twin.scenario.capacity import AnyCapacity
from twin.scenario.opening import Opening
from twin.scenario.quantities import (
    Amount,
    Days,
    Kilometres,
    Model,
    Name,
    PerProduct,
    PositiveAmount,
    Share,
)
from twin.scenario.shares import ConstantShare, RandomShare
from twin.scenario.times import ConstantTime, RandomTime

Rank = Annotated[int, Field(ge=0, le=1_000, strict=True)]
Pipe = Annotated[tuple[PerProduct, ...], Field(max_length=1_000)]
Intensity = Annotated[float, Field(ge=0, le=1e6, strict=True)]


class Lane(Model):
    """A directed connection, written ``source -> destination`` (``via`` names parallel ones)."""

    lead_time: RandomTime = ConstantTime(value=0.0)
    """Time from shipping to arrival."""
    crossover: StrictBool = True
    """Whether a later shipment may overtake an earlier one."""
    order_lead_time: Days = 0.0
    """Time an order takes to reach the source; a whole number of periods."""
    products: Annotated[tuple[Name, ...], Field(max_length=10_000)] = ()
    """Products it carries; all by default."""
    capacity: AnyCapacity | None = None
    """Most that is shipped per period, all products together: units, or a weight, or a volume."""
    order_capacity: PositiveAmount | None = None
    """Most units that are ordered per period, all products together."""
    minimum_order: PositiveAmount | None = None
    """Smallest order of a product; an order below it is raised."""
    batch: PositiveAmount | None = None
    """Orders of a product are rounded up to multiples of this."""
    price: PerProduct = 0.0
    """Paid by the destination to the source per unit shipped."""
    freight: PerProduct = 0.0
    """Freight cost per unit shipped, paid by the destination."""
    order_cost: Amount = 0.0
    """Fixed cost of each order that asks for something."""
    line_cost: PerProduct = 0.0
    """Fixed cost of each product that an order asks for."""
    holding: PerProduct | None = None
    """Cost per unit in transit and day; ``snyder`` defaults to the source's holding cost."""
    loss: RandomShare = ConstantShare(value=0.0)
    """Share of a shipment that never arrives in good order, drawn per period; it is paid for."""
    fleet: Name | None = None
    """Vehicle fleet that carries this lane; without one, freight moves freely."""
    common_carrier: Amount | None = None
    """Price per unit of sending what finds no vehicle with somebody else, as less than a truckload;
    without one, freight waits for a vehicle."""
    share: Annotated[float, Field(gt=0, le=1, strict=True)] | None = None
    """Share of the destination's orders placed on this lane; equal shares by default."""
    preference: Rank = 0
    """With ``sourcing: preference``, the smallest number is asked first."""
    priority: Rank = 0
    """With ``allocation: priority`` at the source, the smallest number is served first."""
    open: Opening | None = None
    """When shipments may leave; always by default."""
    distance: Kilometres | None = None
    """Length of the way; between two locations, by default, that of the great circle."""
    intensity: Intensity = 0.0
    """Emissions of the transport without a fleet, g CO2e per tonne and kilometre."""
    in_transit: Pipe = ()
    """Units on the road at the start: what arrives at the first epoch, at the second, ..."""
    orders_under_way: Pipe = ()
    """Orders on their way to the source at the start: those due at the first epoch, ..."""


class Breakdown(Model):
    """Vehicles that fail on the road: the freight goes on with another one, the vehicle is away."""

    probability: Share
    """Chance per trip."""
    repair: RandomTime
    """Time that a repair adds to the trip."""


class Fleet(Model):
    """A pool of identical vehicles shared by the lanes that name it."""

    depot: Name
    """Node the vehicles start from and return to."""
    vehicles: Annotated[int, Field(ge=1, le=10_000, strict=True)]
    """Number of vehicles."""
    capacity: AnyCapacity
    """What one vehicle carries: units, or a weight, or a volume, or several of them."""
    round_trip: RandomTime
    """Time from leaving the depot until the vehicle can leave again."""
    loading: Days = 0.0
    """Time at the depot before a trip; it delays the freight and keeps the vehicle busy."""
    load: Literal["any", "full"] = "any"
    """``full``: a vehicle leaves only with a full load (FTL)."""
    cost_per_trip: Amount = 0.0
    """Cost of one trip, paid by the depot."""
    cost_per_km: Amount = 0.0
    """Cost of one kilometre, paid by the depot, on the way out and on the empty way back."""
    breakdown: Breakdown | None = None
    """How often vehicles fail; never by default."""
    intensity: Intensity = 0.0
    """Emissions of a loaded vehicle, g CO2e per tonne of freight and kilometre."""
    empty_intensity: Intensity = 0.0
    """Emissions of an empty vehicle, g CO2e per kilometre."""
