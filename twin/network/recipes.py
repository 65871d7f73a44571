"""What a node uses up of its own stock for the units that leave on its lanes.

A lane of a plain node uses what it ships (a factory that makes to order uses 1 / output of raw
stock); a lane of a factory with a bill of materials uses components; production to stock is a lane
from the factory to itself, which uses components and brings the product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.network.routes import Routes
from twin.scenario.model import ScenarioModel
from twin.scenario.sites import Production

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Bill:
    """The bill of materials behind one lane."""

    lane: int
    made: Ints  # products that need components
    used: Ints  # components that are needed
    components: Floats  # (made, used) units of component per unit that leaves


@dataclass(frozen=True)
class Recipes:
    """Stock used per unit that leaves, for all lanes."""

    plain: Floats  # (lane, product) own stock used per unit; 0 where a bill of materials says it
    bills: tuple[Bill, ...]

    def claims(self, units: Floats) -> Floats:
        """Stock of the source that shipping ``units`` (..., lane, product) uses up, same shape."""
        claimed: Floats = units * self.plain
        for bill in self.bills:
            made = units[..., bill.lane, :][..., bill.made]
            claimed[..., bill.lane, bill.used] += made @ bill.components
        return claimed

    def claim(self, lane: int, units: Floats) -> Floats:
        """As ``claims`` for one lane: (..., product)."""
        claimed: Floats = units * self.plain[lane]
        for bill in self.bills:
            if bill.lane == lane:
                claimed[..., bill.used] += units[..., bill.made] @ bill.components
        return claimed


def recipes(model: ScenarioModel, routes: Routes) -> Recipes:
    """The recipes of all lanes."""
    nodes = tuple(model.nodes.values())
    plain = np.ones(routes.carries.shape)
    bills: list[Bill] = []
    for lane, node in enumerate(routes.source):
        production = nodes[node].production
        if production is None or (production.mode == "to_stock" and not routes.produces[lane]):
            continue
        plain[lane] = 1.0 / production.output
        if production.bom:
            bill = _bill(lane, production, tuple(model.products))
            bills.append(bill)
            plain[lane, bill.made] = 0.0
    return Recipes(plain, tuple(bills))


def _bill(lane: int, production: Production, products: Sequence[str]) -> Bill:
    place = {name: k for k, name in enumerate(products)}
    made = sorted(place[name] for name in production.bom)
    used = sorted({place[c] for components in production.bom.values() for c in components})
    table = np.zeros((len(made), len(used)))
    for name, components in production.bom.items():
        for component, units in components.items():
            table[made.index(place[name]), used.index(place[component])] = units
    return Bill(
        lane,
        np.array(made, dtype=np.intp),
        np.array(used, dtype=np.intp),
        table / production.output,
    )
