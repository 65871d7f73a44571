"""Estimates with honest intervals, on paired seeds: what the gates and the reports count with.

Costs may be negative (a scenario that earns) or close to zero, so there is one definition of a
cost ratio, :func:`relative`, and every ratio in the project goes through it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtr, ndtri, stdtrit

from twin.errors import UsageError
from twin.exogenous.streams import stream

Array = NDArray[np.float64]
Statistic = Callable[[Array, Array], Array]
"""(challenger, baseline) costs of shape (..., n) to one number per leading index."""
RESAMPLES = 4_000
CHUNK = 1 << 20
"""Most resampled numbers held in memory at a time."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its two-sided confidence interval, from ``n`` observations."""

    value: float
    low: float
    high: float
    n: int

    def shifted(self, by: float) -> Interval:
        """The same interval moved by a constant."""
        return Interval(self.value + by, self.low + by, self.high + by, self.n)


@dataclass(frozen=True)
class Pairs:
    """Costs of two policies on the same seeds of one scenario; ``name`` keys the random stream.

    Raises UsageError when the two do not match or hold a number that is not finite.
    """

    name: str
    challenger: Array  # (n,) cost per period
    baseline: Array  # (n,) cost per period, same seeds

    def __post_init__(self) -> None:
        shape, other = self.challenger.shape, self.baseline.shape
        if shape != other or len(shape) != 1:
            raise UsageError("pairs do not match", self.name, f"{shape} and {other}", "one shape")
        if not (np.isfinite(self.challenger).all() and np.isfinite(self.baseline).all()):
            raise UsageError("a cost is not finite", self.name)

    @property
    def n(self) -> int:
        """Number of pairs."""
        return self.challenger.size


def pairs(name: str, challenger: ArrayLike, baseline: ArrayLike) -> Pairs:
    """Build pairs from any two sequences of costs in the same order of seeds."""
    return Pairs(name, np.asarray(challenger, np.float64), np.asarray(baseline, np.float64))


def yardstick(level: Array, costs: Array) -> Array:
    """What a difference in cost is measured against, always >= 0; ``costs`` is (..., n).

    ``|level|``, the size of the baseline's statistic, as in any ratio of costs; but at least the
    standard deviation of the baseline between seeds, because a mean that is small against its own
    noise (profits near zero) is no yardstick.
    """
    return np.asarray(np.maximum(np.abs(level), costs.std(axis=-1)))


def relative(challenger: Array, baseline: Array, costs: Array) -> Array:
    """Ratio of two statistics: ``1 + (challenger - baseline) / yardstick``.

    For positive costs this is ``challenger / baseline``. For profits (negative costs) it keeps its
    meaning: below 1 is better, 0.9 is better by a tenth of what the baseline earns. Where the
    baseline is exactly zero on every seed the difference itself is the yardstick: 0, 1 or 2.

    >>> float(relative(np.array(-110.0), np.array(-100.0), np.array([-100.0, -100.0])))
    0.9
    """
    scale = yardstick(baseline, costs)
    difference = challenger - baseline
    scale = np.where(scale > 0, scale, np.abs(difference))
    return np.asarray(1.0 + difference / np.where(scale > 0, scale, 1.0))


def cost_ratio(challenger: Array, baseline: Array) -> Array:
    """Paired cost ratio over the last axis: sum(challenger) / sum(baseline) for positive costs.

    See :func:`relative` for costs that are negative or near zero.

    >>> float(cost_ratio(np.array([8.0, 12.0]), np.array([10.0, 15.0])))
    0.8
    """
    return relative(challenger.mean(axis=-1), baseline.mean(axis=-1), baseline)


def cvar(costs: Array, share: float = 0.1) -> Array:
    """Mean cost of the worst ``share`` of the seeds (expected shortfall), over the last axis.

    With k = share * n, the floor(k) highest costs count in full and the next one with the
    remaining fraction (Rockafellar & Uryasev 2002); below one seed it is the highest cost.

    >>> round(float(cvar(np.arange(1.0, 11.0), 0.25)), 6)
    9.2
    """
    n = costs.shape[-1]
    # Rounding guards against 0.1 * 30 = 3.0000000000000004 counting a sliver of a fourth seed.
    k = max(round(share * n, 9), 1.0)
    weights = np.clip(k - np.arange(n), 0.0, 1.0) / k
    return np.asarray(-np.sort(-costs, axis=-1) @ weights)


def cvar_ratio(challenger: Array, baseline: Array, share: float = 0.1) -> Array:
    """Ratio of the two policies' CVaR, each over its own worst seeds; see :func:`relative`."""
    return relative(cvar(challenger, share), cvar(baseline, share), baseline)


