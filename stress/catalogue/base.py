"""What a fault is: a family name, a ladder of severities, and the place where it acts.

    place     acts on                             by
    channel   messages between agents and tools   a layer of ``twin.tools.channel``
    world     the sample path of a run            a function from SamplePath to SamplePath

Severity counts from 0 to 5: off, trace, mild, moderate, severe, extreme. At severity 0 a fault does
exactly nothing.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from twin.exogenous.path import SamplePath
from twin.exogenous.streams import stream
from twin.network.world import World
from twin.scenario.quantities import Model
from twin.tools.channel import Layer, Transit

T = TypeVar("T")
LEVELS = 6
Severity = Annotated[int, Field(ge=0, lt=LEVELS)]
ROUNDING = 1e-9


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

    def value(self, severity: int) -> float:
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


class Draw:
    """Random numbers that belong to one message: a keyed hash of what the message is.

    A fault's luck with one message does not depend on how many others were sent before it, so two
    policies meet the same faults as long as they make the same calls.
    """

    def __init__(self, key: bytes, thing: str) -> None:
        self._key = key
        self._thing = thing
        self._count = 0

    def uniform(self) -> float:
        """The next number, in [0, 1)."""
        text = f"{self._thing}/{self._count}".encode()
        self._count += 1
        digest = hashlib.blake2b(text, key=self._key, digest_size=8).digest()
        return (int.from_bytes(digest, "little") >> 11) * 2.0**-53

    def below(self, count: int) -> int:
        """A whole number in [0, count)."""
        return int(self.uniform() * count)

    def choice(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[self.below(len(options))]


class FaultLayer(Layer):
    """A channel layer that strikes inside a window, with luck from the fault's own stream."""

    def __init__(self, fault: ChannelFault, severity: int, window: Window) -> None:
        super().__init__()
        self.name = fault.family
        self.severity = severity
        self.value = fault.value(severity)
        self.window = window
        self.fired = 0
        self._key = b""

    def start(self, seed: int, world: World) -> None:
        """Begin an episode: key the luck by the seed and the fault's name."""
        self.fired = 0
        self._key = stream(seed, f"fault/{self.name}").bytes(32)

    def strikes_at(self, now_d: float) -> bool:
        """Whether the fault is active at a moment."""
        return self.severity > 0 and self.window.covers(now_d)

    def draw(self, transit: Transit) -> Draw:
        """The luck of one message."""
        thing = f"{transit.direction}/{transit.agent}/{transit.call}/{transit.attempt}"
        return Draw(self._key, thing)
