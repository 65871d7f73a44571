"""Choices instead of free actions: a grid over each action's range, NaN where there is none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.learn.batch import Array
from agents.learn.setup import GroupSetup
from twin.env.act import Codec


def action_grid(group: GroupSetup, choices: int, bend: float, integral: bool) -> Array:
    """What the agents of a group choose from: (agent, action, choice).

    Corrections x in [-1, 1] of the range are bent to sign(x) |x|^bend: above one, choices lie
    closer together near the static policy. Order quantities are spaced evenly. NaN marks padding,
    and choices that mean what one nearer to zero means: shares of a fleet that round to the same
    number of vehicles, two orders of the same whole units.
    """
    grid = np.full((*group.used.shape, choices), np.nan, dtype=np.float32)
    for i, codec in enumerate(group.codecs):
        points = _points(codec, choices, bend)
        own = np.broadcast_to(points, (codec.action_size, choices)).copy()
        own[_repeats(codec, points, integral)] = np.nan
        grid[i, : codec.action_size] = own
    return grid


def _points(codec: Codec, choices: int, bend: float) -> NDArray[np.float64]:
    if codec.low >= 0:
        return np.linspace(codec.low, codec.high, choices)
    x = np.linspace(-1.0, 1.0, choices)
    points: NDArray[np.float64] = codec.high * np.sign(x) * np.abs(x) ** bend
    return points


def _repeats(codec: Codec, points: NDArray[np.float64], integral: bool) -> NDArray[np.bool_]:
    """Choices with the meaning of another: (action, choice)."""
    repeats = np.zeros((codec.action_size, len(points)), dtype=np.bool_)
    if codec.spec.role == "replenish" and codec.form == "base_stock_correction":
        return repeats
    actions = np.broadcast_to(points, repeats.shape)
    meant = codec.decode(np.zeros((codec.spec.size, len(points))), actions)
    meant = np.round(meant) if integral and codec.spec.role == "replenish" else meant
    meant = meant.reshape(-1, codec.action_size, len(points))  # (number, action, choice)
    for action in range(codec.action_size):
        seen: set[tuple[float, ...]] = set()
        for choice in np.argsort(np.abs(points), kind="stable"):
            key = tuple(meant[:, action, choice].tolist())
            repeats[action, choice] = key in seen
            seen.add(key)
    return repeats


def prior_values(grid: Array, start: Array, weight: float) -> Array:
    """Initial value of each choice, highest at ``start`` (action,): (action x choice,)."""
    points = np.where(np.isnan(grid), 0.0, grid).sum(0) / np.maximum(np.isfinite(grid).sum(0), 1)
    away = np.abs(points - start[:, None])
    farthest = np.maximum(away.max(axis=1, keepdims=True), 1e-9)
    values: Array = (-weight * away / farthest).astype(np.float32).ravel()
    return values
