"""The grids of a group of agents: choices instead of free actions, NaN where there is none."""

from __future__ import annotations

import numpy as np

from agents.learn.batch import Array
from agents.learn.setup import GroupSetup
from twin.env.choices import points_of, repeats


def action_grid(group: GroupSetup, choices: int, bend: float, integral: bool) -> Array:
    """What the agents of a group choose from: (agent, action, choice).

    NaN marks padding and choices that mean the same as one nearer to zero; see
    ``twin.env.choices``.
    """
    grid = np.full((*group.used.shape, choices), np.nan, dtype=np.float32)
    for i, codec in enumerate(group.codecs):
        points = points_of(codec, choices, bend)
        own = np.broadcast_to(points, (codec.action_size, choices)).copy()
        own[repeats(codec, points, integral)] = np.nan
        grid[i, : codec.action_size] = own
    return grid


def prior_values(grid: Array, start: Array, weight: float) -> Array:
    """Initial value of each choice, highest at ``start`` (action,): (action x choice,)."""
    points = np.where(np.isnan(grid), 0.0, grid).sum(0) / np.maximum(np.isfinite(grid).sum(0), 1)
    away = np.abs(points - start[:, None])
    farthest = np.maximum(away.max(axis=1, keepdims=True), 1e-9)
    values: Array = (-weight * away / farthest).astype(np.float32).ravel()
    return values