def bootstrap(
    groups: Sequence[Pairs],
    statistic: Statistic,
    seed: int,
    purpose: str,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> Interval:
    """Paired bootstrap interval of a statistic; several groups (scenarios) weigh the same.

    Pairs are resampled whole, so common random numbers keep their effect, and each group by
    itself (stratified). The percentile levels are widened by ``ndtr(sqrt(n / (n - 1)) * t)``,
    t the quantile of Student's t with n - 1 degrees of freedom, against the narrowness of the
    plain percentile interval in small samples (Hesterberg 2015, The American Statistician 69:4,
    "expanded percentile"); n is the smallest group's. Deterministic in seed, purpose and names.

    Raises UsageError below two pairs in any group.
    """
    smallest = min((group.n for group in groups), default=0)
    if smallest < 2:
        raise UsageError("an interval needs pairs", purpose, str(smallest), "at least 2 pairs")
    value = np.mean([statistic(group.challenger, group.baseline) for group in groups])
    draws = np.mean(
        [_replicates(group, statistic, seed, purpose, resamples) for group in groups], axis=0
    )
    tail = (1.0 - confidence) / 2.0
    level = ndtr(math.sqrt(smallest / (smallest - 1)) * stdtrit(smallest - 1, tail))
    low, high = np.quantile(draws, [level, 1.0 - level])
    return Interval(float(value), float(low), float(high), smallest)


def _replicates(
    group: Pairs, statistic: Statistic, seed: int, purpose: str, resamples: int
) -> Array:
    """The statistic on ``resamples`` resampled sets of pairs, in chunks of bounded memory."""
    random = stream(seed, f"bootstrap/{purpose}/{group.name}")
    size = max(CHUNK // group.n, 1)
    parts = []
    for start in range(0, resamples, size):
        rows = random.integers(0, group.n, (min(size, resamples - start), group.n))
        parts.append(statistic(group.challenger[rows], group.baseline[rows]))
    return np.concatenate(parts)


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """Mean with Student's t interval: mean +- t * s / sqrt(n). Raises UsageError below n = 2."""
    x = np.asarray(values, np.float64)
    if x.size < 2:
        raise UsageError("an interval needs values", "", str(x.size), "at least 2")
    half = stdtrit(x.size - 1, (1 + confidence) / 2) * x.std(ddof=1) / math.sqrt(x.size)
    mean = float(x.mean())
    return Interval(mean, mean - float(half), mean + float(half), x.size)


def wilson(k: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of the proportion k / n (Wilson 1927). Raises UsageError.

    With z the normal quantile: (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n).
    """
    _check_count(k, n)
    z, p = float(ndtri((1 + confidence) / 2)), k / n
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return Interval(p, max((centre - half) / scale, 0.0), min((centre + half) / scale, 1.0), n)


def exact_upper_bound(k: int, n: int, confidence: float = 0.95) -> float:
    """One-sided upper bound of a proportion after k of n (Clopper & Pearson 1934).

    At k = 0 it is ``1 - (1 - confidence)^(1/n)``, of which the rule of three, 3 / n, is the
    approximation. Raises UsageError.

    >>> round(exact_upper_bound(0, 300), 4)
    0.0099
    """
    _check_count(k, n)
    return 1.0 if k == n else float(betaincinv(k + 1, n - k, confidence))


def _check_count(k: int, n: int) -> None:
    if not 0 <= k <= n or n == 0:
        raise UsageError("not a proportion", "", f"{k} of {n}", "0 <= k <= n, n > 0")


def iqm(values: ArrayLike) -> float:
    """Interquartile mean: the mean without the floor(n / 4) lowest and highest values.

    The aggregate over training seeds of Agarwal et al. 2021 (rliable). Raises UsageError if empty.

    >>> iqm([1, 2, 3, 4, 5, 6, 7, 80])
    4.5
    """
    x = np.sort(np.asarray(values, np.float64), axis=None)
    if x.size == 0:
        raise UsageError("no values to average")
    cut = x.size // 4
    return float(x[cut : x.size - cut].mean())


def correlation(sample: Pairs) -> float:
    """Pearson correlation of the two policies' costs over the seeds; 0 where either is constant."""
    a, b = sample.challenger, sample.baseline
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else 0.0


def pairs_needed(
    cv: float, correlation: float, margin: float, power: float = 0.9, confidence: float = 0.975
) -> int:
    """Pairs that tell a relative cost difference of ``margin`` from none.

    n = (z_confidence + z_power)^2 * 2 cv^2 (1 - correlation) / margin^2, for two policies of the
    same coefficient of variation ``cv``.

    >>> pairs_needed(0.25, 0.8, 0.02), pairs_needed(0.25, 0.9, 0.02)
    (657, 329)
    """
    return _needed(2 * cv * cv * (1 - correlation), margin, power, confidence)


def pairs_needed_after(
    pilot: Pairs, margin: float, power: float = 0.9, confidence: float = 0.975
) -> int:
    """The same from the differences of a pilot, which need not have equal variances."""
    scale = float(yardstick(pilot.baseline.mean(), pilot.baseline))
    variance = float((pilot.challenger - pilot.baseline).var(ddof=1)) if pilot.n > 1 else 0.0
    return _needed(variance / (scale * scale) if scale > 0 else 0.0, margin, power, confidence)


def _needed(variance: float, margin: float, power: float, confidence: float) -> int:
    if margin == 0:
        raise UsageError("no number of pairs shows a margin of nothing", "", "0", "a margin")
    z = float(ndtri(confidence) + ndtri(power))
    return max(math.ceil(z * z * variance / (margin * margin)), 2)
