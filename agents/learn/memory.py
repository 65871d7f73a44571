"""What the recurrent actors of B networks remember while they are played.

Memory begins at zero with every episode and is carried on from segment to segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from agents.checkpoint.groups import Layers
from agents.checkpoint.memory import Cell, remember
from agents.learn.batch import Array
from agents.learn.ranks import Ranks, Share

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


def whole_memory(memory: Memory, ranks: Ranks, replications: int, copies: int = 1) -> list[Array]:
    """What all networks remember, from each rank's own."""
    if ranks.alone:
        return list(memory.state)
    spread = (ranks.share.spread(state, replications, copies) for state in memory.state)
    return [ranks.total(state) for state in spread]


def own_memory(whole: Sequence[Array], share: Share, copies: int = 1) -> list[Array]:
    """The inverse, for the networks of a share."""
    return [share.own(state, copies) for state in whole]
