"""What passes between rollout and update: a segment of experience one way, weights the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agents.checkpoint.groups import Layers, forward, settled
from agents.checkpoint.memory import Cell

if TYPE_CHECKING:
    from agents.learn.memory import Memory

Array = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class GroupBatch:
    """What the agents of one group saw and did in a segment."""

    inputs: Array  # (period, replication, agent, in)
    actions: Array  # (period, replication, agent, action) before clipping to the codec's bounds
    log_probability: Array  # (period, replication, agent) when it was chosen
    cut_inputs: Array  # (cut, replication, agent, in) what they would have seen after each cut
    memory: Array | None = None  # (replication, agent, unit) where the segment starts, if any
    possible: Flags | None = None  # (period, replication, agent, action, choice); None: the grid's
    cut_possible: Flags | None = None  # (cut, replication, ...) after each cut


@dataclass(frozen=True)
class Batch:
    """One segment of experience."""

    groups: tuple[GroupBatch, ...]
    states: Array  # (period, replication, state) scaled global vectors
    cut: NDArray[np.bool_]  # (period,) the trajectory breaks off after this step
    cut_states: Array  # (cut, replication, state) true next states where it breaks off
    rewards: Array  # (period, replication, reward stream) money
    alive: Flags | None = None  # (period, replication, agent) by groups; None: everybody, always
    cut_alive: Flags | None = None  # (cut, replication, agent) after each cut
    ended: Flags | None = None  # (cut,) nothing follows; None: something always does

    def flagged(self) -> Batch:
        """The same with flags, true for everybody where there were none."""
        if self.alive is not None:
            return self
        agents = sum(group.log_probability.shape[2] for group in self.groups)
        alive, after = (
            np.ones((*states.shape[:2], agents), dtype=np.bool_)
            for states in (self.states, self.cut_states)
        )
        return replace(self, alive=alive, cut_alive=after)


@dataclass(frozen=True)
class Weights:
    """What the rollout needs of the learner, per group: Gaussian actors, or choosers on a grid."""

    layers: tuple[Layers, ...]
    log_std: tuple[Array, ...] = ()  # (agent, action) of Gaussian actors
    grids: tuple[Array, ...] = ()  # (agent, action, choice) that the choosers choose from
    epsilon: float = 0.0  # share of choices that are made at random
    cells: tuple[Cell, ...] = ()  # of actors that remember

    def outputs(self, g: int, inputs: Array, memory: Memory) -> Array:
        """Outputs (agent, out, B) of a group for inputs (agent, in, B); memory takes them in."""
        if not self.cells:
            return forward(self.layers[g], inputs)
        return memory.act(g, self.layers[g], self.cells[g], inputs)

    def greedy(self, g: int, inputs: Array, memory: Memory, possible: Flags | None = None) -> Array:
        """What a group does without exploration: (agent, action, B).

        ``possible`` (agent, action, choice, B) is what can be chosen; None: all of the grid.
        """
        out = self.outputs(g, inputs, memory)
        return settled(out, self.grids[g] if self.grids else None, possible)

    def plain(self) -> Weights:
        """The same without inputs to the last layer: what the biases alone do, whatever is seen."""
        layers = tuple(
            (*of_group[:-1], (np.zeros_like(of_group[-1][0]), of_group[-1][1]))
            for of_group in self.layers
        )
        return replace(self, layers=layers)
