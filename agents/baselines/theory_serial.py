"""Clark and Scarf: optimal echelon base-stock levels of a serial system, computed on a grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.errors import UsageError

Floats = NDArray[np.float64]
STEPS_PER_SD = 20
"""Grid points per standard deviation of a period's demand; the error falls with their square."""
REACH = 8.0
"""Standard deviations beyond which normal demand is left out (about 1e-15)."""
MOST_POINTS = 200_000


@dataclass(frozen=True)
class EchelonPolicy:
    """Order up to ``levels`` in echelon terms, most downstream stage first."""

    levels: tuple[float, ...]
    cost: float

    @property
    def local_levels(self) -> tuple[float, ...]:
        """Local order-up-to levels S'_j = S*_j - S*_(j-1), once S* is made non-decreasing.

        >>> EchelonPolicy((6.5, 12.0, 22.5), 0.0).local_levels
        (6.5, 5.5, 10.5)
        """
        least = [min(self.levels[j:]) for j in range(len(self.levels))]
        return tuple(own - below for own, below in zip(least, [0.0, *least], strict=False))


def clark_scarf(
    holding: Sequence[float],
    lead_times: Sequence[float],
    penalty: float,
    mean: float,
    sd: float,
) -> EchelonPolicy:
    """Optimal echelon base-stock levels of a serial system with normal demand.

    Stages go from the customers upstream: ``holding`` is the local holding cost of each (falling
    upstream), ``lead_times`` the periods from its supplier; ``mean`` and ``sd`` are the demand of
    one period; ``penalty`` is per backordered unit and period. Stock in transit costs what it
    costs at the stage that shipped it; each period's demand is seen before ordering (convention
    ``snyder``). With echelon holding costs h_j and C_0(x) = (p + sum of h) x^-:

        C'_j(x) = h_j x + C_(j-1)(x)
        G_j(y)  = E[C'_j(y - D_j)],  D_j the demand over the lead time of stage j
        S*_j    = argmin G_j,  C_j(x) = G_j(min(x, S*_j))

    The expected cost per period is G_N(S*_N). Computed on a grid of ``STEPS_PER_SD`` points per
    standard deviation; relative error of the cost below 1e-4.

    Raises UsageError for arguments that are not positive (a lead time may be 0) and for holding
    costs that do not fall upstream. Source: Clark and Scarf 1960; Chen and Zheng 1994; Snyder and
    Shen, 2nd edition, section 6.2, example 6.1:

    >>> policy = clark_scarf([7, 4, 2], [1, 1, 2], penalty=37.12, mean=5, sd=1)
    >>> [round(level, 2) for level in policy.levels], round(policy.cost, 2)
    ([6.49, 12.02, 22.71], 47.66)
    """
    echelon = _echelon_costs(holding, lead_times)
    require_positive(penalty=penalty, mean=mean, sd=sd)
    step = sd / STEPS_PER_SD
    total = sum(lead_times)
    grid = _grid(total * mean, mean, REACH * sd * math.sqrt(total), step)
    carried: Callable[[Floats], Floats] = _shortage(penalty + sum(echelon))
    levels, cost = [], 0.0
    for own, lead in zip(echelon, lead_times, strict=True):
        expected = _expected(own, carried, grid, lead * mean, sd * math.sqrt(lead), step)
        level, cost = _minimum(grid, expected)
        levels.append(level)
        carried = _capped(grid, expected, level)
    return EchelonPolicy(tuple(levels), cost)


def _echelon_costs(holding: Sequence[float], lead_times: Sequence[float]) -> list[float]:
    """Local holding cost of a stage less that of the stage above it."""
    if not holding or len(holding) != len(lead_times):
        raise UsageError(
            "one holding cost and one lead time per stage",
            "clark_scarf",
            f"{len(holding)} and {len(lead_times)}",
        )
    above = [*holding[1:], 0.0]
    echelon = [own - upstream for own, upstream in zip(holding, above, strict=True)]
    if min(echelon) <= 0 or min(lead_times) < 0 or sum(lead_times) <= 0:
        raise UsageError(
            "holding costs must fall upstream and lead times not be negative",
            "clark_scarf",
            f"holding {list(holding)}, lead times {list(lead_times)}",
        )
    return echelon


def _grid(lead_time_mean: float, mean: float, spread: float, step: float) -> Floats:
    """Echelon stock from certain backlog to more than anybody wants."""
    low, high = -spread - mean, lead_time_mean + 2 * spread + mean
    if high - low > MOST_POINTS * step:
        raise UsageError(
            "demand varies too little to be computed on a grid",
            "clark_scarf",
            f"a lead time demand of {lead_time_mean:g} and an sd of {step * STEPS_PER_SD:g}",
            fix="Treat it as constant: order the lead time demand.",
        )
    return np.arange(low, high, step)


def _shortage(price: float) -> Callable[[Floats], Floats]:
    return lambda x: price * np.maximum(-x, 0.0)


def _expected(
    own: float,
    carried: Callable[[Floats], Floats],
    grid: Floats,
    mean: float,
    sd: float,
    step: float,
) -> Floats:
    """E[own x + carried(x)] at x = y - D for every y of the grid, by the trapezoidal rule."""
    points = np.arange(-math.ceil(REACH * sd / step), math.ceil(REACH * sd / step) + 1) * step
    weight = np.exp(-0.5 * (points / sd) ** 2) if sd > 0 else np.ones(1)
    weight /= weight.sum()
    total = np.zeros_like(grid)
    for point, share in zip(points, weight, strict=True):
        x = grid - mean - point
        total += share * (own * x + carried(x))
    return total


def _minimum(grid: Floats, values: Floats) -> tuple[float, float]:
    """Minimum of a smooth function on a grid, refined by the parabola through three points."""
    i = min(max(int(values.argmin()), 1), len(grid) - 2)
    left, middle, right = values[i - 1 : i + 2]
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend > 0 else 0.0
    level = float(grid[i] + shift * (grid[1] - grid[0]))
    return level, float(middle - 0.25 * (left - right) * shift)


def _capped(grid: Floats, values: Floats, level: float) -> Callable[[Floats], Floats]:
    """G(min(x, S*)), a straight line below the grid, where backlog is certain."""
    slope = (values[1] - values[0]) / (grid[1] - grid[0])

    def carried(x: Floats) -> Floats:
        capped = np.minimum(x, level)
        inside = np.interp(capped, grid, values)
        below: Floats = inside + slope * np.minimum(capped - grid[0], 0.0)
        return below

    return carried


def require_positive(**values: float) -> None:
    """Raise UsageError, by name, for a parameter that is not positive and finite."""
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise UsageError("must be positive and finite", name, str(value))
