"""What a fault is: a family name, a ladder of severities, and the place where it acts.

    place     acts on                             by
    channel   messages between agents and tools   a layer of ``twin.tools.channel``
    world     the sample path of a run            a function from SamplePath to SamplePath
    actor     who decides                         a policy around the policy
    people    who approves and clarifies          an incident of the gateway
    training  what a training run stands on       storage around the storage

Severity counts from 0 to 5: off, trace, mild, moderate, severe, extreme. At severity 0 a fault does
exactly nothing.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from twin.exogenous.path import SamplePath
from twin.network.world import World
from twin.scenario.quantities import Model

if TYPE_CHECKING:
    from agents.gateway.incident import Incident
    from agents.learn.storage import Storage
    from stress.catalogue.actors import FaultyPolicy
    from stress.catalogue.layers import FaultLayer
    from twin.env.policy import Policy

LEVELS = 6
Severity = Annotated[int, Field(ge=0, lt=LEVELS)]
ROUNDING = 1e-9
TOXICITY = (0.0, 0.01, 0.03, 0.10, 0.20, 0.40)
"""Share of the messages that a toxic applies to, by severity (toxiproxy's term)."""
SHARE_OF_TIME = (0.0, 0.05, 0.10, 0.20, 0.35, 0.50)
"""Share of the window in which a network or a part of the world is down, by severity."""


@dataclass(frozen=True)
class Window:
    """When a fault may strike, in days from the start; it is healed at ``end_d``."""

    start_d: float
    end_d: float

    def covers(self, now_d: float) -> bool:
        """Whether a moment lies in the window."""
        return self.start_d <= now_d < self.end_d

    def periods(self, world: World) -> NDArray[np.intp]:
        """Indices of the periods that lie in the window as a whole."""
        first = int(np.ceil(self.start_d / world.period_d - ROUNDING))
        last = int(np.floor(self.end_d / world.period_d + ROUNDING))
        return np.arange(max(first, 0), max(min(last, world.periods), first, 0))


NEVER = Window(0.0, 0.0)


class Fault(Model):
    """One family of faults; the fields of a subclass are its parameters."""

    family: ClassVar[str]
    ladder: ClassVar[tuple[float, ...]]
    unit: ClassVar[str]
    """What the numbers of the ladder are."""
    silent: ClassVar[bool] = False
    """What it does looks sound, so that no check at the boundary can notice it."""

    def lacks(self, world: World) -> str:
        """What a scenario would need for the fault to mean anything; empty where it has it."""
        return ""

    def at(self, severity: int) -> float:
        """The ladder's number of a severity."""
        return self.ladder[severity]


class ChannelFault(Fault):
    """A fault of the messages between agents and tools."""

    @abstractmethod
    def layer(self, severity: int, window: Window) -> FaultLayer:
        """The layer to put into the channel of one episode."""


class WorldFault(Fault):
    """A fault of the world itself."""

    @abstractmethod
    def transform(
        self, world: World, path: SamplePath, severity: int, seed: int, window: Window
    ) -> SamplePath:
        """The path of the same run with the fault in it; the given path stays as it is."""


class ActorFault(Fault):
    """A fault of those who decide."""

    silent: ClassVar[bool] = True

    @abstractmethod
    def wrap(self, policy: Policy, world: World, severity: int, window: Window) -> FaultyPolicy:
        """The policy of one episode with the fault around it; the given one stays as it is."""


class PeopleFault(Fault):
    """A fault of the people whom agents ask."""

    @abstractmethod
    def incident(self, severity: int, window: Window) -> Incident:
        """What befalls the people of one episode."""


class TrainingFault(Fault):
    """A fault of what a training run stands on; no episode meets it."""

    @abstractmethod
    def storage(self, disk: Storage, severity: int) -> Storage:
        """The storage of a run with the fault around it."""
