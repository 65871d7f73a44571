"""world.vehicle_breakdown: a part of the vehicles is out of service for a while."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from stress.catalogue.base import SHARE_OF_TIME, Window, WorldFault
from stress.catalogue.downtime import LENGTHS_D, covered_share, scaled
from stress.catalogue.targets import Targets
from twin.exogenous.path import SamplePath
from twin.exogenous.streams import stream
from twin.network.world import World


class VehicleBreakdown(Targets, WorldFault):
    """Take vehicles of the fleets that are hit off the road, somewhere in the window.

    The share grows with the severity, and so does the time: 0 / 6 h / 1 / 3 / 7 / 21 d. Vehicles
    that are away come back first.
    """

    family: ClassVar[str] = "world.vehicle_breakdown"
    ladder: ClassVar[tuple[float, ...]] = SHARE_OF_TIME
    unit: ClassVar[str] = "share of the vehicles"

    def lacks(self, world: World) -> str:
        """A fleet of vehicles."""
        return "" if world.fleets else "there are no vehicles"

    def transform(
        self, world: World, path: SamplePath, severity: int, seed: int, window: Window
    ) -> SamplePath:
        """The path with fewer vehicles in service."""
        if severity == 0:
            return path
        rng = stream(seed, f"fault/{self.family}")
        fleets = np.array(self.chosen(range(len(world.fleets)), rng), dtype=np.intp)
        covered = covered_share(world, window, LENGTHS_D[severity], rng.random())
        up = scaled(path.fleet_up, fleets, 1.0 - self.at(severity) * covered)
        return replace(path, fleet_up=up)
