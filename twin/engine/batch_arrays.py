"""A world's constants as arrays of one namespace, and which features it uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.engine.batch_path import BatchPath, as_array
from twin.engine.fleet import DUST
from twin.network.incidence import lane_sum
from twin.network.world import Prices, World

TINY = 1e-15
"""Units; smaller wishes count as none."""
COARSE = 1e-4
"""Rounding slack, relative to a vehicle or in units, where numbers have single precision."""


@dataclass(frozen=True)
class FleetArrays:
    """One fleet in the namespace of the engine."""

    lanes: Any  # (fleet's lanes,) indices
    capacity: float
    vehicles: int


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
    endless: Any | None  # (node, 1, 1) infinite where stock never runs out
    make_output: Any | None  # (node, 1, 1)
    raw_per_unit: Any  # (node, 1, 1) stock used per unit shipped
    limited: Any  # (node, 1, 1) 0 where stock never runs out
    make_capacity: Any | None  # (lane, 1) of the source
    storage: Any | None  # (node, 1)
    lane_capacity: Any | None  # (lane, 1)
    keeps: Any | None  # (node, 1, 1) 0 where unmet demand is lost
    source_keeps: Any | None  # (lane, 1, 1) 0 where what the source cannot ship is lost
    all_sole: bool  # no source shares its stock among lanes
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
        """Share of the wishes that can be met, at most 1; no gradient is infinite."""
        return self.xp.minimum(want, have) / self.xp.clip(want, TINY, None)

    def sent(self, x: Any) -> Any:
        """Sum lanes (lane, ...) over their sources: (node, ...)."""
        return lane_sum(self.outbound, x)

    def brought(self, x: Any) -> Any:
        """Sum lanes (lane, ...) over their destinations: (node, ...)."""
        return lane_sum(self.inbound, x)


def over_products(x: Any) -> Any:
    """Sum over the product axis."""
    return x[:, 0] if x.shape[1] == 1 else x.sum(1)


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

    nodes, lanes, products, _ = world.shape
    trailing = (products, path.replications)
    endless = np.where(world.unlimited, np.inf, 0.0)
    stock = np.broadcast_to(world.initial_stock[..., None], (nodes, *trailing))
    lanes_from = np.bincount(world.source, minlength=nodes)
    return WorldArrays(
        xp=xp,
        source=index(world.source),
        destination=index(world.destination),
        outbound=real(world.outbound.matrix),
        inbound=real(world.inbound.matrix),
        prices=_prices(world.prices, real),
        zero_lanes=real(np.zeros((lanes, *trailing))),
        initial_stock=real(stock),
        endless=unless(endless, 0.0, 2),
        make_output=unless(world.make_output, 1.0, 2),
        raw_per_unit=column(~world.unlimited / world.make_output, 2),
        limited=column(~world.unlimited, 2),
        make_capacity=unless(world.make_capacity[world.source], np.inf, 1),
        storage=unless(world.storage, np.inf, 1),
        lane_capacity=unless(world.lane_capacity, np.inf, 1),
        keeps=unless(~world.lost, True, 2),
        source_keeps=unless(~world.drops[world.source], True, 2),
        all_sole=world.model.independent_links or bool((lanes_from <= 1).all()),
        independent=world.model.independent_links,
        closable=bool(lanes) and bool(path.lane_open.min() < 1),
        integral=world.model.integral,
        slack=DUST if real(np.zeros(1)).dtype == xp.float64 else COARSE,
        fleets=tuple(FleetArrays(index(f.lanes), f.capacity, f.vehicles) for f in world.fleets),
        fleet_place=index(_fleet_place(world)) if world.fleets else None,
    )


def _prices(prices: Prices, real: Callable[[Any], Any]) -> Prices:
    return replace(prices, **{f.name: real(getattr(prices, f.name)) for f in fields(Prices)})


def _fleet_place(world: World) -> NDArray[np.intp]:
    """Where each lane stands when the lanes of all fleets are put one after the other."""
    riding = np.concatenate([fleet.lanes for fleet in world.fleets])
    place = np.full(len(world.lanes), len(riding), dtype=np.intp)
    place[riding] = np.arange(len(riding))
    return place
