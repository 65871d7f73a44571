"""Who gets scarce stock: everybody a share, the most important first, or the oldest orders first.

Plain lanes claim the stock of what they carry; lanes with a bill of materials claim components, and
get as much as the scarcest component allows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.network.world import World

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
TINY = 1e-300
EMPTY = 1e-9
"""Units; an order with less left to ship is done."""


class Allocator:
    """Shares the stock of each node among the lanes that leave it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._bills = {bill.lane: bill for bill in world.recipes.bills}
        self._ranks = _ranks(world)
        rules = [node.allocation for node in world.model.nodes.values()]
        self._fifo = np.array([rule == "fifo" for rule in rules])[world.source]
        self.keeps_queue = bool(self._fifo.any())
        """Whether some node serves the oldest orders first."""
        self._queue: list[Floats] = []  # orders at the sources by age, the oldest first

    def arrive(self, orders: Floats) -> None:
        """Queue the orders (lane, product) that have just reached their sources."""
        if self.keeps_queue:
            self._queue.append(np.where(self._fifo[:, None], orders, 0.0))

    def settle(self, gone: Floats) -> None:
        """Take what was shipped or dropped (lane, product) off the queue, the oldest first."""
        if not self._queue:
            return
        left = gone.copy()
        for row in self._queue:
            part = np.minimum(row, left)
            row -= part
            left -= part
        self._queue = [row for row in self._queue if (row > EMPTY).any()]

    def grant(self, want: Floats, stock: Floats) -> Floats:
        """What each lane may ship of its wishes: (lane, product); ``stock`` (node, product)."""
        if self._world.model.independent_links:
            return self._each_for_itself(want, stock)
        granted = np.zeros_like(want)
        left = stock
        for lanes in self._ranks:
            rows = [want] if not self._fifo[lanes].any() else self._by_age(want)
            for row in rows:
                part = self._share(np.where(lanes[:, None], row, 0.0), left)
                granted += part
                used = self._world.outbound.total(self._world.recipes.claims(part))
                # An endless stock stays endless: inf - x = inf.
                left = np.maximum(left - used, 0.0)
        return granted

    def _by_age(self, want: Floats) -> list[Floats]:
        """The wishes of lanes that are served by age, order by order; other lanes come first."""
        rest, rows = (
            np.where(self._fifo[:, None], want, 0.0),
            [np.where(self._fifo[:, None], 0.0, want)],
        )
        for row in self._queue:
            part = np.minimum(row, rest)
            rest = rest - part
            rows.append(part)
        return [*rows, rest]

    def _share(self, want: Floats, stock: Floats) -> Floats:
        """In proportion to what the lanes want."""
        world = self._world
        claims = world.outbound.total(world.recipes.claims(want))
        return self._limited(want, np.minimum(stock / np.maximum(claims, TINY), 1.0)[world.source])

    def _each_for_itself(self, want: Floats, stock: Floats) -> Floats:
        """Each lane may take all of its source's stock, whatever the others take."""
        world = self._world
        claims = world.recipes.claims(want)
        return self._limited(want, np.minimum(stock[world.source] / np.maximum(claims, TINY), 1.0))

    def _limited(self, want: Floats, ratio: Floats) -> Floats:
        """What is granted when so much of each claim (lane, product) can be met."""
        granted: Floats = want * ratio
        for lane, bill in self._bills.items():
            by_component = np.where(bill.components > 0, ratio[lane, bill.used], 1.0)
            granted[lane, bill.made] = want[lane, bill.made] * by_component.min(axis=1, initial=1.0)
        return granted


def _ranks(world: World) -> list[Flags]:
    """Lanes that are served together, the most important first."""
    by_priority = [node.allocation == "priority" for node in world.model.nodes.values()]
    if not any(by_priority):
        return [np.ones(len(world.lanes), dtype=bool)]
    rank = np.where(np.array(by_priority, dtype=bool)[world.source], world.priority, 0)
    return [np.equal(rank, value) for value in np.unique(rank)]
