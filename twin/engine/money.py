"""Money: what a period (or many) earned and cost, per node and part.

Arrays are item first with any trailing axes, so that one function serves one period of the event
engine, a whole ledger (time as the trailing axis) and the batch engine (replications).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from twin.network.incidence import lane_sum
from twin.network.world import Prices

DUST = 1e-9
"""Units; a smaller order is a rounding error and costs nothing."""


@dataclass(frozen=True)
class Flows:
    """Quantities of a period that money is paid for; numpy or torch."""

    on_hand: Any  # (node, product, ...) end of period
    in_transit: Any  # (lane, product, ...) end of period
    ordered: Any  # (lane, product, ...)
    shipped: Any  # (lane, product, ...)
    sold: Any  # (node, product, ...)
    unmet: Any  # (node, product, ...) customers' backlog, or lost this period
    unfilled: Any  # (lane, product, ...) backlog of the source, or cancelled this period
    trips: Any  # (lane, ...) vehicles that left
    wasted: Any  # (node, product, ...) spoiled, or destroyed for want of room
    setups: Any  # (lane, ...) products whose production was started
    surcharge: Any  # (lane, ...) money above the list price
    carrier: Any  # (lane, ...) units that went by common carrier
    ending: Any  # (node, product, ...) on hand at the end of the run, zero before


@dataclass(frozen=True)
class Accounts:
    """Parts of the profit per node, (node, ...); costs are positive numbers."""

    revenue: Any
    terminal: Any
    transfers_in: Any
    transfers_out: Any
    making: Any
    setups: Any
    holding: Any
    transit: Any
    freight: Any
    ordering: Any
    trips: Any
    penalty: Any
    disposal: Any

    @property
    def profit(self) -> Any:
        """Revenue and transfers received less everything paid: (node, ...)."""
        earned = self.revenue + self.terminal + self.transfers_in
        return earned - self.transfers_out - self.external_cost

    @property
    def external_cost(self) -> Any:
        """What leaves the network: all costs but the transfers between nodes."""
        stock = self.making + self.setups + self.holding + self.transit + self.penalty
        return stock + self.disposal + self.freight + self.ordering + self.trips


PARTS = tuple(field.name for field in fields(Accounts))


def _stretch(price: Any, like: Any) -> Any:
    """Give a price the trailing axes of ``like``."""
    return price.reshape(tuple(price.shape) + (1,) * (like.ndim - price.ndim))


def _per_product(price: Any, units: Any) -> Any:
    return (_stretch(price, units) * units).sum(1)


def accounts(
    prices: Prices, outbound: Any, inbound: Any, flows: Flows, source_holds_transit: bool
) -> Accounts:
    """Price the flows; ``outbound`` and ``inbound`` are the (node, lane) matrices of the world."""
    transfer = _per_product(prices.transfer, flows.shipped) + flows.surcharge
    unfilled = lane_sum(outbound, flows.unfilled)
    orders = (flows.ordered.sum(1) > DUST) * _stretch(prices.order, flows.trips)
    orders = orders + _per_product(prices.line, flows.ordered > DUST)
    transit = _per_product(prices.transit, flows.in_transit)
    freight = _per_product(prices.freight, flows.shipped)
    freight = freight + _stretch(prices.carrier, flows.trips) * flows.carrier
    return Accounts(
        revenue=_per_product(prices.sale, flows.sold),
        terminal=_per_product(prices.terminal, flows.ending),
        transfers_in=lane_sum(outbound, transfer),
        transfers_out=lane_sum(inbound, transfer),
        making=lane_sum(outbound, _per_product(prices.make, flows.shipped)),
        setups=lane_sum(outbound, _stretch(prices.setup, flows.trips) * flows.setups),
        holding=_per_product(prices.holding, flows.on_hand),
        transit=lane_sum(outbound if source_holds_transit else inbound, transit),
        freight=lane_sum(inbound, freight),
        ordering=lane_sum(inbound, orders),
        trips=lane_sum(outbound, _stretch(prices.trip, flows.trips) * flows.trips),
        penalty=_per_product(prices.penalty, flows.unmet) + _per_product(prices.unfilled, unfilled),
        disposal=_per_product(prices.disposal, flows.wasted),
    )
