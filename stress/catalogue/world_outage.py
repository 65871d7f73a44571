"""world.outage: a supplier, a node or a lane stops shipping for a while, and others with it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from stress.catalogue.base import Window, WorldFault
from stress.catalogue.downtime import LENGTHS_D, covered_share, scaled
from stress.catalogue.targets import Region
from twin.exogenous.path import SamplePath
from twin.exogenous.streams import stream
from twin.network.world import World


class Outage(Region, WorldFault):
    """Close the targets for the ladder's time, somewhere in the window.

    A closed node neither ships nor receives nor serves; a closed lane lets nothing leave on it. An
    outage longer than the window fills the window. Nodes within the blast radius may go down at
    the same time.
    """

    family: ClassVar[str] = "world.outage"
    ladder: ClassVar[tuple[float, ...]] = LENGTHS_D
    unit: ClassVar[str] = "days closed"
    target: Literal["supplier", "node", "lane"] = "supplier"
    """What closes: a node that never runs out, any node that ships, or a single lane."""

    def transform(
        self, world: World, path: SamplePath, severity: int, seed: int, window: Window
    ) -> SamplePath:
        """The path with open shares cut by the part of each period that the outage covers."""
        if severity == 0:
            return path
        rng = stream(seed, f"fault/{self.family}")
        places = self._places(world, rng)
        open_share = 1.0 - covered_share(world, window, self.at(severity), rng.random())
        if self.target == "lane":
            return replace(path, lane_open=scaled(path.lane_open, places, open_share))
        return replace(path, node_open=scaled(path.node_open, places, open_share))

    def _places(self, world: World, rng: np.random.Generator) -> NDArray[np.intp]:
        """Lanes or nodes that close, drawn among all that could."""
        if self.target == "lane":
            return np.array(self.chosen(range(len(world.lanes)), rng), dtype=np.intp)
        sources = np.unique(world.source)
        if self.target == "supplier":
            sources = sources[world.unlimited[sources]]
        return self.hit(world, sources.tolist(), rng)
