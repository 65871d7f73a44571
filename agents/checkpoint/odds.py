"""What an actor might have done: its distribution over an action, told from its outputs.

A Gaussian actor has a mean and a standard deviation per action; on trial and in service it does the
mean. An actor that chooses from a grid takes the choice worth most, so all probability lies there;
what the other choices were worth says how close it was.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.checkpoint.groups import Flags, Inputs, best_choice, choice_values
from agents.trace.record import Odds


def odds_of(
    outputs: NDArray[np.floating],
    possible: Flags | None,
    grid: Inputs | None,
    log_std: Inputs | None,
    size: int,
) -> tuple[Odds, ...]:
    """The distribution of each of ``size`` actions, from the outputs (out, 1) for one column.

    ``log_std`` (action,) is None where the checkpoint carries no spread; with a ``grid``
    (1, action, choice) the outputs are values of choices, of which some may not be ``possible``.
    """
    if grid is not None:
        offered = np.isfinite(grid)[..., None] if possible is None else possible
        return tuple(_choice(grid, offered, outputs, action) for action in range(size))
    means = outputs.ravel()[:size].tolist()
    spread = [None] * size if log_std is None else np.exp(log_std[:size]).tolist()
    return tuple(Odds(mean, std) for mean, std in zip(means, spread, strict=True))


def _choice(grid: Inputs, offered: Flags, outputs: NDArray[np.floating], action: int) -> Odds:
    """One action of an actor that chooses; forbidden choices are left out."""
    worth = choice_values(grid, outputs, offered)
    best = int(best_choice(worth)[0, action, 0])
    allowed = np.flatnonzero(offered[0, action, :, 0])
    choices = grid[0, action, allowed].tolist()
    chances = (allowed == best).astype(np.float64).tolist()
    mean = float(np.nan_to_num(grid[0, action, best]))
    values = worth[0, action, allowed, 0].tolist()
    return Odds(mean, None, tuple(choices), tuple(chances), tuple(values))
