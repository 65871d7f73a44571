"""What fleets and the static policy cost on fixed paths, without exploration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agents.checkpoint.groups import Layers
from agents.checkpoint.memory import Cell
from agents.learn.batch import Array, Weights
from agents.learn.hardening import Hardening
from agents.learn.horizon import Horizon, paths, static_profit
from agents.learn.setup import Setup
from twin.errors import TrainingError

Floats = NDArray[np.float64]
TRAINING_SEEDS = 1_000_000_000
"""Training paths count from here, evaluation paths from half of it, people's seeds from zero."""


def evaluation_seeds(count: int) -> range:
    """The fixed seeds of greedy evaluation."""
    first = TRAINING_SEEDS // 2
    return range(first, first + count)


def evaluate(
    setup: Setup,
    layers: Sequence[Layers],
    seeds: Sequence[int],
    grids: Sequence[Array] = (),
    discount: float = 1.0,
    hardening: Hardening | None = None,
    cells: Sequence[Cell] = (),
) -> Floats:
    """Cost per period of greedy actors on each seed, later periods discounted: (seed,).

    ``grids`` (agent, action, choice), one per group, are what actors with a grid choose from,
    ``cells``, one per group, what recurrent ones remember with. With a ``hardening`` its share of
    the networks is disturbed, by the whole range of severities.
    """
    if bool(setup.units) != bool(cells):
        raise TrainingError("actors that remember come with cells, and no others do", "evaluate")
    weights = Weights(tuple(layers), grids=tuple(grids), cells=tuple(cells))
    horizon = _judged(setup, seeds, hardening)
    rows = []
    while not horizon.over:
        actions = [
            weights.greedy(g, group.inputs(horizon.vector), horizon.memory, horizon.possible(g))
            for g, group in enumerate(horizon.setup.groups)
        ]
        rows.append(horizon.step(horizon.decision(actions)).sum(axis=1))
    return mean_cost(rows, discount)


def _judged(setup: Setup, seeds: Sequence[int], hardening: Hardening | None) -> Horizon:
    """The networks of some seeds at their first epoch."""
    if hardening is None:
        return Horizon(setup, setup.world, paths(setup.world, seeds))
    path, sight = hardening.networks(setup.world, seeds, 1.0)
    return Horizon(hardening.setup, setup.world, path, sight=sight)


def mean_cost(profit: Sequence[Floats] | Floats, discount: float) -> Floats:
    """Discounted cost over the number of periods, from profits (period, B): (B,)."""
    cost: Floats = -(discount ** np.arange(len(profit)) @ np.array(profit)) / len(profit)
    return cost


def evaluate_static(
    setup: Setup,
    seeds: Sequence[int],
    discount: float = 1.0,
    hardening: Hardening | None = None,
) -> Floats:
    """Cost per period of the static policy on each seed, later periods discounted: (seed,)."""
    start = _judged(setup, seeds, hardening)
    profit = static_profit(start.setup, setup.world, start.engine.path, start.sight)
    return mean_cost(profit.sum(axis=2), discount)
