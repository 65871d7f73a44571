"""What a recurrent actor remembers: a gated recurrent unit in numpy, and one memory per agent.

Torch is not needed to act. A unit stands between the last hidden layer and the head.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.checkpoint.groups import Inputs, Layers, hidden


class Cell(NamedTuple):
    """A gated recurrent unit (Cho et al. 2014), as torch computes it.

    r = sigmoid(W_r x + b_r + U_r h + c_r)        z = sigmoid(W_z x + b_z + U_z h + c_z)
    n = tanh(W_n x + b_n + r (U_n h + c_n))       h' = (1 - z) n + z h

    The rows of r, z and n stand below each other.
    """

    weight_in: Inputs  # (3 H, in) W
    weight_memory: Inputs  # (3 H, H) U
    bias_in: Inputs  # (3 H,) b
    bias_memory: Inputs  # (3 H,) c

    @property
    def units(self) -> int:
        """H."""
        return int(self.weight_memory.shape[1])

    def step(self, inputs: Inputs, memory: Inputs) -> Inputs:
        """The next memory: columns (..., in, n) and (..., H, n) to (..., H, n)."""
        seen = self.weight_in @ inputs + self.bias_in[:, None]
        kept = self.weight_memory @ memory + self.bias_memory[:, None]
        gates = seen[..., : 2 * self.units, :] + kept[..., : 2 * self.units, :]
        gates = 0.5 * (1.0 + np.tanh(0.5 * gates))
        reset, update = gates[..., : self.units, :], gates[..., self.units :, :]
        fresh = np.tanh(seen[..., 2 * self.units :, :] + reset * kept[..., 2 * self.units :, :])
        found: Inputs = fresh + update * (memory - fresh)
        return found


def remember(layers: Layers, cell: Cell, inputs: Inputs, memory: Inputs) -> tuple[Inputs, Inputs]:
    """Output (..., out, n) of a recurrent network for columns (..., in, n), and its new memory."""
    memory = cell.step(hidden(layers, inputs), memory)
    weight, bias = layers[-1]
    return weight @ memory + bias[:, None], memory


def cell_arrays(group: str, cell: Cell) -> dict[str, NDArray[np.float32]]:
    """The unit of one actor by name, as a bundle stores it."""
    return {_name(group, part): array for part, array in cell._asdict().items()}


def actor_cell(arrays: Mapping[str, NDArray[np.float32]], group: str) -> Cell | None:
    """The unit of one actor of a bundle; None where it remembers nothing."""
    found = [arrays.get(_name(group, part)) for part in Cell._fields]
    known = [array for array in found if array is not None]
    return Cell(*known) if known else None


def _name(group: str, part: str) -> str:
    return f"actor/{group}/cell/{part}"


class AgentMemory:
    """What one agent remembers of the episode that it is in.

    Asked again in the same epoch it starts from the same memory, so that asking twice changes
    nothing. An epoch in which it is not asked, because it was killed or its answers were too old,
    leaves no trace. An earlier epoch than the last one is the start of another episode.
    """

    def __init__(self) -> None:
        self._epoch = -np.inf
        self._before: Inputs | None = None
        self._after: Inputs | None = None

    def act(self, layers: Layers, cell: Cell, inputs: Inputs, epoch: float) -> Inputs:
        """Output (out, n) for columns (in, n) seen in an epoch, and remember them."""
        if epoch > self._epoch:
            self._before = self._after
        elif epoch < self._epoch:
            self._before = None
        before = self._before
        if before is None:
            before = np.zeros((cell.units, inputs.shape[-1]), dtype=np.float32)
        out, self._after = remember(layers, cell, inputs, before)
        self._epoch = epoch
        return out
