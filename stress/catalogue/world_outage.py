"""world.outage: a supplier, a node or a lane stops shipping for a while."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from stress.catalogue.base import Window, WorldFault
from twin.exogenous.path import SamplePath
from twin.exogenous.streams import stream
from twin.network.world import World

Floats = NDArray[np.float64]
HOUR = 1 / 24


class Outage(WorldFault):
    """Close the outbound lanes of one target for the ladder's time, somewhere in the window.

    An outage longer than the window fills the window.
    """

    family: ClassVar[str] = "world.outage"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 6 * HOUR, 1.0, 3.0, 7.0, 21.0)
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
        share = _closed_share(world, window, self.value(severity), rng.random())
        lane_open = path.lane_open.copy()
        lane_open[:, lanes] *= 1.0 - share[:, None]
        return replace(path, lane_open=lane_open)

    def _lanes(self, world: World, rng: np.random.Generator) -> NDArray[np.intp]:
        """Lanes of the one target, drawn among all that could be hit."""
        if self.target == "lane" or not len(world.lanes):
            return np.arange(len(world.lanes))[rng.permutation(len(world.lanes))[:1]]
        sources = np.unique(world.source)
        if self.target == "supplier":
            sources = sources[world.unlimited[sources]]
        struck = sources[rng.permutation(len(sources))[:1]]
        return np.flatnonzero(np.isin(world.source, struck))


def _closed_share(world: World, window: Window, length_d: float, luck: float) -> Floats:
    """Share of each period that the outage covers, starting at an epoch: (period,)."""
    share = np.zeros(world.periods)
    allowed = window.periods(world)
    length = min(length_d / world.period_d, float(len(allowed)))
    starts = len(allowed) - int(np.ceil(length)) + 1
    if not len(allowed):
        return share
    first = allowed[min(int(luck * starts), starts - 1)]
    whole = int(length)
    share[first : first + whole] = 1.0
    if length > whole:
        share[first + whole] = length - whole
    return share
