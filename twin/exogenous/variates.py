"""Random numbers for thousands of runs at once, in arrays of numpy or of a device's own namespace.

``twin.exogenous.path`` draws run by run, each from the streams of its seed. Here one stream serves
all runs of a batch: other numbers, the same distributions. To draw on a device, a namespace offers
the four kinds of ``Variates``; what is made of them is in ``twin.exogenous.wide``.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from twin.exogenous.streams import stream

Floats = NDArray[np.float64]
Shape = tuple[int, ...]


class Variates(Protocol):
    """Independent numbers of one named stream, in double precision."""

    def uniform(self, shape: Shape) -> Any:
        """Uniform on [0, 1)."""

    def normal(self, shape: Shape) -> Any:
        """Standard normal."""

    def poisson(self, mean: Any) -> Any:
        """Poisson counts with the given means."""

    def gamma(self, shape: Any) -> Any:
        """Gamma of scale one with the given shape parameters; zero where they are zero."""


class Draws(Protocol):
    """Named streams of one namespace."""

    xp: Any
    """numpy or torch."""
    device: Any
    """Where arrays live; None for numpy."""

    def named(self, name: str) -> Variates:
        """The stream of a name; its numbers depend on no other stream."""

    def array(self, values: Any) -> Any:
        """Numpy values as an array of the namespace, in double precision."""

    def running_max(self, values: Any) -> Any:
        """The largest so far along the first axis."""


class NumpyDraws:
    """Streams of ``twin.exogenous.streams``."""

    xp: Any = np
    device: Any = None

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def named(self, name: str) -> NumpyVariates:
        """The stream of a name."""
        return NumpyVariates(stream(self._seed, f"batch/{name}"))

    def array(self, values: Any) -> Floats:
        """Values in double precision."""
        return np.asarray(values, dtype=np.float64)

    def running_max(self, values: Floats) -> Floats:
        """The largest so far along the first axis."""
        found: Floats = np.maximum.accumulate(values, axis=0)
        return found


class NumpyVariates:
    """Numbers of one generator."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator

    def uniform(self, shape: Shape) -> Floats:
        """Uniform on [0, 1)."""
        return self._generator.random(shape)

    def normal(self, shape: Shape) -> Floats:
        """Standard normal."""
        return self._generator.standard_normal(shape)

    def poisson(self, mean: Floats) -> Floats:
        """Poisson counts with the given means."""
        return self._generator.poisson(mean).astype(np.float64)

    def gamma(self, shape: Floats) -> Floats:
        """Gamma of scale one with the given shape parameters."""
        return self._generator.standard_gamma(shape)
