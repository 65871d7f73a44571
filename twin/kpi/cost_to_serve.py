"""Cost to serve, by customer-facing node and by lane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.engine.ledger import PeriodLedger
from twin.engine.money import DUST

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
CUSTOMERS = -1
"""Stands for a node's customers among the lanes that leave it."""


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
    """Cost to serve by node: (buy + make + move + hold + dispose + penalty) / units sold there.

    SCOR. Costs follow the goods (activity-based costing): what a node and its inbound lanes cost is
    shared among what left the node (lanes, customers and what it made of them) in proportion to
    units, product by product, and passed downstream. Penalties for customers' unmet demand stay
    with the node; what stock is worth at the end is taken off. The costs of all nodes add up to the
    ledger's cost plus its revenue, transfers between nodes (surcharges are one) excluded; handling
    and returns are not modelled. Nodes are those with customers, and those that keep a cost because
    nothing left them.
    """
    world = ledger.world
    landed = lane_costs(ledger)  # (lane, product), upstream costs are added below
    own = _stock_cost(ledger)
    shipped, sold = ledger.shipped.sum(axis=0), ledger.sold.sum(axis=0)
    for node in np.argsort(world.depth, kind="stable"):
        out = np.flatnonzero((world.source == node) & ~world.produces)
        pool = own[node] + landed[world.destination == node].sum(axis=0)
        uses = [
            _use_of(ledger, int(lane), shipped) for lane in np.flatnonzero(world.source == node)
        ]
        pool, shares = _passed_on(pool, sold[node], uses, {int(lane) for lane in out})
        moved = _stranded(pool, np.vstack([sold[node], shipped[out]]))
        own[node] = shares.pop(CUSTOMERS) + moved[0]
        for place, lane in enumerate(out, start=1):
            landed[lane] += shares[int(lane)] + moved[place]
    own += _customers_penalty(ledger)
    served = {
        name: ServedCost(float(own[i].sum()), float(sold[i].sum()))
        for i, name in enumerate(world.nodes)
    }
    return {name: found for name, found in served.items() if found.units > 0 or found.cost != 0}


def cost_by_lane(ledger: PeriodLedger) -> dict[str, ServedCost]:
    """Cost to serve by lane: (make + freight + orders + trips + transit + penalty) / units shipped.

    SCOR. What the lane itself cost, its share of the source's making and set-ups and its common
    carrier included; stock at its ends and transfers between nodes are not.
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
    lines = prices.line * (ledger.ordered > DUST).sum(axis=0)
    orders = (ledger.ordered.sum(axis=2) > DUST).sum(axis=0) * prices.order
    fixed = orders + prices.trip * ledger.trips.sum(axis=0)
    fixed = fixed + prices.setup * ledger.setups.sum(axis=0)
    fixed = fixed + prices.carrier * ledger.carrier.sum(axis=0)
    costs: Floats = by_unit + transit + penalty + lines + _shared_rows(fixed, shipped)
    return costs


def _stock_cost(ledger: PeriodLedger) -> Floats:
    """Holding and disposal of every node, less what is left at the end: (node, product)."""
    prices = ledger.world.prices
    cost: Floats = prices.holding * ledger.on_hand.sum(axis=0)
    cost += prices.disposal * ledger.wasted.sum(axis=0)
    left: Floats = prices.terminal * ledger.ending.sum(axis=0)
    return cost - left


def _customers_penalty(ledger: PeriodLedger) -> Floats:
    cost: Floats = ledger.world.prices.penalty * ledger.unmet.sum(axis=0)
    return cost


def _shared_rows(money: Floats, units: Floats) -> Floats:
    """Spread each row's money over its products by units; evenly where nothing moved."""
    total = units.sum(axis=1, keepdims=True)
    share = np.where(total > 0, units / np.where(total > 0, total, 1.0), 1.0 / units.shape[1])
    shared: Floats = money[:, None] * share
    return shared


@dataclass(frozen=True)
class _Use:
    """The stock that one lane took over the run."""

    lane: int
    plain: Floats  # (product,) units that leave as they are, or that one product is made of
    made: Ints  # products that are made of components
    used: Ints  # components
    units: Floats  # (made, used) units of each component that went into each product


def _use_of(ledger: PeriodLedger, lane: int, shipped: Floats) -> _Use:
    recipes = ledger.world.recipes
    plain = shipped[lane] * recipes.plain[lane]
    for bill in recipes.bills:
        if bill.lane == lane:
            units = shipped[lane, bill.made][:, None] * bill.components
            return _Use(lane, plain, bill.made, bill.used, units)
    none = np.zeros(0, dtype=np.intp)
    return _Use(lane, plain, none, none, np.zeros((0, 0)))


def _passed_on(
    pool: Floats, sold: Floats, uses: Sequence[_Use], leaving: set[int]
) -> tuple[Floats, dict[int, Floats]]:
    """Share a node's cost pool (product,) among what took its stock, product by product.

    ``leaving`` are the lanes to other nodes; on the others the node makes something to stock, whose
    cost goes back to the pool, components before what is made of them. Returns what nothing took,
    and the cost of each lane and of the customers, (product,) each.
    """
    pool, total = pool.copy(), sold.copy()
    for use in uses:
        total += use.plain
        total[use.used] += use.units.sum(axis=0)
    rate = np.zeros_like(pool)
    for products in _in_order(len(pool), [use for use in uses if use.lane not in leaving]):
        taken = products[total[products] > 0]
        rate[taken] = pool[taken] / total[taken]
        pool[taken] = 0.0
        for use in uses:
            if use.lane not in leaving:
                now = np.isin(use.used, taken)
                pool[use.made] += use.units[:, now] @ rate[use.used[now]]
    shares = {use.lane: rate * use.plain for use in uses if use.lane in leaving}
    for use in uses:
        if use.lane in leaving:
            shares[use.lane][use.made] += use.units @ rate[use.used]
    return pool, shares | {CUSTOMERS: rate * sold}


def _in_order(products: int, making: Sequence[_Use]) -> list[Ints]:
    """Products in groups, components before what a node makes of them to stock."""
    depth = np.zeros(products, dtype=np.intp)
    for use in making:
        for _ in use.made:  # no way through a bill is longer than it has products
            for row, product in enumerate(use.made):
                parts = use.used[use.units[row] > 0]
                depth[product] = max(depth[product], depth[parts].max(initial=-1) + 1)
    return [np.flatnonzero(depth == value) for value in np.unique(depth)]


def _stranded(pool: Floats, flows: Floats) -> Floats:
    """What no product took with it is borne by what left: (customers first, product).

    Where nothing left, the cost stays.
    """
    borne = np.zeros_like(flows)
    if flows.any():
        shared: Floats = float(pool.sum()) * flows / flows.sum()
        return shared
    borne[0] = pool
    return borne
