"""A world's constants as arrays of one namespace, and which features it uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.engine.batch_limits import BatchLimit
from twin.engine.batch_path import BatchPath, as_array
from twin.engine.batch_recipes import BatchRecipes
from twin.engine.bounds import at_least
from twin.engine.fleet import DUST
from twin.network.incidence import lane_sum
from twin.network.world import FleetSpec, Prices, World

TINY = 1e-15
"""Units; smaller wishes count as none."""
COARSE = 1e-4
"""Rounding slack, relative to a vehicle or in units, where numbers have single precision."""


@dataclass(frozen=True)
class FleetArrays:
    """One fleet in the namespace of the engine."""

    lanes: Any  # (fleet's lanes,) indices
    limit: BatchLimit  # of one vehicle
    vehicles: int
    full: float  # share of its capacity that every vehicle must carry


@dataclass(frozen=True)
class WorldArrays:
    """Constants with room for trailing axes; ``None`` stands for a feature that is not used."""

    xp: Any  # numpy or torch
    source: Any  # (lane,) indices
    destination: Any  # (lane,) indices
    outbound: Any  # (node, lane) 0/1
    inbound: Any  # (node, lane) 0/1
    prices: Prices
    zero_lanes: Any  # (lane, product, B) zeros
    initial_stock: Any  # (node, product, B)
    initial_transit: tuple[Any, ...]  # (lane, product, B) what arrives at the first epochs
    initial_orders: tuple[Any, ...]  # (lane, product, B) orders that arrive at the first epochs
    endless: Any | None  # (node, 1, 1) infinite where stock never runs out
    recipes: BatchRecipes
    limited: Any  # (node, 1, 1) 0 where stock never runs out
    make_capacity: Any | None  # (lane, 1) of the source
    storage: BatchLimit | None  # of nodes
    destroys: Any | None  # (lane, 1, 1) 1 where the destination destroys what does not fit
    lane_limit: BatchLimit | None  # of lanes, per period
    setup_units: Any | None  # (lane, 1) capacity lost per product made to stock
    produces: Any | None  # (lane, 1) 1 on production to stock
    carrier: Any | None  # (lane, 1, 1) 1 where a common carrier takes what finds no vehicle
    keeps: Any | None  # (node, 1, 1) 0 where unmet demand is lost
    source_keeps: Any | None  # (lane, 1, 1) 0 where what the source cannot ship is lost
    simple: bool  # no source shares its stock among lanes, or needs components
    independent: bool  # each lane may take all of its source's stock
    closable: bool  # some lane is closed at some time
    integral: bool
    slack: float  # rounding errors below this are forgiven
    fleets: tuple[FleetArrays, ...]
    fleet_place: Any | None  # (lane,) place among the fleets' lanes; the last place: no fleet

    @classmethod
    def of(cls, world: World, path: BatchPath, xp: Any) -> WorldArrays:
        """Cast a world to the kind, dtype and device of the path."""
        return _build(world, path, xp)

    def ratio(self, have: Any, want: Any) -> Any:
        """Share of the wishes that can be met, at most 1; no gradient is infinite.

        All of nothing can be met, so that the first unit of a wish has a gradient too.
        """
        wish = at_least(want, TINY, self.xp)
        return self.xp.minimum(wish, have) / wish

    def sent(self, x: Any) -> Any:
        """Sum lanes (lane, ...) over their sources: (node, ...)."""
        return lane_sum(self.outbound, x)

    def brought(self, x: Any) -> Any:
        """Sum lanes (lane, ...) over their destinations: (node, ...)."""
        return lane_sum(self.inbound, x)


def _build(world: World, path: BatchPath, xp: Any) -> WorldArrays:
    like = path.demand

    def real(values: Any) -> Any:
        return as_array(values, xp, like.dtype, getattr(like, "device", None))

    def index(values: NDArray[np.intp]) -> Any:
        return as_array(values, xp, xp.int64, getattr(like, "device", None))

    def column(values: NDArray[Any], axes: int) -> Any:
        return real(values.astype(float).reshape((-1,) + (1,) * axes))

    def unless(values: NDArray[Any], unused: float, axes: int) -> Any | None:
        return None if np.equal(values, unused).all() else column(values, axes)

    def flags(values: Any, axes: int) -> Any | None:
        return unless(np.array(values, dtype=bool), False, axes)

    nodes, lanes, products, _ = world.shape
    trailing = (products, path.replications)
    endless = np.where(world.unlimited, np.inf, 0.0)
    stock = np.broadcast_to(world.initial_stock[..., None], (nodes, *trailing))
    lanes_from = np.bincount(world.source, minlength=nodes)
    source, outbound = index(world.source), real(world.outbound.matrix)
    zero_lanes = real(np.zeros((lanes, *trailing)))
    plain = not world.recipes.bills and bool((world.recipes.plain == 1).all())
    sole = world.model.independent_links or bool((lanes_from <= 1).all())
    return WorldArrays(
        xp=xp,
        source=source,
        destination=index(world.destination),
        outbound=outbound,
        inbound=real(world.inbound.matrix),
        prices=_prices(world.prices, real),
        zero_lanes=zero_lanes,
        initial_stock=real(stock),
        initial_transit=tuple(zero_lanes + real(x[..., None]) for x in world.initial_transit),
        initial_orders=tuple(zero_lanes + real(x[..., None]) for x in world.initial_orders),
        endless=unless(endless, 0.0, 2),
        recipes=BatchRecipes.of(world, xp, real, source, outbound),
        limited=column(~world.unlimited, 2),
        make_capacity=unless(world.make_capacity[world.source], np.inf, 1),
        storage=BatchLimit.of(world.storage_limit, xp, real),
        destroys=flags(world.destroys[world.destination], 2),
        lane_limit=BatchLimit.of(world.lane_limit, xp, real),
        setup_units=unless(world.setup_units, 0.0, 1),
        produces=flags(world.produces, 1),
        carrier=flags([x.common_carrier is not None for x in world.transport], 2),
        keeps=unless(~world.lost, True, 2),
        source_keeps=unless(~world.drops[world.source], True, 2),
        simple=plain and sole,
        independent=world.model.independent_links,
        closable=bool(lanes) and bool(path.lane_open.min() < 1),
        integral=world.model.integral,
        slack=DUST if real(np.zeros(1)).dtype == xp.float64 else COARSE,
        fleets=tuple(_fleet(f, xp, index, real) for f in world.fleets),
        fleet_place=index(_fleet_place(world)) if world.fleets else None,
    )


def _fleet(
    fleet: FleetSpec, xp: Any, index: Callable[[Any], Any], real: Callable[[Any], Any]
) -> FleetArrays:
    limit = BatchLimit.of(fleet.limit, xp, real)
    assert limit is not None  # every vehicle has a capacity
    return FleetArrays(index(fleet.lanes), limit, fleet.vehicles, float(fleet.spec.load == "full"))


def _prices(prices: Prices, real: Callable[[Any], Any]) -> Prices:
    return replace(prices, **{f.name: real(getattr(prices, f.name)) for f in fields(Prices)})


def _fleet_place(world: World) -> NDArray[np.intp]:
    """Where each lane stands when the lanes of all fleets are put one after the other."""
    riding = np.concatenate([fleet.lanes for fleet in world.fleets])
    place = np.full(len(world.lanes), len(riding), dtype=np.intp)
    place[riding] = np.arange(len(riding))
    return place
