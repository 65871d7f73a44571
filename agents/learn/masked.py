"""Means over those in control; over everybody, by the plain formula, where nobody was absent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.learn.batch import Array, Flags
from agents.learn.normaliser import explained_variance
from agents.learn.ranks import ALONE, Ranks

Counts = NDArray[np.float32]


def in_control(alive: Flags, columns: Sequence[Tensor], count: int) -> Counts:
    """How many agents in control each of ``count`` columns answers for: (..., column).

    ``alive`` (..., agent) and ``columns``, one (agent,) per group, are in the order of the groups.
    """
    column = torch.cat(list(columns)).cpu().numpy()
    member = np.zeros((len(column), count), dtype=np.float32)
    member[np.arange(len(column)), column] = 1.0
    return alive.astype(np.float32) @ member


def moments(values: Array, counts: Counts | None, ranks: Ranks = ALONE) -> tuple[Array, Array]:
    """Mean and standard deviation of each column of values (period, replication, column)."""
    if counts is None:
        return ranks.mean(values, (0, 1)), np.sqrt(ranks.variance(values, (0, 1)))
    total = np.maximum(ranks.total(counts.sum(axis=(0, 1))), 1.0)
    mean = ranks.total((values * counts).sum(axis=(0, 1))) / total
    return mean, np.sqrt(ranks.total(((values - mean) ** 2 * counts).sum(axis=(0, 1))) / total)


def explained(values: Array, returns: Array, counts: Counts | None, ranks: Ranks = ALONE) -> float:
    """Share of the returns' variance that the values explain, where somebody is in control."""
    if counts is None:
        return explained_variance(values, returns, ranks)
    judged = counts > 0
    if not ranks.anywhere(bool(judged.any())):
        return 0.0
    return explained_variance(values[judged], returns[judged], ranks)


def weight_of(share: float, counted: Tensor | None, ranks: Ranks) -> float:
    """A rank's weight in a mean over all ranks' rows, or over what is ``counted`` in them.

    ``share`` is its share of the rows; a rank without any holds one that counts for nothing.
    """
    if counted is None or ranks.alone:
        return share
    here = float(counted.sum().item()) if share else 0.0
    everywhere = float(ranks.total(np.array([here]))[0])
    return here / max(everywhere, 1.0)


def mean_over(values: Tensor, alive: Tensor | None) -> Tensor:
    """Mean of values where ``alive`` is true; zero, with zero gradients, where nothing is."""
    if alive is None:
        return values.mean()
    return torch.where(alive, values, 0.0).sum() / alive.sum().clamp(min=1)


def portion(values: Tensor, alive: Tensor | None) -> Tensor | float:
    """What each entry counts for in ``mean_over``: the mean's gradient."""
    if alive is None:
        return 1.0 / values.numel()
    return alive / alive.sum().clamp(min=1)


def split_columns(pull: Tensor | float, sizes: Sequence[int]) -> Sequence[Tensor | float]:
    """Columns of a portion, part by part; a number is the same in all of them."""
    if isinstance(pull, float):
        return [pull] * len(sizes)
    return torch.split(pull, list(sizes), 1)


def huber(values: Tensor, targets: Tensor, delta: float, judged: Tensor | None) -> Tensor:
    """Mean Huber loss over what is ``judged``; over everything for None."""
    if judged is None:
        return nn.functional.huber_loss(values, targets, delta=delta)
    errors = nn.functional.huber_loss(values, targets, reduction="none", delta=delta)
    return mean_over(errors, judged)


def huber_slope(values: Tensor, targets: Tensor, delta: float, judged: Tensor | None) -> Tensor:
    """The gradient of ``huber`` by the values."""
    slope = (values - targets).clamp_(-delta, delta)
    return slope.mul_(portion(values, judged))
