"""world.capacity: a part of what nodes or lanes can do is lost for a while."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np

from stress.catalogue.base import SHARE_OF_TIME, Window, WorldFault
from stress.catalogue.downtime import LENGTHS_D, covered_share, scaled
from stress.catalogue.targets import Region
from twin.exogenous.path import SamplePath
from twin.exogenous.streams import stream
from twin.network.world import World


class Capacity(Region, WorldFault):
    """Let the targets work at less than their capacity, somewhere in the window.

    The loss grows with the severity, and so does its length: 0 / 6 h / 1 / 3 / 7 / 21 d.
    """

    family: ClassVar[str] = "world.capacity"
    ladder: ClassVar[tuple[float, ...]] = SHARE_OF_TIME
    unit: ClassVar[str] = "share of the capacity lost"
    target: Literal["node", "lane"] = "node"
    """What is hit: a node that ships, or a lane."""

    def transform(
        self, world: World, path: SamplePath, severity: int, seed: int, window: Window
    ) -> SamplePath:
        """The path with smaller open shares."""
        if severity == 0:
            return path
        rng = stream(seed, f"fault/{self.family}")
        lanes = range(len(world.lanes))
        if self.target == "lane":
            places = np.array(self.chosen(lanes, rng), dtype=np.intp)
        else:
            places = self.hit(world, np.unique(world.source).tolist(), rng)
        covered = covered_share(world, window, LENGTHS_D[severity], rng.random())
        factor = 1.0 - self.at(severity) * covered
        if self.target == "lane":
            return replace(path, lane_open=scaled(path.lane_open, places, factor))
        return replace(path, node_open=scaled(path.node_open, places, factor))
