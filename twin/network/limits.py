"""Limits of nodes, lanes and vehicles, counted in units, weight or volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.scenario.capacity import Capacity
from twin.scenario.sites import Product

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Limit:
    """What each item may hold or carry, in every dimension that is limited somewhere."""

    size: Floats  # (dimension, product) what one unit takes
    most: Floats  # (dimension, item) inf where there is no limit

    @classmethod
    def of(cls, capacities: Sequence[Capacity | None], products: Sequence[Product]) -> Limit:
        """Gather the limits of all items; dimensions that nobody limits are left out."""
        sizes = {
            "units": [1.0] * len(products),
            "weight": [p.weight for p in products],
            "volume": [p.volume for p in products],
        }
        most = {
            name: [np.inf if c is None else getattr(c, name) or np.inf for c in capacities]
            for name in sizes
        }
        used = [name for name, values in most.items() if np.isfinite(values).any()]
        return cls(
            np.array([sizes[name] for name in used]).reshape(len(used), len(products)),
            np.array([most[name] for name in used]).reshape(len(used), len(capacities)),
        )

    @property
    def binds(self) -> bool:
        """Whether anything is limited."""
        return len(self.most) > 0

    def load(self, units: Floats) -> Floats:
        """What the units (item, product) take: (dimension, item)."""
        load: Floats = self.size @ units.T
        return load

    def share(self, units: Floats, inside: Floats | float = 0.0) -> Floats:
        """Share of the units (item, product) for which there is room: (item,), at most 1.

        ``inside`` (dimension, item) is taken already.
        """
        room = np.maximum(self.most - inside, 0.0)
        share: Floats = (room / np.maximum(self.load(units), 1e-300)).min(axis=0, initial=1.0)
        return share

    def fill(self, units: Floats) -> Floats:
        """How full the units (load, product) make one such item, in capacities: (load,)."""
        fill: Floats = (self.load(units) / self.most).max(axis=0)
        return fill

    def aboard(self, units: Floats, vehicles: Floats) -> Floats:
        """Share of the units (load, product) that finds room in so many items: (load,)."""
        load = self.load(units)
        fits = np.minimum(load, vehicles * self.most) / np.maximum(load, 1e-300)
        # What takes no room always fits.
        share: Floats = np.where(load > 0, fits, 1.0).min(axis=0)
        return share


def in_units(capacities: Sequence[Capacity | None]) -> Floats:
    """The limits that count units, inf where there is none: (item,)."""
    return np.array([np.inf if c is None else c.units or np.inf for c in capacities], dtype=float)
