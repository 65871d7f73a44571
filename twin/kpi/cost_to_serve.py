"""Cost to serve, by customer-facing node and by lane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.engine.ledger import PeriodLedger
from twin.engine.money import DUST

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ServedCost:
    """What serving one node's customers, or one lane's destination, cost in a run."""

    cost: float  # money
    units: float  # sold to customers, or shipped on the lane

    @property
    def per_unit(self) -> float | None:
        """Money per unit; None where no unit was served."""
        return self.cost / self.units if self.units > 0 else None


def cost_to_serve(ledger: PeriodLedger) -> dict[str, ServedCost]:
    """Cost to serve by node: (buy + make + move + hold + penalty) / units sold to its customers.

    Costs follow the goods (activity-based costing): what a node and its inbound lanes cost is
    shared among what left the node (lanes and customers) in proportion to units, product by
    product, and passed downstream. Penalties for customers' unmet demand stay with the node. The
    costs of all nodes add up to what left the network, transfers between nodes excluded; handling
    and returns are not modelled. Nodes are those with customers, and those that keep a cost because
    nothing left them.
    """
    world = ledger.world
    landed = lane_costs(ledger)  # (lane, product), upstream costs are added below
    own = _stock_cost(ledger)
    shipped, sold = ledger.shipped.sum(axis=0), ledger.sold.sum(axis=0)
    for node in np.argsort(world.depth, kind="stable"):
        out = np.flatnonzero(world.source == node)
        pool = own[node] + landed[world.destination == node].sum(axis=0)
        flows = np.vstack([sold[node], shipped[out]])
        shares = _shared(pool, flows)
        own[node], landed[out] = shares[0], landed[out] + shares[1:]
    own += _customers_penalty(ledger)
    served = {
        name: ServedCost(float(own[i].sum()), float(sold[i].sum()))
        for i, name in enumerate(world.nodes)
    }
    return {name: found for name, found in served.items() if found.units > 0 or found.cost != 0}


def cost_by_lane(ledger: PeriodLedger) -> dict[str, ServedCost]:
    """Cost to serve by lane: (make + freight + orders + trips + transit + penalty) / units shipped.

    What the lane itself cost, its share of the source's making included; stock at its ends and
    transfers between nodes are not.
    """
    costs, units = lane_costs(ledger).sum(axis=1), ledger.shipped.sum(axis=(0, 2))
    return {
        name: ServedCost(float(costs[i]), float(units[i]))
        for i, name in enumerate(ledger.world.lanes)
    }


def lane_costs(ledger: PeriodLedger) -> Floats:
    """External cost of every lane over the run: (lane, product) money."""
    prices, world = ledger.world.prices, ledger.world
    shipped = ledger.shipped.sum(axis=0)
    by_unit = (prices.freight + prices.make) * shipped
    transit = prices.transit * ledger.in_transit.sum(axis=0)
    penalty = prices.unfilled[world.source] * ledger.unfilled.sum(axis=0)
    orders = (ledger.ordered.sum(axis=2) > DUST).sum(axis=0) * prices.order
    fixed = orders + prices.trip * ledger.trips.sum(axis=0)
    costs: Floats = by_unit + transit + penalty + _shared_rows(fixed, shipped)
    return costs


def _stock_cost(ledger: PeriodLedger) -> Floats:
    """Holding cost of every node over the run: (node, product)."""
    cost: Floats = ledger.world.prices.holding * ledger.on_hand.sum(axis=0)
    return cost


def _customers_penalty(ledger: PeriodLedger) -> Floats:
    cost: Floats = ledger.world.prices.penalty * ledger.unmet.sum(axis=0)
    return cost


def _shared_rows(money: Floats, units: Floats) -> Floats:
    """Spread each row's money over its products by units; evenly where nothing moved."""
    total = units.sum(axis=1, keepdims=True)
    share = np.where(total > 0, units / np.where(total > 0, total, 1.0), 1.0 / units.shape[1])
    shared: Floats = money[:, None] * share
    return shared


def _shared(pool: Floats, flows: Floats) -> Floats:
    """Share a node's cost pool (product,) among its flows (customers first, product) by units.

    A product that did not leave is borne by what did; where nothing left, the cost stays.
    """
    total = flows.sum(axis=0)
    if not total.any():
        stay = np.zeros_like(flows)
        stay[0] = pool
        return stay
    moving = pool * (flows / np.where(total > 0, total, 1.0))
    stranded = float(pool[total <= 0].sum())
    shared: Floats = moving + stranded * flows / flows.sum()
    return shared
