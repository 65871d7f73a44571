"""Named random streams: one counter-based generator per purpose.

A stream depends on the seed and on its own name only, so adding a node, a lane or a fault never
changes what another one draws.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray


def stream(seed: int, name: str) -> np.random.Generator:
    """The generator of one named stream: Philox keyed by a hash of seed and name.

    >>> stream(7, "demand/north/crate").random() == stream(7, "demand/north/crate").random()
    True
    """
    return np.random.Generator(np.random.Philox(key=_key(seed, name)))


class Streams:
    """The named streams of one seed, one at a time: for thousands of short ones.

    Making a generator costs more than drawing a year of demand, so one is moved from stream to
    stream. What ``named`` returns is good until its next call.

    >>> Streams(7).named("demand/north/crate").random() == stream(7, "demand/north/crate").random()
    True
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._bits = np.random.Philox(key=0)
        self._generator = np.random.Generator(self._bits)
        self._start: Any = self._bits.state

    def named(self, name: str) -> np.random.Generator:
        """The generator, at the start of the stream that ``stream(seed, name)`` gives."""
        self._start["state"]["key"] = _key(self._seed, name)
        self._bits.state = self._start
        return self._generator


def _key(seed: int, name: str) -> NDArray[np.uint64]:
    """The Philox key of a stream: (2,)."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
    return np.frombuffer(digest, dtype="<u8")
