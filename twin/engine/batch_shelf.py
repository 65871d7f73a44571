"""Perishable stock of many replications: ``twin.engine.shelf`` as arrays, replications last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from twin.engine.batch_arrays import WorldArrays
from twin.engine.batch_pipeline import Pipeline, plus
from twin.engine.shelf import comes_fresh
from twin.network.world import World

NO_STOCK = 1e-30
"""Units; dividing by less says nothing about shares."""


class BatchShelf:
    """Ages (..., good, left, B) of the stock, of the docks and of what is on the road."""

    def __init__(
        self,
        world: World,
        arrays: WorldArrays,
        shipments: Pipeline,
        xp: Any,
        cast: Callable[..., Any],
    ) -> None:
        goods = np.flatnonzero(world.shelf_life > 0)
        life = world.shelf_life[goods]
        self._xp = xp
        self._arrays = arrays
        self._shipments = shipments
        self._goods = [int(k) for k in goods]
        self._products = len(world.products)
        self._lefts = int(life.max()) + 1
        self._fresh_place = cast((np.arange(self._lefts) == life[:, None])[None, ..., None])
        self._new = cast(comes_fresh(world)[:, goods, None, None].astype(float))
        self._stock = self._fresh(arrays.initial_stock)
        self._dock: Any | None = None
        self._road: dict[int, Any] = {}  # by the period it left in: (lane, good, left, B)

    def begin(self, t: int, initial: Any | None) -> Any:
        """A period passes, and shipments arrive; what spoils on the shelves: (node, product, B).

        ``initial`` (lane, product, B) was on the road before the run and is fresh.
        """
        if initial is not None:
            self._dock = plus(self._dock, self._fresh(initial))
        if t > 0:
            self._stock = self._aged(self._stock)
            self._dock = None if self._dock is None else self._aged(self._dock)
            self._road = {left: self._aged(ages) for left, ages in self._road.items()}
        flat = {left: self._flat(ages) for left, ages in self._road.items()}
        arrived = self._shipments.arrivals(t, flat)
        if arrived is not None:
            self._dock = plus(self._dock, self._unflat(arrived))
        self._road = {s: a for s, a in self._road.items() if s > t - self._shipments.longest - 1}
        return self._throw_away()

    def leave(self, t: int, shipped: Any, claimed: Any, good: Any | None) -> None:
        """Ship (lane, product, B), which claims stock (node, product, B), the oldest first.

        ``good`` (lane, product, B) is what of it will arrive in good order; None: all.
        """
        xp, arrays = self._xp, self._arrays
        taken = self.take(claimed * arrays.limited)
        share = shipped / xp.clip(claimed, NO_STOCK, None)[arrays.source]
        mix = taken[arrays.source] * share[:, self._goods][:, :, None]
        ages = xp.where(self._new > 0, self._fresh(shipped), mix)
        if good is not None:
            kept = good / xp.clip(shipped, NO_STOCK, None)
            ages = ages * kept[:, self._goods][:, :, None]
        self._road[t] = plus(self._road.get(t), ages)
        at_once = self._shipments.at_once(t, self._flat(ages))
        if at_once is not None:
            self._dock = plus(self._dock, self._unflat(at_once))

    def take(self, units: Any) -> Any:
        """Take units (node, product, B) off the shelves, the oldest first; their ages."""
        xp = self._xp
        wanted = units[:, self._goods][:, :, None]
        gone = xp.minimum(xp.cumsum(self._stock, 2), wanted)
        taken = gone - xp.concatenate([0 * gone[:, :, :1], gone[:, :, :-1]], 2)
        self._stock = xp.clip(self._stock - taken, 0, None)
        return taken

    def receive(self, there: Any, taken: Any, gone: Any) -> Any:
        """Move what is ``taken`` of what was at the docks to the shelves; what is spoiled.

        ``there``, ``taken`` and ``gone`` (lane, product, B), the last with what is destroyed.
        """
        if self._dock is None:
            return 0.0
        base = self._xp.clip(there, NO_STOCK, None)
        moved = self._dock * (taken / base)[:, self._goods][:, :, None]
        self._dock = self._dock * (1 - gone / base)[:, self._goods][:, :, None]
        brought = self._arrays.brought(self._flat(moved))
        self._stock = self._stock + self._unflat(brought)
        return self._throw_away()

    def _throw_away(self) -> Any:
        """Empty the shelves of what is spoiled: (node, product, B)."""
        xp = self._xp
        spoiled = self._stock[:, :, 0]
        self._stock = xp.concatenate([0 * self._stock[:, :, :1], self._stock[:, :, 1:]], 2)
        columns = {k: spoiled[:, place] for place, k in enumerate(self._goods)}
        nothing = 0 * spoiled[:, 0]
        return xp.stack([columns.get(k, nothing) for k in range(self._products)], 1)

    def _aged(self, ages: Any) -> Any:
        """The same units one period later."""
        spoiled = ages[:, :, :1] + ages[:, :, 1:2]
        return self._xp.concatenate([spoiled, ages[:, :, 2:], 0 * spoiled], 2)

    def _fresh(self, units: Any) -> Any:
        """Units (..., product, B) as fresh ones."""
        return units[:, self._goods][:, :, None] * self._fresh_place

    def _flat(self, ages: Any) -> Any:
        return ages.reshape(ages.shape[0], -1, ages.shape[-1])

    def _unflat(self, flat: Any) -> Any:
        return flat.reshape(flat.shape[0], len(self._goods), self._lefts, flat.shape[-1])
