"""Running statistics of returns, and how well values explain them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.learn.batch import Array
from agents.learn.ranks import ALONE, Ranks


class ValueNormaliser:
    """Running mean and standard deviation of the returns, one of each per reward stream."""

    def __init__(self, streams: int, memory: float, ranks: Ranks = ALONE) -> None:
        self.memory = memory
        self.ranks = ranks
        self.weight = 0.0
        self.first: NDArray[np.float64] = np.zeros(streams)  # (stream,) running sum of means
        self.second: NDArray[np.float64] = np.zeros(streams)  # (stream,) of mean squares

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean of the returns, zero before the first update."""
        return self.first / max(self.weight, 1e-12)

    @property
    def sd(self) -> NDArray[np.float64]:
        """Standard deviation of the returns, one before the first update."""
        if self.weight == 0.0:
            return np.ones_like(self.first)
        variance = self.second / self.weight - self.mean**2
        return np.sqrt(np.maximum(variance, 1e-8 * (1.0 + self.mean**2)))

    def update(self, returns: Array, counted: NDArray[np.bool_] | None = None) -> None:
        """Take in the returns of one segment: (..., stream); of some only those ``counted``.

        A stream of which none counts keeps its statistics.
        """
        flat = returns.reshape(-1, returns.shape[-1]).astype(np.float64)
        if counted is not None:
            flat = self._standing_in(flat, counted.reshape(flat.shape))
        fresh = 1.0 - self.memory
        self.weight = self.memory * self.weight + fresh
        self.first = self.memory * self.first + fresh * self.ranks.mean(flat, 0)
        self.second = self.memory * self.second + fresh * self.ranks.mean(flat**2, 0)

    def _standing_in(
        self, flat: NDArray[np.float64], counted: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Two rows with the mean and the standard deviation of what counts: (2, stream)."""
        total = self.ranks.total
        count = total(counted.sum(axis=0))
        some = np.maximum(count, 1)
        mean = total(np.where(counted, flat, 0.0).sum(axis=0)) / some
        spread = np.sqrt(total(np.where(counted, (flat - mean) ** 2, 0.0).sum(axis=0)) / some)
        mean, spread = np.where(count, mean, self.mean), np.where(count, spread, self.sd)
        return np.stack([mean - spread, mean + spread])

    def normalised(self, values: Array) -> Array:
        """Values in standard deviations from the mean."""
        scaled: Array = ((values - self.mean) / self.sd).astype(np.float32)
        return scaled

    def restored(self, normalised: Array) -> Array:
        """The inverse of ``normalised``."""
        values: Array = (normalised * self.sd + self.mean).astype(np.float32)
        return values

    def state(self) -> dict[str, NDArray[np.float64]]:
        """Copies of everything it is."""
        return {
            "first": self.first.copy(),
            "second": self.second.copy(),
            "weight": np.array([self.weight]),
        }

    def restore(self, state: dict[str, NDArray[np.float64]]) -> None:
        """Put back what ``state`` gave."""
        self.first, self.second = state["first"], state["second"]
        self.weight = float(state["weight"][0])


def explained_variance(values: Array, returns: Array, ranks: Ranks = ALONE) -> float:
    """Share of the returns' variance that the values explain: 1 - Var(R - V) / Var(R)."""
    total = float(ranks.variance(returns))
    return 1.0 - float(ranks.variance(returns - values)) / total if total > 0 else 0.0
