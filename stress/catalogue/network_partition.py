"""network.partition: some agents and the provider cannot reach each other for a while."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from stress.catalogue.base import Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.outages import OutageFault, OutageLayer
from twin.tools.channel import Transit


class Partition(OutageFault):
    """Cut agents off in spells; messages into the cut are lost.

    symmetric: both ways. requests: what an agent asks is never heard. answers: it is heard and
    done, and the agent does not learn of it.
    """

    family: ClassVar[str] = "network.partition"
    symmetry: Literal["symmetric", "requests", "answers"] = "symmetric"
    """Which direction is cut."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that cuts agents off."""
        return _PartitionLayer(self, severity, window)


class _PartitionLayer(OutageLayer):
    def __init__(self, fault: Partition, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        both = fault.symmetry == "symmetric"
        self._cut = ("request", "answer") if both else (fault.symmetry.removesuffix("s"),)

    def delay(self, transit: Transit, delay_d: float) -> float:
        if transit.direction not in self._cut or self.spell_end(transit) is None:
            return delay_d
        self.fired += 1
        return math.inf
