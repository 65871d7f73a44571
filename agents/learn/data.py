"""A batch as the gradient steps see it: rows of tensors, one per period of one replication."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from agents.learn.unrolling import Unrolling


@dataclass(frozen=True)
class Data:
    """What the steps of one update learn from."""

    groups: list[tuple[Tensor, Tensor, Tensor]]  # inputs, actions, log probability
    seen: list[Tensor]  # what the critic's networks see
    advantage: Tensor  # (row, column) normalised
    targets: Tensor  # (row, column) normalised returns
    alive: list[Tensor] | None = None  # per group: (row, agent) in control; None: everybody
    judged: Tensor | None = None  # (row, column) where somebody is
    unrolling: Unrolling | None = None  # how rows follow one another, where actors remember

    def anybody(self, g: int, rows: Tensor) -> bool:
        """Whether any agent of a group was in control in some rows.

        An optimiser would move a network without gradients along on its momentum.
        """
        return self.alive is None or bool(self.alive[g][rows].any())

    def in_control(self, groups: Sequence[int], rows: Tensor) -> Tensor | None:
        """Which agents of some groups were in control: (row, agent); None for all of them."""
        if self.alive is None:
            return None
        return torch.cat([self.alive[g][rows] for g in groups], 1)
