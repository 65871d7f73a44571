"""Critics: one on the global state (MAPPO, HAPPO), or one per group on what an agent sees (IPPO).

Values are normalised with running statistics of the returns; ``renormalise`` moves the last layer
along, so that new statistics change no value (PopArt: van Hasselt et al. 2016, "Learning values
across many orders of magnitude").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from agents.learn.batch import Array, Batch, Flags
from agents.learn.by_hand import Pass
from agents.learn.config import TrainConfig
from agents.learn.networks import Mlp, make_critic, make_own_critic
from agents.learn.normaliser import ValueNormaliser
from agents.learn.setup import Setup

Judged = tuple[Tensor, Callable[[Tensor], list[Tensor]]]
"""Normalised values (row, column), and what leads from their gradients to the parameters'."""


class Critic(Protocol):
    """Values of a segment, in columns: reward streams, or agents in the order of the groups."""

    networks: dict[str, Mlp]
    normalisers: dict[str, ValueNormaliser]
    columns: list[Tensor]  # per group: (agent,) the column that is each agent's own

    def rewards(self, batch: Batch) -> Array:
        """(period, replication, column) money."""

    def inputs(self, batch: Batch) -> list[Array]:
        """What the networks see: each (period, replication, ...)."""

    def cut_inputs(self, batch: Batch) -> list[Array]:
        """The same for the true states after each cut: each (cut, replication, ...)."""

    def judge(self, inputs: Sequence[Tensor]) -> Judged:
        """Values in standard deviations, and the way back to all parameters, network by network."""

    def normalised(self, values: Array) -> Array:
        """Values in standard deviations from the mean of the returns."""

    def values(self, inputs: Sequence[Array]) -> Array:
        """(..., column) money."""

    def renormalise(self, returns: Array, counted: Flags | None = None) -> None:
        """Take in the returns (..., column) that are counted; every value stays what it was."""


class CentralCritic:
    """One network from the global state to the value of each reward stream."""

    def __init__(self, setup: Setup, config: TrainConfig, device: torch.device) -> None:
        self.device = device
        self.network = make_critic(setup.state_size, setup.streams, config).to(device)
        self.normaliser = ValueNormaliser(setup.streams, config.normaliser_memory, setup.ranks)
        self.networks = {"": self.network}
        self.normalisers = {"": self.normaliser}
        self.columns = [torch.from_numpy(g.streams).to(device) for g in setup.groups]

    def rewards(self, batch: Batch) -> Array:
        """(period, replication, stream) money."""
        return batch.rewards

    def inputs(self, batch: Batch) -> list[Array]:
        """The global states."""
        return [batch.states]

    def cut_inputs(self, batch: Batch) -> list[Array]:
        """The true global states after each cut."""
        return [batch.cut_states]

    def judge(self, inputs: Sequence[Tensor]) -> Judged:
        """Values in standard deviations, and the way back."""
        found = Pass(inputs[0], self.network.flat)
        return found.out, found.gradients

    def normalised(self, values: Array) -> Array:
        """Values in standard deviations from the mean of the returns."""
        return self.normaliser.normalised(values)

    def values(self, inputs: Sequence[Array]) -> Array:
        """(..., stream) money."""
        found, _ = self.judge([torch.from_numpy(inputs[0]).to(self.device)])
        return self.normaliser.restored(found.cpu().numpy())

    def renormalise(self, returns: Array, counted: Flags | None = None) -> None:
        """Take in the returns (..., stream) that are counted; every value stays what it was."""
        move_head(self.network, self.normaliser, returns, self.device, counted)


class OwnCritic:
    """One network per group, from what an agent sees to the value of its own reward."""

    def __init__(self, setup: Setup, config: TrainConfig, device: torch.device) -> None:
        self.device = device
        self.networks = {
            g.group.name: make_own_critic(g.group, config).to(device) for g in setup.groups
        }
        self.normalisers = {
            name: ValueNormaliser(1, config.normaliser_memory, setup.ranks)
            for name in self.networks
        }
        self.streams = np.concatenate([g.streams for g in setup.groups])
        ends = np.cumsum([len(g.streams) for g in setup.groups])
        self.slices = [
            slice(int(end) - len(g.streams), int(end))
            for g, end in zip(setup.groups, ends, strict=True)
        ]
        self.columns = [torch.arange(s.start, s.stop, device=device) for s in self.slices]

    def rewards(self, batch: Batch) -> Array:
        """(period, replication, agent) money: each agent's own stream, or the team's."""
        return batch.rewards[..., self.streams]

    def inputs(self, batch: Batch) -> list[Array]:
        """What the agents of each group saw."""
        return [group.inputs for group in batch.groups]

    def cut_inputs(self, batch: Batch) -> list[Array]:
        """What they would have seen after each cut."""
        return [group.cut_inputs for group in batch.groups]

    def judge(self, inputs: Sequence[Tensor]) -> Judged:
        """Values in standard deviations, and the way back."""
        pairs = zip(self.networks.values(), inputs, strict=True)
        found = [Pass(seen, network.flat) for network, seen in pairs]

        def back(pull: Tensor) -> list[Tensor]:
            parts = [pull[..., at, None] for at in self.slices]
            return [g for own, part in zip(found, parts, strict=True) for g in own.gradients(part)]

        return torch.cat([own.out[..., 0] for own in found], -1), back

    def normalised(self, values: Array) -> Array:
        """Values in standard deviations from the mean of the group's returns."""
        pairs = zip(self.normalisers.values(), self.slices, strict=True)
        return np.concatenate([n.normalised(values[..., at]) for n, at in pairs], -1)

    def values(self, inputs: Sequence[Array]) -> Array:
        """(..., agent) money."""
        tensors = [torch.from_numpy(seen).to(self.device) for seen in inputs]
        found = self.judge(tensors)[0].cpu().numpy()
        pairs = zip(self.normalisers.values(), self.slices, strict=True)
        return np.concatenate([n.restored(found[..., at]) for n, at in pairs], -1)

    def renormalise(self, returns: Array, counted: Flags | None = None) -> None:
        """Take in the returns (..., agent) that are counted; every value stays what it was."""
        for (name, network), at in zip(self.networks.items(), self.slices, strict=True):
            pooled = returns[..., at].reshape(-1, 1)
            some = None if counted is None else counted[..., at].reshape(-1, 1)
            move_head(network, self.normalisers[name], pooled, self.device, some)


@torch.no_grad()
def move_head(
    network: Mlp,
    normaliser: ValueNormaliser,
    returns: Array,
    device: torch.device,
    counted: Flags | None = None,
) -> None:
    """Update the statistics with returns (..., stream); no value of the network changes."""
    mean, sd = normaliser.mean, normaliser.sd
    normaliser.update(returns, counted)
    head: nn.Linear = network.linear[-1]
    scale = torch.from_numpy(sd / normaliser.sd).float().to(device)
    shift = (mean - normaliser.mean) / normaliser.sd
    head.weight.mul_(scale[:, None])
    head.bias.mul_(scale).add_(torch.from_numpy(shift).float().to(device))
