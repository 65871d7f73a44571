"""world.yield: a part of what leaves never arrives in good order."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from stress.catalogue.base import SHARE_OF_TIME, Window, WorldFault
from stress.catalogue.targets import Targets
from twin.exogenous.path import SamplePath
from twin.exogenous.streams import stream
from twin.network.world import World


class Yield(Targets, WorldFault):
    """Spoil the ladder's share of every shipment on the lanes that are hit, all over the window."""

    family: ClassVar[str] = "world.yield"
    ladder: ClassVar[tuple[float, ...]] = SHARE_OF_TIME
    unit: ClassVar[str] = "share of each shipment lost"

    def transform(
        self, world: World, path: SamplePath, severity: int, seed: int, window: Window
    ) -> SamplePath:
        """The path with smaller good shares on the lanes that are hit."""
        if severity == 0:
            return path
        lanes = self.chosen(range(len(world.lanes)), stream(seed, f"fault/{self.family}"))
        places = np.ix_(window.periods(world), np.array(lanes, dtype=np.intp))
        good = path.good.copy()
        good[places] *= 1.0 - self.at(severity)
        return replace(path, good=good)
