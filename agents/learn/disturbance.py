"""What may go wrong in a training network: the contract between training and those who disturb it.

Training knows nothing of stress. Whoever disturbs it says, for one network at a time, what its
sample path becomes and what its agents are shown instead of the truth; all of it is drawn from the
network's seed, so that a resumed run meets the same trouble.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agents.learn.storage import Storage
from twin.exogenous.path import SamplePath
from twin.network.world import World

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Shown:
    """What the agents of one network are shown in one epoch instead of the truth.

    Numbers stand in the order of ``agents.learn.sight.Numbers``.
    """

    factor: Floats  # (number,) on what the number was
    delay: Ints  # (number,) epochs ago
    told: Floats  # (read,) periods: the age that the observation says
    acts: Bools  # (agent,) its decision counts; the static policy decides for the others


class Trouble(Protocol):
    """What befalls one network from the first to the last epoch."""

    def path(self, world: World, path: SamplePath) -> SamplePath:
        """The path with its world faults; the given path stays as it is."""

    def shown(self, t: int) -> Shown | None:
        """What agents are shown in an epoch; None for the truth."""


class Disturbance(Protocol):
    """Draws what befalls training networks."""

    memory: int
    """Epochs that the oldest number ever shown lies back."""

    def trouble(self, seed: int, reach: float) -> Trouble:
        """The trouble of the network of one seed.

        ``reach`` in [0, 1] says how far severities go: 0 is the mildest alone, 1 all of them.
        """

    def storage(self, disk: Storage) -> Storage:
        """Where a run keeps its experience, with what is wrong with it."""
