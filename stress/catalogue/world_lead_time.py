"""world.lead_time: shipments take longer than ever, and not all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from stress.catalogue.base import Window, WorldFault
from stress.catalogue.targets import Targets
from twin.exogenous.path import SamplePath
from twin.exogenous.streams import stream
from twin.network.world import World


class LeadTime(Targets, WorldFault):
    """Multiply the lead times of shipments that leave in the window by the ladder's factor.

    With a coefficient of variation the factor of each shipment is lognormal with that mean, and
    never below one. What is still under way when the window ends needs no longer from there on than
    it would have from the start.
    """

    family: ClassVar[str] = "world.lead_time"
    ladder: ClassVar[tuple[float, ...]] = (1.0, 1.1, 1.25, 1.5, 2.0, 3.0)
    unit: ClassVar[str] = "factor on lead times"
    cv: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Coefficient of variation of the factor, from shipment to shipment."""

    def transform(
        self, world: World, path: SamplePath, severity: int, seed: int, window: Window
    ) -> SamplePath:
        """The path with longer lead times on the lanes that are hit."""
        if severity == 0:
            return path
        lanes = self.chosen(range(len(world.lanes)), stream(seed, f"fault/{self.family}/targets"))
        places = np.ix_(window.periods(world), np.array(lanes, dtype=np.intp))
        spread = np.sqrt(np.log1p(self.cv**2))
        shape = path.lead_time.shape
        luck = stream(seed, f"fault/{self.family}").standard_normal(shape)[places]
        factor = np.maximum(self.at(severity) * np.exp(spread * luck - spread**2 / 2), 1.0)
        usual = path.lead_time[places]
        left_d = window.end_d - window.periods(world)[:, None] * world.period_d
        lead_time = path.lead_time.copy()
        lead_time[places] = np.minimum(factor * usual, left_d + usual)
        return replace(path, lead_time=lead_time)
