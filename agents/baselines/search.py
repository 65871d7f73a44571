"""Derivative-free minimisation where all candidates of a generation are tried at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass
class _State:
    """What CMA-ES knows: where it is, how far it steps, and in which directions."""

    mean: Floats  # (n,)
    sigma: float
    covariance: Floats  # (n, n)
    path_sigma: Floats  # (n,)
    path_covariance: Floats  # (n,)


@dataclass(frozen=True)
class _Weights:
    """Strategy parameters that depend on dimension and population only."""

    weights: Floats  # (mu,)
    mass: float  # variance-effective selection mass
    c_sigma: float
    damping: float
    c_path: float
    c_one: float
    c_mu: float
    chi: float  # expected length of a standard normal vector

    @classmethod
    def of(cls, n: int, population: int) -> _Weights:
        """Hansen's defaults."""
        mu = population // 2
        raw = math.log((population + 1) / 2) - np.log(np.arange(1, mu + 1))
        weights = raw / raw.sum()
        mass = float(1 / (weights**2).sum())
        c_sigma = (mass + 2) / (n + mass + 5)
        c_one = 2 / ((n + 1.3) ** 2 + mass)
        return cls(
            weights=weights,
            mass=mass,
            c_sigma=c_sigma,
            damping=1 + c_sigma + 2 * max(0.0, math.sqrt((mass - 1) / (n + 1)) - 1),
            c_path=(4 + mass / n) / (n + 4 + 2 * mass / n),
            c_one=c_one,
            c_mu=min(1 - c_one, 2 * (mass - 2 + 1 / mass) / ((n + 2) ** 2 + mass)),
            chi=math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n**2)),
        )


def minimise(
    cost: Callable[[Floats], Floats],
    start: Floats,
    step: float,
    generations: int,
    population: int,
    rng: np.random.Generator,
    report: Callable[[float], None] = lambda _: None,
) -> Floats:
    """The best point found by CMA-ES; ``cost`` maps points (n, population) to (population,).

    The first generation contains ``start`` itself and each later one the current mean, so the
    result is never worse than the start. ``report`` is called with the share done. N. Hansen,
    The CMA Evolution Strategy: A Tutorial, 2016, arXiv:1604.00772.
    """
    n = len(start)
    fixed = _Weights.of(n, population)
    state = _State(start.copy(), step, np.eye(n), np.zeros(n), np.zeros(n))
    best, lowest = start, math.inf
    for generation in range(generations):
        scale, axes = np.linalg.eigh(state.covariance)
        root = np.sqrt(np.maximum(scale, 1e-20))
        draws = rng.standard_normal((n, population))
        draws[:, 0] = 0.0
        steps = axes @ (root[:, None] * draws)
        points = state.mean[:, None] + state.sigma * steps
        costs = cost(points)
        order = np.argsort(costs, kind="stable")
        if costs[order[0]] < lowest:
            lowest, best = float(costs[order[0]]), points[:, order[0]].copy()
        chosen = steps[:, order[: len(fixed.weights)]]
        state = _moved(state, fixed, chosen, (axes / root) @ axes.T, generation)
        report((generation + 1) / generations)
    return best


def _moved(
    state: _State, fixed: _Weights, chosen: Floats, whitening: Floats, generation: int
) -> _State:
    """One update from the better half of the steps (n, mu), best first; whitening is C^-1/2."""
    n = len(state.mean)
    move = chosen @ fixed.weights
    keep = 1 - fixed.c_sigma
    path_sigma = keep * state.path_sigma + math.sqrt((1 - keep**2) * fixed.mass) * (
        whitening @ move
    )
    length = float(np.linalg.norm(path_sigma))
    stalled = length / math.sqrt(1 - keep ** (2 * generation + 2)) > (1.4 + 2 / (n + 1)) * fixed.chi
    c_path = fixed.c_path
    pull = 0.0 if stalled else math.sqrt(c_path * (2 - c_path) * fixed.mass)
    path_covariance = (1 - c_path) * state.path_covariance + pull * move
    lost = c_path * (2 - c_path) if stalled else 0.0
    forget = 1 - fixed.c_one * (1 - lost) - fixed.c_mu
    covariance = (
        forget * state.covariance
        + fixed.c_one * np.outer(path_covariance, path_covariance)
        + fixed.c_mu * (chosen * fixed.weights) @ chosen.T
    )
    growth = fixed.c_sigma / fixed.damping * (length / fixed.chi - 1)
    sigma = state.sigma * math.exp(min(growth, 1.0))
    return _State(state.mean + state.sigma * move, sigma, covariance, path_sigma, path_covariance)
