"""Limits of nodes, lanes and vehicles for many replications at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twin.engine.bounds import at_least
from twin.network.limits import Limit


@dataclass(frozen=True)
class BatchLimit:
    """A Limit in the namespace of the engine, one entry per dimension."""

    xp: Any
    sizes: tuple[Any | None, ...]  # (1, product, 1) what one unit takes; None: one
    most: tuple[Any, ...]  # (item, 1)

    @classmethod
    def of(cls, limit: Limit, xp: Any, real: Callable[[Any], Any]) -> BatchLimit | None:
        """None where nothing is limited."""
        if not limit.binds:
            return None
        sizes = [None if (row == 1).all() else real(row[None, :, None]) for row in limit.size]
        return cls(xp, tuple(sizes), tuple(real(row[:, None]) for row in limit.most))

    def loads(self, units: Any) -> list[Any]:
        """What the units (item, product, B) take, per dimension: (item, B)."""
        return [over_products(units if size is None else units * size) for size in self.sizes]

    def share(self, units: Any, inside: list[Any] | None, ratio: Callable[[Any, Any], Any]) -> Any:
        """Share of the units (item, product, B) for which there is room: (item, B), at most 1."""
        total: Any = None
        for d, load in enumerate(self.loads(units)):
            room = self.most[d]
            if inside is not None:
                room = at_least(room - inside[d], 0, self.xp)
            share = self._share(room, load, ratio)
            total = share if total is None else self.xp.minimum(total, share)
        return total

    def fill(self, units: Any) -> Any:
        """How full the units (item, product, B) make an item, in capacities: (item, B)."""
        total: Any = None
        for d, load in enumerate(self.loads(units)):
            part = load / self.most[d]
            total = part if total is None else self.xp.maximum(total, part)
        return total

    def aboard(self, units: Any, count: Any, ratio: Callable[[Any, Any], Any]) -> Any:
        """Share of the units (item, product, B) that finds room in ``count`` (item, B) items."""
        total: Any = None
        for d, load in enumerate(self.loads(units)):
            share = self._share(count * self.most[d], load, ratio)
            total = share if total is None else self.xp.minimum(total, share)
        return total

    def _share(self, room: Any, load: Any, ratio: Callable[[Any, Any], Any]) -> Any:
        """What takes no room always fits, so that weightless goods do not wait."""
        return self.xp.where(load > 0, ratio(room, load), 1.0)


def over_products(x: Any) -> Any:
    """Sum over the product axis."""
    return x[:, 0] if x.shape[1] == 1 else x.sum(1)
