"""Which networks of a run this process plays, and what it hears of the processes beside it.

A process alone plays all of them. Started by ``torchrun`` there are several, called ranks, and
``agents.learn.distributed`` has the ones that talk to each other; what is here loads no torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Share:
    """Replications ``first``, ``first + step``, ... of a run."""

    first: int = 0
    step: int = 1

    @property
    def columns(self) -> slice:
        """Picks them from an axis of all replications."""
        return slice(self.first, None, self.step)

    def count(self, replications: int) -> int:
        """How many they are."""
        return len(range(self.first, replications, self.step))

    def holds(self, replications: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of some replications are among them."""
        held: NDArray[np.bool_] = replications % self.step == self.first
        return held

    def part(self, index: int, parts: int) -> Share:
        """One of several equal parts of this share."""
        return Share(self.first + self.step * index, self.step * parts)

    def own(self, array: NDArray[Any], blocks: int = 1) -> NDArray[Any]:
        """Columns of the share, from (..., blocks x B): (..., blocks x count)."""
        if self.step == 1:
            return array
        apart = array.reshape(*array.shape[:-1], blocks, -1)[..., self.columns]
        return apart.reshape(*array.shape[:-1], -1)

    def spread(self, part: NDArray[Any], replications: int, blocks: int = 1) -> NDArray[Any]:
        """The inverse of ``own``, zero in the columns of others."""
        if self.step == 1:
            return part
        whole = np.zeros((*part.shape[:-1], blocks, replications), dtype=part.dtype)
        whole[..., self.columns] = part.reshape(*part.shape[:-1], blocks, -1)
        return whole.reshape(*part.shape[:-1], -1)


EVERYTHING = Share()


class Ranks:
    """A process that works alone: sums are its own, nobody has to be told anything."""

    rank = 0
    size = 1

    @property
    def alone(self) -> bool:
        """True where no other process works on the run."""
        return self.size == 1

    @property
    def first(self) -> bool:
        """True for the process that evaluates, and writes the run folder."""
        return self.rank == 0

    @property
    def share(self) -> Share:
        """The replications that this process plays."""
        return Share(self.rank, self.size)

    def total(self, values: NDArray[Any]) -> NDArray[Any]:
        """The sum over all ranks, of the same shape and kind."""
        return values

    def anywhere(self, here: bool) -> bool:
        """Whether something holds on any rank."""
        return bool(self.total(np.array([float(here)]))[0])

    def told(self, values: NDArray[Any]) -> NDArray[Any]:
        """What the first rank holds; the others pass an array of the same shape and kind."""
        return values

    def told_text(self, text: str) -> str:
        """What the first rank says."""
        return text

    def sum_gradients(self, parameters: Iterable[Any], loss: Any) -> float:
        """Replace all gradients by their sums over the ranks; the sum of the losses."""
        return float(loss.item())

    def mean(self, values: NDArray[Any], axes: int | tuple[int, ...] | None = None) -> Any:
        """Mean over some axes (by default all), over the values of all ranks together."""
        return values.mean(axis=axes)

    def variance(self, values: NDArray[Any], axes: int | tuple[int, ...] | None = None) -> Any:
        """Mean square distance from the mean, over the values of all ranks together."""
        return self.mean((values - self.mean(values, axes)) ** 2, axes)


ALONE = Ranks()
