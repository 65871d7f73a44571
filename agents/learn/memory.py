"""What the recurrent actors of B networks remember while they are played.

Memory begins at zero with every episode and is carried on from segment to segment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agents.checkpoint.groups import Layers
from agents.checkpoint.memory import Cell, remember
from agents.learn.batch import Array

if TYPE_CHECKING:
    from agents.learn.setup import GroupSetup


class Memory:
    """The memory of every agent of some networks; none of the arrays is ever written to."""

    def __init__(self, groups: tuple[GroupSetup, ...], units: int, count: int) -> None:
        """Of ``count`` networks whose actors have ``units``, zero for none."""
        sizes = [len(group.group.agents) for group in groups] if units else []
        shapes = [(agents, units, count) for agents in sizes]
        self.state: list[Array] = [np.zeros(shape, dtype=np.float32) for shape in shapes]

    def act(self, g: int, layers: Layers, cell: Cell, inputs: Array) -> Array:
        """Outputs (agent, out, B) of group ``g`` for inputs (agent, in, B), and remember them."""
        out, self.state[g] = remember(layers, cell, inputs, self.state[g])
        return out

    def rows(self) -> list[Array]:
        """The memory of each group as a batch holds it: (B, agent, unit)."""
        return [np.ascontiguousarray(state.transpose(2, 0, 1)) for state in self.state]
