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
Flags = NDArray[np.bool_]
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
    """Groups by ``role``, of ``all`` agents, or one per agent (``none``), in agent order."""
    members: dict[str, list[Codec]] = {}
    for codec in codecs:
        key = {"role": codec.spec.role, "all": "all"}.get(sharing, codec.spec.name)
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


def hidden(layers: Layers, inputs: Inputs) -> Inputs:
    """What goes into the last layer of a tanh network: columns (..., in, n) to (..., width, n)."""
    x = inputs
    for weight, bias in layers[:-1]:
        x = weight @ x
        x += bias[:, None]
        np.tanh(x, out=x)
    return x


def forward(layers: Layers, inputs: Inputs) -> Inputs:
    """Output of a tanh network with a linear last layer: columns (..., in, n) to (..., out, n)."""
    weight, bias = layers[-1]
    out: Inputs = weight @ hidden(layers, inputs) + bias[:, None]
    return out


def greedy(layers: Layers, inputs: Inputs, grid: Inputs | None = None) -> Inputs:
    """What actors do without exploration: (agent, in, n) to (agent, action, n).

    A Gaussian actor does its mean. With a ``grid`` (agent, action, choice) the network's outputs
    are values of choices, and each action is the choice worth most; ties go to the first.
    """
    return settled(forward(layers, inputs), grid)


def settled(out: Inputs, grid: Inputs | None, possible: Flags | None = None) -> Inputs:
    """The actions that outputs mean without exploration: (agent, out, n) to (agent, action, n)."""
    return out if grid is None else chosen(grid, best_choice(choice_values(grid, out, possible)))


def choice_values(grid: Inputs, outputs: Inputs, possible: Flags | None = None) -> Inputs:
    """Outputs (agent, action x choice, n) as (agent, action, choice, n); forbidden ones -inf.

    NaN in the grid forbids a choice; ``possible`` (agent, action, choice, n) is what is left of it.
    """
    values = outputs.reshape(*grid.shape, outputs.shape[-1])
    offered = np.isfinite(grid)[..., None] if possible is None else possible
    return np.where(offered, values, np.float32(-np.inf))


def best_choice(values: Inputs) -> NDArray[np.intp]:
    """Index of the choice worth most: (agent, action, choice, n) to (agent, action, n)."""
    best: NDArray[np.intp] = values.argmax(axis=2)
    return best


def chosen(grid: Inputs, index: NDArray[np.intp]) -> Inputs:
    """The actions that choices stand for; zero where an action is padding: (agent, action, n)."""
    return np.nan_to_num(np.take_along_axis(grid, index, axis=2))
