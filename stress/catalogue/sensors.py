"""Layers that make readings lie: the answer is sound in form and says something else."""

from __future__ import annotations

from collections import defaultdict

from stress.catalogue.answers import (
    Document,
    Numbers,
    is_read,
    numbers_of,
    opened,
    with_numbers,
)
from stress.catalogue.base import ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.luck import Draw
from twin.network.world import World
from twin.tools.channel import Transit

Reading = dict[str, Numbers]
WHOLE = ("idle", "returning")
"""Fields that count vehicles."""


class SensorLayer(FaultLayer):
    """A layer that replaces readings; ``reading`` says what is shown instead."""

    memory = 0
    """Epochs before the window whose readings may be needed in it."""

    def __init__(self, fault: ChannelFault, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self.known: dict[tuple[str, str, str], dict[int, Reading]] = defaultdict(dict)
        """Readings as they were, by agent, tool and entity, then by period."""
        self._integral = False

    def start(self, seed: int, world: World) -> None:
        """Begin an episode without any memory."""
        super().start(seed, world)
        self.known.clear()
        self._integral = world.model.integral

    def reading(self, transit: Transit, document: Document, true: Reading) -> Reading:
        """What is shown instead of the true numbers."""
        return true

    def answer(self, transit: Transit, body: bytes) -> bytes | None:
        """The answer with what is shown instead of the truth."""
        document = opened(body) if is_read(transit.tool) and self._needs(transit) else None
        if document is None:
            return body
        true = numbers_of(document)
        self._remember(transit, document, true)
        if not self.strikes(transit):
            return body
        shown = {
            name: self._sound(name, values)
            for name, values in self.reading(transit, document, true).items()
        }
        if shown == true:
            return body
        self.fired += 1
        self.seen += 1
        return with_numbers(document, shown)

    def luck_of(self, transit: Transit) -> Draw:
        """The luck of one reading, the same however often it is asked for."""
        return self.luck(f"{transit.agent}/{transit.call}")

    def history(self, transit: Transit, document: Document) -> dict[int, Reading]:
        """What this sensor said before, by period."""
        return self.known[transit.agent, transit.tool, document["entity"]]

    def _needs(self, transit: Transit) -> bool:
        first = self.window.start_d - self.memory * self.period_d
        return self.severity > 0 and first <= transit.sent_at < self.window.end_d

    def _remember(self, transit: Transit, document: Document, true: Reading) -> None:
        if self.memory:
            kept = self.history(transit, document)
            kept[document["as_of"]] = true
            for old in [t for t in kept if t < document["as_of"] - self.memory]:
                del kept[old]

    def _sound(self, name: str, values: Numbers) -> Numbers:
        """The numbers as such a sensor could send them: none negative, counts whole."""
        if self._integral or name in WHOLE:
            return [float(round(max(x, 0.0))) for x in values]
        return [max(x, 0.0) for x in values]
