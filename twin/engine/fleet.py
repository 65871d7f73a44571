"""How a pool of vehicles shares its free vehicles among lanes, for one fleet and one period."""

from __future__ import annotations

from typing import Any

DUST = 1e-9
"""Loads below this share of a vehicle are rounding errors, not freight."""


def vehicles_for(
    load: Any, capacity: float, allowed: Any, min_load: Any, idle: Any, xp: Any
) -> Any:
    """Vehicles that leave on each lane of a fleet: (lane, ...).

    ``load`` units ready on each lane, ``allowed`` the booked number, ``min_load`` the share that
    the last vehicle must carry, ``idle`` vehicles at the depot (...). When more are
    wanted than are free, they are shared in proportion, by cumulative rounding: exact, no loop.
    """
    full = xp.floor(load / capacity + DUST)
    rest = load / capacity - full
    wanted = full + ((rest > DUST) & (rest >= min_load - DUST))
    wanted = xp.minimum(wanted, allowed)
    running = xp.cumsum(wanted, 0)
    total = running[-1:]
    shared = xp.floor((2 * running * idle + total) / (2 * xp.clip(total, 1, None)))
    running = xp.where(total > idle, shared, running)
    return running - xp.concatenate([xp.zeros_like(running[:1]), running[:-1]], 0)
