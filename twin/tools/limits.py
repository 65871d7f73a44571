"""What no sensible decision exceeds: the server's last guard against runaway orders."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from twin.env.act import BOUND, DEFAULT_CAP
from twin.network.world import World

Floats = NDArray[np.float64]
PLAUSIBLE = 100.0
"""Orders may exceed the largest that the action space means by this factor: a policy with levels
of its own, or one that clears a long backlog at once, is let through; a wrong unit is not."""


def order_caps(world: World) -> Floats:
    """Largest order per lane and period that is accepted: (lane, product) units."""
    action = world.model.agents.action
    flow = world.throughput[world.destination] * world.share
    level = world.order_up_to[world.destination] * math.exp(BOUND * action.range)
    lane = np.where(np.isfinite(world.lane_capacity), world.lane_capacity, 1.0)[:, None]
    lots = [max(x.batch or 0.0, x.minimum_order or 0.0) for x in world.transport]
    usual = np.maximum(np.maximum(level, DEFAULT_CAP * flow), lane)
    usual = np.maximum(usual, np.array(lots)[:, None])
    caps: Floats = PLAUSIBLE * np.maximum(usual, action.max_order or 1.0)
    return caps


def vehicle_caps(world: World) -> Floats:
    """Largest booking per lane and period that is accepted: (lane,) vehicles."""
    count = np.array([float(fleet.vehicles) for fleet in world.fleets] + [0.0])
    caps: Floats = PLAUSIBLE * count[world.fleet_of]
    return caps
