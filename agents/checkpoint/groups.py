"""Which agents share an actor network, and what goes into it.

A network's input is the agent's scaled observation, padded with zeros to the longest in the group,
followed by a one-hot of the agent. Its output is padded in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.env.act import Codec

Inputs = NDArray[np.float32]
Layers = tuple[tuple[Inputs, Inputs], ...]
"""(weight (out, in), bias (out,)) of each layer."""


@dataclass(frozen=True)
class Group:
    """Agents that share one network."""

    name: str
    agents: tuple[str, ...]
    observation_size: int
    action_size: int

    @property
    def input_size(self) -> int:
        """Length of the network's input."""
        return self.observation_size + len(self.agents)

    def network_input(self, agent: str, observation: Inputs) -> Inputs:
        """Input of one agent from its scaled observation (its own size, ...)."""
        row = np.zeros((self.input_size, *observation.shape[1:]), dtype=np.float32)
        row[: len(observation)] = observation
        row[self.observation_size + self.agents.index(agent)] = 1.0
        return row


def group_agents(codecs: Sequence[Codec], sharing: str) -> tuple[Group, ...]:
    """Groups by role, or one per agent, in agent order."""
    members: dict[str, list[Codec]] = {}
    for codec in codecs:
        key = codec.spec.role if sharing == "role" else codec.spec.name
        members.setdefault(key, []).append(codec)
    return tuple(
        Group(
            name,
            tuple(c.spec.name for c in group),
            max(c.spec.size for c in group),
            max(c.action_size for c in group),
        )
        for name, group in members.items()
    )


def forward(layers: Layers, inputs: Inputs) -> Inputs:
    """Output of a tanh network with a linear last layer: columns (..., in, n) to (..., out, n)."""
    x = inputs
    for weight, bias in layers[:-1]:
        x = weight @ x
        x += bias[:, None]
        np.tanh(x, out=x)
    weight, bias = layers[-1]
    out: Inputs = weight @ x + bias[:, None]
    return out
