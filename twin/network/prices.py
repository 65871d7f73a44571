"""What everything costs, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.network.phases import convention_of
from twin.network.routes import Routes
from twin.scenario.model import ScenarioModel
from twin.scenario.sites import Node
from twin.scenario.transport import Lane

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prices:
    """Money per unit (or per event), per period; every field may also be a torch tensor."""

    sale: Any  # (node, product) revenue per unit sold to customers
    holding: Any  # (node, product) per unit on hand at the end of a period
    penalty: Any  # (node, product) per unmet unit of customers
    unfilled: Any  # (node, product) per unfilled unit of downstream nodes
    disposal: Any  # (node, product) per unit that spoiled or did not fit
    terminal: Any  # (node, product) value of a unit on hand at the end of the run
    make: Any  # (lane, product) per unit shipped by a supplier or factory, or made to stock
    transfer: Any  # (lane, product) paid by the destination to the source
    freight: Any  # (lane, product) per unit shipped
    transit: Any  # (lane, product) per unit in transit at the end of a period
    order: Any  # (lane,) per order
    line: Any  # (lane, product) per product that an order asks for
    setup: Any  # (lane,) per set-up of production to stock
    carrier: Any  # (lane,) per unit that goes by common carrier
    trip: Any  # (lane,) per vehicle trip


def table(values: Sequence[object], products: Mapping[str, object]) -> Floats:
    """Expand ``PerProduct`` values to (item, product)."""
    rows = [
        [v.get(p, 0.0) for p in products] if isinstance(v, dict) else [v] * len(products)
        for v in values
    ]
    return np.array(rows, dtype=np.float64).reshape(len(values), len(products))


def prices_of(model: ScenarioModel, routes: Routes) -> Prices:
    """Gather the prices of a scenario."""
    nodes, lanes, goods = tuple(model.nodes.values()), routes.lanes, model.products
    holding = table([n.holding for n in nodes], goods) * model.period
    penalty = table([n.penalty for n in nodes], goods)
    per_day = penalty * model.period
    trips = [_trip(model, x, km) for x, km in zip(lanes, routes.distance_km, strict=True)]
    setups = [
        production.setup_cost if makes and (production := nodes[i].production) else 0.0
        for i, makes in zip(routes.source, routes.produces, strict=True)
    ]
    return Prices(
        sale=table([n.price for n in nodes], goods),
        holding=holding,
        penalty=np.where(_backlogs([n.unmet for n in nodes]), per_day, penalty),
        unfilled=np.where(_backlogs([of_orders(n) for n in nodes]), per_day, penalty),
        disposal=table([n.disposal for n in nodes], goods),
        terminal=table([n.terminal for n in nodes], goods),
        make=_making(model, routes),
        transfer=table([x.price for x in lanes], goods),
        freight=table([x.freight for x in lanes], goods),
        transit=_transit(model, routes, holding),
        order=np.array([x.order_cost for x in lanes], dtype=float),
        line=table([x.line_cost for x in lanes], goods),
        setup=np.array(setups, dtype=float),
        carrier=np.array([x.common_carrier or 0.0 for x in lanes], dtype=float),
        trip=np.array(trips, dtype=float),
    )


def of_orders(node: Node) -> str:
    """What a node does with orders of downstream nodes that it cannot fill."""
    return node.unfilled or node.unmet


def _making(model: ScenarioModel, routes: Routes) -> Floats:
    """Making is paid for on the lanes that leave, and made to stock on the production lane."""
    nodes = tuple(model.nodes.values())
    costs = []
    for i, produces in zip(routes.source, routes.produces, strict=True):
        production = nodes[i].production
        pays = production is not None and produces == (production.mode == "to_stock")
        costs.append(production.cost if production is not None and pays else 0.0)
    return table(costs, model.products)


def _trip(model: ScenarioModel, lane: Lane, distance_km: float) -> float:
    if lane.fleet is None:
        return 0.0
    fleet = model.fleets[lane.fleet]
    return fleet.cost_per_trip + 2 * distance_km * fleet.cost_per_km


def _transit(model: ScenarioModel, routes: Routes, holding: Floats) -> Floats:
    """Cost per unit in transit and period: as given, else by the convention's rule."""
    given = np.array([x.holding is not None for x in routes.lanes], dtype=bool)[:, None]
    per_day = table([x.holding or 0.0 for x in routes.lanes], model.products)
    by_source = convention_of(model.convention).source_holds_transit
    default = holding[routes.source] if by_source else 0.0
    return np.where(given, per_day * model.period, default)


def _backlogs(kinds: Sequence[str]) -> NDArray[np.bool_]:
    """Where a kind is ``backlog``: (node, 1)."""
    return np.array([kind == "backlog" for kind in kinds])[:, None]
