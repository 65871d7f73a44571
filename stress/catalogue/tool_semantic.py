"""tool.semantic: an answer that keeps to its schema and does not say what is so."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import ClassVar, Literal

from stress.catalogue.answers import (
    Document,
    Numbers,
    is_read,
    is_write,
    numbers_of,
    opened,
    sealed,
    with_numbers,
)
from stress.catalogue.base import ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.luck import Draw
from stress.catalogue.receipts import receipt
from stress.catalogue.targets import Targets
from twin.network.world import World
from twin.tools.channel import Transit

Kind = Literal[
    "unit_scale",
    "stale_data",
    "wrong_entity",
    "silent_noop",
    "partial",
    "bit_flip",
    "sign_flip",
]
OF_READS = ("unit_scale", "stale_data", "wrong_entity", "partial", "bit_flip", "sign_flip")
SCALES = (1000.0, 0.001, 12.0, 1 / 12)
"""Kilo and milli, dozens and single pieces."""


class SemanticErrors(Targets, ChannelFault):
    """Answer a share of the calls wrongly.

    unit_scale    all numbers in another unit         partial    the second half of each field is 0
    stale_data    the numbers of an earlier epoch     bit_flip   one bit of one number
    wrong_entity  the answer for somebody else        sign_flip  one number negative
    silent_noop   a write is confirmed and forgotten
    """

    family: ClassVar[str] = "tool.semantic"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.005, 0.01, 0.05, 0.10, 0.20)
    unit: ClassVar[str] = "share of the calls"
    error: Kind | Literal["any"] = "any"
    """What goes wrong; by default each is as likely as the others, of those that fit the tool."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that answers wrongly."""
        return _SemanticLayer(self, severity, window)


class _SemanticLayer(FaultLayer):
    def __init__(self, fault: SemanticErrors, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._error = fault.error
        self._before: dict[tuple[str, str], dict[str, Numbers]] = {}
        self._others: dict[str, str] = {}
        self._forgotten: dict[tuple[str, int], bytes] = {}

    def start(self, seed: int, world: World) -> None:
        super().start(seed, world)
        self._before, self._others, self._forgotten = {}, {}, {}

    def request(self, transit: Transit, body: bytes) -> bytes | None:
        """Keep a write from the server where it is to be forgotten."""
        if not is_write(transit.tool) or self._error not in ("silent_noop", "any"):
            return body
        confirmed = receipt(body)
        if confirmed is None or self.hit(transit, self.value) is None:
            return body
        self._forgotten[transit.call, transit.attempt] = confirmed
        return b""

    def answer(self, transit: Transit, body: bytes) -> bytes | None:
        confirmed = self._forgotten.pop((transit.call, transit.attempt), None)
        if confirmed is not None:
            self.seen += 1
            return confirmed
        if self.severity == 0 or not is_read(transit.tool) or self._error == "silent_noop":
            return body
        document = opened(body)
        if document is None:
            return body
        wrong = self._wrong(transit, document)
        self._before[transit.agent, document["entity"]] = numbers_of(document)
        self._others[transit.agent] = document["entity"]
        return body if wrong is None else wrong

    def _wrong(self, transit: Transit, document: Document) -> bytes | None:
        draw = self.hit(transit, self.value)
        if draw is None:
            return None
        kind = draw.choice(OF_READS) if self._error == "any" else self._error
        if kind == "wrong_entity":
            other = f"not {document['entity']}"[:80]
            return sealed({**document, "entity": self._others.get(transit.agent, other)})
        return with_numbers(document, self._numbers(kind, transit, document, draw))

    def _numbers(
        self, kind: str, transit: Transit, document: Document, draw: Draw
    ) -> dict[str, Numbers]:
        true = numbers_of(document)
        if kind == "stale_data":
            before = self._before.get((transit.agent, document["entity"]), true)
            return before if before.keys() == true.keys() else true
        if kind == "unit_scale":
            scale = draw.choice(SCALES)
            return {name: [scale * x for x in numbers] for name, numbers in true.items()}
        if kind == "partial":
            return {name: _half(numbers) for name, numbers in true.items()}
        return _one_changed(true, draw, _NUDGES[kind])


def _half(numbers: Numbers) -> Numbers:
    kept = len(numbers) // 2
    return numbers[:kept] + [0.0] * (len(numbers) - kept)


def _one_changed(
    numbers: dict[str, Numbers], draw: Draw, change: Callable[[float, Draw], float]
) -> dict[str, Numbers]:
    """The same with one number changed, of those that are not zero where there are any."""
    places = [(name, i) for name, row in numbers.items() for i, x in enumerate(row) if x]
    if not places:
        return numbers
    name, index = draw.choice(places)
    row = list(numbers[name])
    row[index] = change(row[index], draw)
    return {**numbers, name: row}


def _bit_flipped(number: float, draw: Draw) -> float:
    """The number with one of its 64 bits turned over, none of those that leave no number."""
    (bits,) = struct.unpack("<Q", struct.pack("<d", number))
    (flipped,) = struct.unpack("<d", struct.pack("<Q", bits ^ 1 << draw.below(64)))
    return float(flipped) if math.isfinite(flipped) else -number


def _sign_flipped(number: float, draw: Draw) -> float:
    return -number


_NUDGES: dict[str, Callable[[float, Draw], float]] = {
    "bit_flip": _bit_flipped,
    "sign_flip": _sign_flipped,
}
