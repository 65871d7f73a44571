"""Named random streams: one counter-based generator per purpose.

A stream depends on the seed and on its own name only, so adding a node, a lane or a fault never
changes what another one draws.
"""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, name: str) -> np.random.Generator:
    """The generator of one named stream: Philox keyed by a hash of seed and name.

    >>> stream(7, "demand/north/crate").random() == stream(7, "demand/north/crate").random()
    True
    """
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))
