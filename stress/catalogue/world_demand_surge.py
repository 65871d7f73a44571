"""world.demand_surge: customers ask for more than ever."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from stress.catalogue.base import Window, WorldFault
from stress.catalogue.targets import Targets
from twin.exogenous.path import SamplePath
from twin.exogenous.streams import stream
from twin.network.world import World


class DemandSurge(Targets, WorldFault):
    """Multiply the demand of nodes with customers by the ladder's factor, all over the window."""

    family: ClassVar[str] = "world.demand_surge"
    ladder: ClassVar[tuple[float, ...]] = (1.0, 1.1, 1.25, 1.5, 2.0, 3.0)
    unit: ClassVar[str] = "factor on demand"

    def transform(
        self, world: World, path: SamplePath, severity: int, seed: int, window: Window
    ) -> SamplePath:
        """The path with the surge; in whole units where the scenario counts in whole units."""
        if severity == 0:
            return path
        customers = sorted({node for node, _, _ in world.demand_specs})
        nodes = self.chosen(customers, stream(seed, f"fault/{self.family}"))
        places = np.ix_(window.periods(world), np.array(nodes, dtype=np.intp))
        demand = path.demand.copy()
        surged = demand[places] * self.at(severity)
        demand[places] = np.rint(surged) if world.model.integral else surged
        return replace(path, demand=demand)
