"""Luck that belongs to things: one message, one decision of one agent.

A fault's luck with one message does not depend on how many others were sent before it, so two
policies meet the same faults as long as they make the same calls.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """Random numbers that belong to one thing: a keyed hash of what the thing is."""

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

    def normal(self) -> float:
        """The next standard normal number (Box and Muller's transform)."""
        radius = math.sqrt(-2.0 * math.log(1.0 - self.uniform()))
        return radius * math.cos(2.0 * math.pi * self.uniform())

    def sign(self) -> float:
        """Plus or minus one, equally likely."""
        return 1.0 if self.uniform() < 0.5 else -1.0

    def below(self, count: int) -> int:
        """A whole number in [0, count)."""
        return int(self.uniform() * count)

    def choice(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[self.below(len(options))]
