"""world.outage: a supplier, a node or a lane stops shipping for a while, and others with it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from stress.catalogue.base import Window, WorldFault
from stress.catalogue.downtime import LENGTHS_D, closed_share
from stress.catalogue.targets import Region
from twin.exogenous.path import SamplePath
from twin.exogenous.streams import stream
from twin.network.world import World


class Outage(Region, WorldFault):
    """Close the outbound lanes of the targets for the ladder's time, somewhere in the window.

    An outage longer than the window fills the window. Whoever lies within the blast radius may go
    down at the same time.
    """

    family: ClassVar[str] = "world.outage"
    ladder: ClassVar[tuple[float, ...]] = LENGTHS_D
    unit: ClassVar[str] = "days without shipments"
    target: Literal["supplier", "node", "lane"] = "supplier"
    """What stops: a node that never runs out, any node that ships, or a single lane."""

    def transform(
        self, world: World, path: SamplePath, severity: int, seed: int, window: Window
    ) -> SamplePath:
        """The path with ``lane_open`` cut by the share of each period that the outage covers."""
        if severity == 0:
            return path
        rng = stream(seed, f"fault/{self.family}")
        lanes = self._lanes(world, rng)
        share = closed_share(world, window, self.at(severity), rng.random())
        lane_open = path.lane_open.copy()
        lane_open[:, lanes] *= 1.0 - share[:, None]
        return replace(path, lane_open=lane_open)

    def _lanes(self, world: World, rng: np.random.Generator) -> NDArray[np.intp]:
        """Lanes that close: those of the targets, drawn among all that could be hit."""
        if self.target == "lane":
            return np.array(self.chosen(range(len(world.lanes)), rng), dtype=np.intp)
        sources = np.unique(world.source)
        if self.target == "supplier":
            sources = sources[world.unlimited[sources]]
        struck = self.hit(world, sources.tolist(), rng)
        return np.flatnonzero(np.isin(world.source, struck))
