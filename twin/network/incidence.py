"""Sums over the lanes that leave or enter each node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Incidence:
    """Which node each lane belongs to, at its source or at its destination."""

    node: NDArray[np.intp]  # (lane,) node index of each lane
    nodes: int
    matrix: NDArray[np.float64]  # (node, lane) 0/1

    @classmethod
    def of(cls, node: NDArray[np.intp], nodes: int) -> Incidence:
        """Build from the node index of every lane."""
        matrix = np.zeros((nodes, len(node)))
        matrix[node, np.arange(len(node))] = 1.0
        return cls(node, nodes, matrix)

    def total(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum a lane array, (lane,) or (lane, product), into a node array."""
        # For arrays this small the operator takes over twice as long as the method.
        out: NDArray[np.float64] = self.matrix.dot(x)
        return out


def lane_sum(matrix: Any, x: Any) -> Any:
    """Sum lanes into nodes for arrays with any trailing axes: (node, lane) x (lane, ...)."""
    flat = x.reshape(x.shape[0], -1)
    return (matrix @ flat).reshape(matrix.shape[0], *x.shape[1:])
