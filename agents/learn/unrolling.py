"""Which rows of a batch follow one another: backpropagation through time, over one segment.

It starts from what the actors remembered at the start of the segment, and goes back no further.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from agents.learn.batch import Batch
from agents.learn.config import TrainConfig
from agents.learn.minibatches import Minibatch, minibatches
from agents.learn.ranks import Share


@dataclass(frozen=True)
class Unrolling:
    """How the rows of a batch, period x replication, are steps of sequences."""

    memory: list[Tensor]  # per group: (replication, agent, unit) where the segment starts
    starts: tuple[int, ...]  # steps besides the first with which an episode starts
    periods: int

    @classmethod
    def of(cls, batch: Batch, device: torch.device) -> Unrolling | None:
        """How a batch hangs together; None where nothing is remembered."""
        memory = [group.memory for group in batch.groups if group.memory is not None]
        if not memory:
            return None
        starts = tuple((np.flatnonzero(batch.cut[:-1]) + 1).tolist())
        tensors = [torch.from_numpy(array).to(device) for array in memory]
        return cls(tensors, starts, len(batch.cut))

    @property
    def replications(self) -> int:
        """Sequences in the batch."""
        return len(self.memory[0])

    def rows(self, replications: Tensor) -> Tensor:
        """All rows of some replications, step by step."""
        steps = torch.arange(self.periods, device=replications.device) * self.replications
        return (steps[:, None] + replications).flatten()

    def minibatches(
        self, config: TrainConfig, share: Share, order: np.random.Generator, device: torch.device
    ) -> list[Minibatch]:
        """One pass over whole sequences in random order, in parts equal over all ranks."""
        most = min(config.minibatches, config.replications)
        fewer = config.model_copy(update={"minibatches": most})
        parts = minibatches(self.replications, fewer, share, order, device)
        return [Minibatch(self.rows(part.rows), part.weight) for part in parts]

    def outputs(self, network: nn.Module, g: int, inputs: Tensor, rows: Tensor) -> Tensor:
        """Outputs (row, agent, out) of group ``g`` in ``rows``, as ``rows()`` gave them."""
        first = rows[: len(rows) // self.periods]
        agents = inputs.shape[1]
        steps = inputs[rows].reshape(self.periods, len(first) * agents, -1)
        found: Tensor = network(steps, self.memory[g][first].flatten(0, 1), self.starts)
        return found.reshape(len(rows), agents, -1)
