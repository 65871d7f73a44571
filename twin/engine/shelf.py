"""Perishable stock: every unit knows how many periods it has left, and the oldest leave first.

Ages are arrays (..., perishable product, periods left): index r > 0 holds units that can be used in
this period and in r - 1 more, index 0 holds spoiled ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.network.world import World

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


class Shelf:
    """The ages of the stock of all nodes and of all docks of one run."""

    def __init__(self, world: World) -> None:
        self.goods: Ints = np.flatnonzero(world.shelf_life > 0)  # the perishable products
        self._life = world.shelf_life[self.goods]
        self._longest = int(self._life.max(initial=1))
        self._world = world
        self._limited = (~world.unlimited).astype(float)[:, None]
        self._stock = self._fresh(world.initial_stock[:, self.goods])  # (node, good, left)
        self._dock = self._fresh(np.zeros((len(world.lanes), len(self.goods))))
        self._new = comes_fresh(world)[:, self.goods, None]

    def grow_older(self) -> Floats:
        """A period passes; returns what spoils on the shelves: (node, product)."""
        self._stock = aged(self._stock, 1)
        self._dock = aged(self._dock, 1)
        return self._throw_away()

    def take(self, units: Floats) -> Floats:
        """Take units (node, product) off the shelves, the oldest first; their ages."""
        wanted = (units * self._limited)[:, self.goods, None]
        gone = np.minimum(np.cumsum(self._stock, axis=-1), wanted)
        taken: Floats = np.diff(gone, axis=-1, prepend=0.0)
        self._stock = np.maximum(self._stock - taken, 0.0)
        return taken

    def leave(self, claims: Floats, shipped: Floats) -> Floats:
        """Ages of what leaves on each lane, when the lanes claim stock: (lane, good, left).

        ``claims`` and ``shipped`` (lane, product). Lanes that leave the same node take the same
        mix, less what a yield below one costs; what an unlimited source sends, and what has just
        been made of components, is fresh.
        """
        total = self._world.outbound.total(claims)
        source = self._world.source
        share = (shipped / np.maximum(total, 1e-300)[source])[:, self.goods, None]
        mix = self.take(total)[source] * share
        return np.where(self._new, self._fresh(shipped[:, self.goods]), mix)

    def part(self, ages: Floats, share: Floats) -> Floats:
        """A share (lane, product) of the units on each lane (lane, good, left), of every age."""
        return ages * share[:, self.goods, None]

    def arrive(self, lanes: Ints, ages: Floats, periods: int) -> None:
        """Put a shipment that left ``periods`` ago on the dock."""
        self._dock[lanes] += aged(ages, periods)

    def load(self, units: Floats) -> tuple[Ints, Floats]:
        """All lanes, and units (lane, product) as fresh ones: (lane, good, left)."""
        return np.arange(len(units)), self._fresh(units[:, self.goods])

    def receive(self, kept: Floats, gone: Floats) -> Floats:
        """Move shares (lane, product) of the dock to the shelves; what is spoiled: (node, product).

        ``kept`` goes on the shelves, ``gone`` (the kept included) leaves the dock.
        """
        moved = self._dock * kept[:, self.goods, None]
        self._dock = self._dock * (1.0 - gone[:, self.goods, None])
        self._stock = self._stock + np.einsum("nl,lkr->nkr", self._world.inbound.matrix, moved)
        return self._throw_away()

    def _throw_away(self) -> Floats:
        spoiled = np.zeros(self._world.initial_stock.shape)
        spoiled[:, self.goods] = self._stock[..., 0]
        self._stock[..., 0] = 0.0
        return spoiled

    def _fresh(self, units: Floats) -> Floats:
        """Units (..., good) as fresh ones: (..., good, left)."""
        ages = np.zeros((*units.shape, self._longest + 1))
        ages[..., np.arange(len(self.goods)), self._life] = units
        return ages


def aged(ages: Floats, periods: int) -> Floats:
    """The same units ``periods`` later: (..., left).

    >>> aged(np.array([0.0, 5.0, 7.0]), 1)
    array([5., 7., 0.])
    """
    last = ages.shape[-1]
    older = np.zeros_like(ages)
    older[..., : max(last - periods, 0)] = ages[..., periods:]
    older[..., 0] = ages[..., : min(periods + 1, last)].sum(axis=-1)
    return older


def comes_fresh(world: World) -> NDArray[np.bool_]:
    """What is new when it leaves: (lane, product)."""
    new = np.repeat((world.unlimited[world.source] | world.produces)[:, None], world.shape[2], 1)
    for bill in world.recipes.bills:
        new[bill.lane, bill.made] = True
    return new
