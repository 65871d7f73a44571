"""Generalised advantage estimation (Schulman et al. 2016) over segments that may be cut."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def advantages(
    rewards: Array,
    values: Array,
    next_values: Array,
    cut: NDArray[np.bool_],
    gamma: float,
    lam: float,
    alive: NDArray[np.bool_] | None = None,
) -> tuple[Array, Array]:
    """Advantages and value targets, each of the shape of ``rewards`` (period, ...).

    delta_t = r_t + gamma V(s'_t) - V(s_t);  A_t = delta_t + gamma lam A_(t+1);  target = A + V

    ``next_values`` holds the value of the true next state of every step, also of the last one
    before a time limit; ``cut`` (period,) says after which steps the trajectory breaks off, so that
    no advantage flows back over the break. A time limit is a break, never an end.

    ``alive`` has the shape of ``rewards``: where nobody decides, no value was learnt, so returns
    pass through such steps as they are (lam is one there) instead of asking for it.
    """
    delta = rewards + gamma * next_values - values
    found = np.zeros_like(delta)
    running = np.zeros_like(delta[0])
    for t in range(len(delta) - 1, -1, -1):
        kept: Any = 0.0 if cut[t] else gamma * lam
        if alive is not None and not cut[t]:
            kept = np.where(alive[t + 1], np.float32(kept), np.float32(gamma))
        running = delta[t] + kept * running
        found[t] = running
    return found, found + values
