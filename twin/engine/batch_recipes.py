"""Bills of materials and the sharing of scarce stock for many replications at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.engine.bounds import at_least
from twin.network.incidence import lane_sum
from twin.network.recipes import Bill
from twin.network.world import World


@dataclass(frozen=True)
class BatchBill:
    """The bill of materials behind one lane, as dense products x products."""

    lane: int
    node: int
    spread: Any  # (component, product made) units of component per unit that leaves
    needs: Any  # (product made, component, 1) whether it is needed
    place: Any  # (lane, product, 1) 1 where this bill says what is used
    at_node: Any  # (node, 1, 1) 1 at the factory
    at_lane: Any  # (lane, 1, 1) 1 on the lane


@dataclass(frozen=True)
class BatchRecipes:
    """What shipments use of the stock of their sources, and who gets it when it is scarce."""

    xp: Any
    source: Any  # (lane,) indices
    outbound: Any  # (node, lane) 0/1
    plain: Any | None  # (lane, product, 1) stock per unit; None: one
    bills: tuple[BatchBill, ...]
    ranks: tuple[Any | None, ...]  # (lane, 1, 1) lanes that are served together, best first

    @classmethod
    def of(
        cls, world: World, xp: Any, real: Callable[[Any], Any], source: Any, outbound: Any
    ) -> BatchRecipes:
        """Cast the recipes and the priorities of a world."""
        plain = world.recipes.plain
        trivial = bool((plain == 1).all())
        return cls(
            xp,
            source,
            outbound,
            None if trivial else real(plain[..., None]),
            tuple(_bill(world, bill, real) for bill in world.recipes.bills),
            _ranks(world, real),
        )

    def claimed(self, units: Any) -> Any:
        """Stock of the sources that lane quantities use up: (node, product, B)."""
        own = lane_sum(self.outbound, units if self.plain is None else units * self.plain)
        for bill in self.bills:
            made = (units * bill.place).sum(0)
            own = own + bill.at_node * (bill.spread @ made)[None]
        return own

    def grant(self, want: Any, stock: Any, ratio: Callable[[Any, Any], Any]) -> Any:
        """What each lane may ship of its wishes (lane, product, B), of ``stock`` (node, ...)."""
        granted: Any = None
        for lanes in self.ranks:
            wishes = want if lanes is None else want * lanes
            part = self._share(wishes, ratio(stock, self.claimed(wishes)))
            granted = part if granted is None else granted + part
            if len(self.ranks) > 1:
                stock = at_least(stock - self.claimed(part), 0, self.xp)
        return granted

    def grant_each(self, want: Any, stock: Any, ratio: Callable[[Any, Any], Any]) -> Any:
        """As ``grant`` where every lane has the stock (lane, product, B) to itself."""
        claimed = want if self.plain is None else want * self.plain
        for bill in self.bills:
            claimed = claimed + bill.at_lane * (bill.spread @ (want * bill.place).sum(0))[None]
        share = ratio(stock, claimed)
        return self._limited(want, want * share, [share[bill.lane] for bill in self.bills])

    def _share(self, want: Any, ratio: Any) -> Any:
        shares = [ratio[bill.node] for bill in self.bills]
        return self._limited(want, want * ratio[self.source], shares)

    def _limited(self, want: Any, granted: Any, shares: list[Any]) -> Any:
        """What the scarcest component allows, by the shares (product, B) each bill is granted."""
        for bill, share in zip(self.bills, shares, strict=True):
            scarce = self.xp.where(bill.needs > 0, share[None], 1.0)
            granted = self.xp.where(bill.place > 0, want * self.xp.amin(scarce, 1)[None], granted)
        return granted


def _bill(world: World, bill: Bill, real: Callable[[Any], Any]) -> BatchBill:
    nodes, lanes, products, _ = world.shape
    spread = np.zeros((products, products))
    spread[np.ix_(bill.used, bill.made)] = bill.components.T
    place = np.zeros((lanes, products, 1))
    place[bill.lane, bill.made] = 1.0
    node = int(world.source[bill.lane])
    at_node = np.zeros((nodes, 1, 1))
    at_node[node] = 1.0
    at_lane = np.zeros((lanes, 1, 1))
    at_lane[bill.lane] = 1.0
    needs = (spread.T > 0).astype(float)[..., None]
    cast = (real(table) for table in (spread, needs, place, at_node, at_lane))
    return BatchBill(bill.lane, node, *cast)


def _ranks(world: World, real: Callable[[Any], Any]) -> tuple[Any | None, ...]:
    by_priority = [node.allocation == "priority" for node in world.model.nodes.values()]
    rank = np.where(np.array(by_priority, dtype=bool)[world.source], world.priority, 0)
    values: NDArray[Any] = np.unique(rank)
    if len(values) < 2:
        return (None,)
    return tuple(real((rank == value).astype(float)[:, None, None]) for value in values)
