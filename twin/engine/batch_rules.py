"""The limits that shipments and arrivals meet, for many replications at once.

What ``twin.engine.rules`` and ``twin.engine.allocation`` are to the event engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.engine.batch_arrays import WorldArrays
from twin.engine.batch_limits import over_products
from twin.engine.batch_path import BatchPath
from twin.engine.bounds import at_least
from twin.network.world import World


@dataclass(frozen=True)
class BatchRules:
    """What does not change during a run; ``t`` is the period, arrays have a trailing axis B."""

    xp: Any
    path: BatchPath
    arrays: WorldArrays

    def within_lanes(self, want: Any, t: int) -> Any:
        """Scale each lane's wishes down to its capacity, and to the share of it that is open."""
        arrays = self.arrays
        if arrays.lane_limit is not None:
            lost = None
            if arrays.setup_units is not None:
                set_up = arrays.setup_units * over_products((want > arrays.slack) + 0 * want)
                lost = [set_up] * len(arrays.lane_limit.most)
            want = want * arrays.lane_limit.share(want, lost, arrays.ratio)[:, None]
        return want * self.path.lane_open[t][:, None] if arrays.closable else want

    def allocate(self, want: Any, stock: Any, t: int) -> Any:
        """Share the stock (node, product, B) of each node among its lanes."""
        arrays = self.arrays
        if arrays.simple:
            granted = self.xp.minimum(want, stock[arrays.source])
        elif arrays.independent:
            granted = arrays.recipes.grant_each(want, stock[arrays.source], arrays.ratio)
        else:
            granted = arrays.recipes.grant(want, stock, arrays.ratio)
        return granted if arrays.make_capacity is None else self._within_making(granted, t)

    def _within_making(self, granted: Any, t: int) -> Any:
        """Scale down to what the factories that make to order can make."""
        arrays = self.arrays
        made = over_products(granted)
        made = made if arrays.independent else arrays.sent(made)[arrays.source]
        capacity = arrays.make_capacity
        if self.path.node_open is not None:
            works = self.path.node_open[t]
            capacity = capacity * self.xp.where(works > 0, works, 1.0)[arrays.source]
        return granted * arrays.ratio(capacity, made)[:, None]

    def scrapped(self, shipped: Any, t: int) -> Any | None:
        """What of a shipment will never arrive in good order; None where nothing is lost."""
        if self.path.good is None:
            return None
        lost = shipped * (1 - self.path.good[t])[:, None]
        return self.xp.round(lost) if self.arrays.integral else lost

    def in_service(self, idle: Any, count: Any, t: int) -> Any:
        """Idle vehicles (fleet, B) that are in service; those on the road finish their trip."""
        if self.path.fleet_up is None:
            return idle
        down = self.xp.ceil((1 - self.path.fleet_up[t]) * count - self.arrays.slack)
        return at_least(idle - down, 0, self.xp)

    def surcharge(self, shipped: Any, t: int) -> Any | None:
        """Money above the list price: (lane, B); None where prices stay."""
        if self.path.price_factor is None:
            return None
        listed = over_products(self.arrays.prices.transfer[..., None] * shipped)
        return listed * (self.path.price_factor[t] - 1)

    def setups(self, shipped: Any) -> Any | None:
        """Products whose production to stock was started: (lane, B); None without production."""
        if self.arrays.produces is None:
            return None
        return over_products((shipped > self.arrays.slack) * self.arrays.produces[:, None])

    def received(self, dock: Any, on_hand: Any, t: int) -> tuple[Any, Any]:
        """What goes on hand, and what leaves the dock, the destroyed included."""
        arrays, xp = self.arrays, self.xp
        taken = dock
        if arrays.storage is not None:
            inside = arrays.storage.loads(on_hand)
            share = arrays.storage.share(arrays.brought(dock), inside, arrays.ratio)
            taken = dock * share[arrays.destination][:, None]
            taken = xp.floor(taken + arrays.slack) if arrays.integral else taken
        works = None
        if self.path.node_open is not None:
            works = (self.path.node_open[t] > 0)[arrays.destination][:, None]
            taken = taken * works
        if arrays.destroys is None:
            return taken, taken
        destroys = arrays.destroys if works is None else arrays.destroys * works
        return taken, xp.where(destroys + 0 * dock > 0, dock, taken)


def unused_flows(world: World, path: BatchPath) -> set[str]:
    """Flows that this world and path never have."""
    uses = {
        "wasted": bool(world.destroys.any() or world.shelf_life.any()),
        "setups": bool(world.produces.any()),
        "surcharge": path.price_factor is not None,
        "carrier": any(lane.common_carrier is not None for lane in world.transport),
        "ending": bool(np.any(world.prices.terminal)),
    }
    return {name for name, used in uses.items() if not used}
