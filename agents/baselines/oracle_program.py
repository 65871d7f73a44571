"""A sparse (mixed-integer) linear program put together block by block, and solved by HiGHS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.errors import SimulationError, UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
MOST_VARIABLES = 500_000
"""HiGHS takes about 3 KB of memory for each."""
UNBOUNDED = 3
"""Status of a program that can cost less than any number."""
GAP = 1e-4
"""Relative distance to the optimum at which a search for whole numbers may stop."""


@dataclass(frozen=True)
class Solution:
    """The best point found; ``least`` equals ``cost`` where it is proven optimal."""

    x: Floats
    cost: float
    least: float
    """No point costs less."""


@dataclass
class Program:
    """Minimise cost @ x subject to lower <= A x <= upper and 0 <= x <= most, some x whole.

    ``variables`` and ``rows`` hand out blocks of indices of any shape; ``add`` fills in
    coefficients for arrays of indices that broadcast against each other.
    """

    _costs: list[Floats] = field(default_factory=list)
    _most: list[Floats] = field(default_factory=list)
    _whole: list[Floats] = field(default_factory=list)
    _limits: list[tuple[Floats, Floats]] = field(default_factory=list)
    _entries: list[tuple[Ints, Ints, Floats]] = field(default_factory=list)
    _columns: int = 0
    _rows: int = 0

    def variables(
        self, shape: tuple[int, ...], cost: Any = 0.0, most: Any = np.inf, whole: bool = False
    ) -> Ints:
        """Indices of new variables, at least 0 and at most ``most``, whole numbers where asked.

        Raises UsageError when the program has grown too large.
        """
        block = self._columns + np.arange(int(np.prod(shape)), dtype=np.intp).reshape(shape)
        self._columns += block.size
        if self._columns > MOST_VARIABLES:
            raise UsageError(
                "the scenario is too large for the bound",
                "horizon x lanes x products",
                f"more than {MOST_VARIABLES:,} variables",
                fix="Shorten the horizon: --set horizon='14 d'.",
            )
        self._costs.append(_spread(cost, shape))
        self._most.append(_spread(most, shape))
        self._whole.append(_spread(float(whole), shape))
        return block

    def rows(self, shape: tuple[int, ...], lower: Any, upper: Any) -> Ints:
        """Indices of new rows with their limits."""
        block = self._rows + np.arange(int(np.prod(shape)), dtype=np.intp).reshape(shape)
        self._rows += block.size
        self._limits.append((_spread(lower, shape), _spread(upper, shape)))
        return block

    def add(self, rows: Ints, columns: Ints, coefficient: Any) -> None:
        """Add coefficients; entries of the same row and column add up."""
        parts = np.broadcast_arrays(rows, columns, np.asarray(coefficient, dtype=np.float64))
        i, j, value = (part.ravel() for part in parts)
        self._entries.append((i, j, value))

    def minimum(self) -> Solution:
        """The optimum; with whole numbers, what is known after the root node of the search.

        One node, because the cuts made there are most of the proof, and because a limit in nodes
        gives the same answer on every machine. Raises SimulationError when HiGHS finds no point.
        """
        from scipy.optimize import Bounds, LinearConstraint, milp  # slow to load

        whole = np.concatenate(self._whole)
        result = milp(
            np.concatenate(self._costs),
            integrality=whole,
            constraints=LinearConstraint(self._matrix(), *self._row_limits()),
            bounds=Bounds(0.0, np.concatenate(self._most)),
            options={"node_limit": 1, "mip_rel_gap": GAP} if whole.any() else None,
        )
        if result.status == UNBOUNDED:
            raise UsageError(
                "there is no bound: more stock is always worth more",
                "nodes.*.terminal",
                "a terminal value above what a unit costs",
                "a smaller one",
            )
        if result.x is None:
            raise SimulationError("the bound was not found", "HiGHS", result.message)
        cost = float(result.fun)
        least = float(result.mip_dual_bound) if whole.any() else cost
        return Solution(np.maximum(result.x, 0.0), cost, min(least, cost))

    def _row_limits(self) -> tuple[Floats, Floats]:
        lower, upper = zip(*self._limits, strict=True)
        return np.concatenate(lower), np.concatenate(upper)

    def _matrix(self) -> Any:
        from scipy.sparse import coo_array

        i, j, value = (np.concatenate(part) for part in zip(*self._entries, strict=True))
        return coo_array((value, (i, j)), shape=(self._rows, self._columns)).tocsc()


def _spread(value: Any, shape: tuple[int, ...]) -> Floats:
    flat: Floats = np.broadcast_to(np.asarray(value, dtype=np.float64), shape).ravel()
    return flat
