"""All ways on which goods move: the lanes of the file, and production to stock.

Production to stock is a lane from the factory to itself: a production order is an order on it, its
lead time is the production's, what is on the way is work in process.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.network.graph import lane_ends
from twin.scenario.capacity import Capacity
from twin.scenario.lanes import lane_name
from twin.scenario.model import ScenarioModel
from twin.scenario.sites import Node, Production
from twin.scenario.times import ConstantTime
from twin.scenario.transport import Lane

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Flags = NDArray[np.bool_]
EARTH_RADIUS_KM = 6371.0088


@dataclass(frozen=True)
class Routes:
    """The lanes of a world, those of the file first."""

    names: tuple[str, ...]  # "src->dst"
    lanes: tuple[Lane, ...]
    source: Ints  # (lane,) node index
    destination: Ints  # (lane,) node index
    produces: Flags  # (lane,) production to stock
    carries: Flags  # (lane, product)
    distance_km: Floats  # (lane,)


def routes(model: ScenarioModel) -> Routes:
    """List the lanes of a checked scenario and its production to stock."""
    index = {name: i for i, name in enumerate(model.nodes)}
    ends = [lane_ends(key) for key in model.lanes]
    lanes = list(model.lanes.values())
    made = [(n, p) for n, node in model.nodes.items() if (p := _to_stock(node)) is not None]
    names = [lane_name(key) for key in model.lanes]
    names += [f"{name}->{name}" for name, _ in made]
    ends += [(name, name) for name, _ in made]
    lanes += [_production_lane(production) for _, production in made]
    produces = np.arange(len(lanes)) >= len(model.lanes)
    return Routes(
        names=tuple(names),
        lanes=tuple(lanes),
        source=np.array([index[a] for a, _ in ends], dtype=np.intp),
        destination=np.array([index[b] for _, b in ends], dtype=np.intp),
        produces=produces,
        carries=_carries(model, lanes, ends, produces),
        distance_km=np.array(
            [_distance_km(model.nodes, x, e) for x, e in zip(lanes, ends, strict=True)]
        ),
    )


def _to_stock(node: Node) -> Production | None:
    production = node.production
    return production if production is not None and production.mode == "to_stock" else None


def _production_lane(production: Production) -> Lane:
    capacity = production.capacity
    return Lane(
        lead_time=ConstantTime(value=production.lead_time),
        products=tuple(production.bom),
        capacity=None if capacity is None else Capacity(units=capacity),
        loss=production.scrap,
    )


def _carries(
    model: ScenarioModel,
    lanes: Sequence[Lane],
    ends: Sequence[tuple[str, str]],
    produces: Sequence[bool] | Flags,
) -> Flags:
    """What each lane carries: a lane brings a factory nothing that it makes to stock itself."""
    rows = []
    for lane, (_, destination), production in zip(lanes, ends, produces, strict=True):
        own = _to_stock(model.nodes[destination])
        made = set(own.bom) if own is not None and not production else set()
        # Production without a bill of materials makes nothing, a lane without a list brings all.
        named = set(lane.products) if lane.products or production else set(model.products)
        rows.append([name in named and name not in made for name in model.products])
    return np.array(rows, dtype=bool).reshape(len(lanes), len(model.products))


def _distance_km(nodes: Mapping[str, Node], lane: Lane, ends: tuple[str, str]) -> float:
    """Length of a lane: as given, else along the great circle, else zero."""
    if lane.distance is not None:
        return lane.distance
    here, there = nodes[ends[0]].location, nodes[ends[1]].location
    return 0.0 if here is None or there is None else great_circle_km(here, there)


def great_circle_km(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Great-circle distance of two (longitude, latitude) by the haversine formula, in kilometres.

    >>> round(great_circle_km((13.405, 52.52), (2.3522, 48.8566)))
    877
    """
    (lon_a, lat_a), (lon_b, lat_b) = (map(math.radians, place) for place in (here, there))
    half_lat, half_lon = (lat_b - lat_a) / 2, (lon_b - lon_a) / 2
    chord = math.sin(half_lat) ** 2
    chord += math.cos(lat_a) * math.cos(lat_b) * math.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))


def order_shares(routes: Routes) -> Floats:
    """Share of the destination's order of a product that goes to each lane: (lane, product).

    Shares as given, else equal ones, of the lanes that carry the product.
    """
    products = routes.carries.shape[1]
    nodes = int(routes.destination.max(initial=0)) + 1
    counts = np.bincount(routes.destination[~routes.produces], minlength=nodes)
    given = np.array(
        [
            lane.share or 1.0 / max(counts[d], 1)
            for lane, d in zip(routes.lanes, routes.destination, strict=True)
        ]
    )
    weight = np.where(routes.carries, given[:, None], 0.0)
    total = np.zeros((nodes, products))
    np.add.at(total, routes.destination, weight)
    whole = total[routes.destination]
    # Shares of lanes that carry everything sum to one but for rounding, and stay as they are given.
    return np.where(np.abs(whole - 1.0) < 1e-6, weight, weight / np.maximum(whole, 1e-300))
