"""world.price: what sources charge goes up."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from stress.catalogue.base import Window, WorldFault
from stress.catalogue.targets import Targets
from twin.exogenous.path import SamplePath
from twin.exogenous.streams import stream
from twin.network.world import World


class Price(Targets, WorldFault):
    """Multiply the prices of lanes by the ladder's factor, all over the window."""

    family: ClassVar[str] = "world.price"
    ladder: ClassVar[tuple[float, ...]] = (1.0, 1.1, 1.25, 1.5, 2.0, 3.0)
    unit: ClassVar[str] = "factor on prices"

    def lacks(self, world: World) -> str:
        """A lane with a price."""
        return "" if np.any(world.prices.transfer > 0) else "no lane has a price"

    def transform(
        self, world: World, path: SamplePath, severity: int, seed: int, window: Window
    ) -> SamplePath:
        """The path with higher prices on the lanes that are hit."""
        if severity == 0:
            return path
        lanes = self.chosen(range(len(world.lanes)), stream(seed, f"fault/{self.family}"))
        places = np.ix_(window.periods(world), np.array(lanes, dtype=np.intp))
        factor = path.price_factor.copy()
        factor[places] *= self.at(severity)
        return replace(path, price_factor=factor)
