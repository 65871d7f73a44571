"""Rows of a segment in random parts, the same parts whoever holds the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from agents.learn.config import TrainConfig
from agents.learn.ranks import Share


@dataclass(frozen=True)
class Minibatch:
    """Some of this process's rows; ``weight`` is their share of the minibatch of all ranks."""

    rows: Tensor
    weight: float


def minibatches(
    rows: int, config: TrainConfig, share: Share, order: np.random.Generator, device: torch.device
) -> list[Minibatch]:
    """One pass over this process's ``rows`` in random order, in parts equal over all ranks.

    A row is one period of one replication, period by period.
    """
    total, own = config.replications, share.count(config.replications)
    shuffled = order.permutation(rows // own * total)
    parts = np.array_split(shuffled, config.minibatches)
    return [_own(part, share, total, own, device) for part in parts]


def _own(
    part: np.ndarray[tuple[int], np.dtype[np.int64]],
    share: Share,
    total: int,
    own: int,
    device: torch.device,
) -> Minibatch:
    if share.step == 1:
        return Minibatch(torch.from_numpy(part).to(device), 1.0)
    period, replication = np.divmod(part, total)
    mine = share.holds(replication)
    rows = period[mine] * own + replication[mine] // share.step
    # A rank without rows still takes part in the step, with one row that counts for nothing.
    chosen = rows if len(rows) else np.zeros(1, dtype=np.int64)
    return Minibatch(torch.from_numpy(chosen).to(device), len(rows) / max(len(part), 1))
