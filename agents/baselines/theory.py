"""Policies that theory proves optimal: good starting points, and oracles for the simulators.

    newsvendor_normal, newsvendor_poisson    one period, one location
    clark_scarf                              serial system, normal demand: echelon base-stock
    s_s_poisson                              periodic review with a fixed order cost: (s,S)
    r_q_poisson                              continuous review with a fixed order cost: (r,Q)

Costs are per unit and per period (or unit of time); demand is in units. Plain floats in and out:
nothing here knows the twin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from agents.baselines.theory_serial import EchelonPolicy, clark_scarf, require_positive

__all__ = [
    "BatchPolicy",
    "EchelonPolicy",
    "LevelPolicy",
    "ReorderPolicy",
    "clark_scarf",
    "newsvendor_normal",
    "newsvendor_poisson",
    "poisson_pmf",
    "r_q_poisson",
    "s_s_poisson",
]
LARGEST_LEVEL = 1_000_000
"""Order-up-to levels and batches are searched up to here."""


@dataclass(frozen=True)
class LevelPolicy:
    """Order up to ``level``; ``cost`` is the expected cost per period."""

    level: float
    cost: float


@dataclass(frozen=True)
class ReorderPolicy:
    """(s,S): order up to ``order_up_to`` when the inventory position is at ``reorder`` or below."""

    reorder: int
    order_up_to: int
    cost: float


@dataclass(frozen=True)
class BatchPolicy:
    """(r,Q): order ``batch`` whenever the inventory position falls to ``reorder``."""

    reorder: int
    batch: int
    cost: float


def newsvendor_normal(holding: float, penalty: float, mean: float, sd: float) -> LevelPolicy:
    """The level that balances a unit too many against a unit too few, for normal demand.

    S = mean + z sd with Phi(z) = p / (p + h), at a cost of (h + p) phi(z) sd. For a base-stock
    policy, mean and sd are those of the demand over the lead time (and review period).

    Raises UsageError unless every argument is positive. Source: Arrow, Harris and Marschak 1951;
    Snyder and Shen, Fundamentals of Supply Chain Theory, 2nd edition, section 4.3.

    >>> policy = newsvendor_normal(holding=0.18, penalty=0.70, mean=50, sd=8)
    >>> round(policy.level, 3), round(policy.cost, 4)
    (56.604, 1.9976)
    """
    require_positive(holding=holding, penalty=penalty, mean=mean, sd=sd)
    z = NormalDist().inv_cdf(penalty / (penalty + holding))
    return LevelPolicy(mean + z * sd, (holding + penalty) * NormalDist().pdf(z) * sd)


def newsvendor_poisson(holding: float, penalty: float, mean: float) -> LevelPolicy:
    """The least level with P(D <= S) >= p / (p + h), for Poisson demand.

    Raises UsageError unless every argument is positive. Source: as ``newsvendor_normal``.

    >>> policy = newsvendor_poisson(holding=1, penalty=4, mean=6)
    >>> policy.level, round(policy.cost, 4)
    (8.0, 3.5701)
    """
    require_positive(holding=holding, penalty=penalty, mean=mean)
    costs = _OnePeriodCost(holding, penalty, mean)
    level = costs.best
    return LevelPolicy(float(level), costs(level))


def s_s_poisson(holding: float, penalty: float, order_cost: float, mean: float) -> ReorderPolicy:
    """The optimal (s,S) policy under periodic review, Poisson demand and full backlogging.

    Orders are placed at the start of a period and arrive at once; ``holding`` and ``penalty`` are
    charged at its end; ``mean`` is the demand of one period. With G(y) the expected cost of a
    period that starts at y, and m(j) the renewal density of demand (Veinott and Wagner 1965):

        c(s,S) = (K + sum_(j=0)^(S-s-1) m(j) G(S-j)) / sum_(j=0)^(S-s-1) m(j)

    minimised exactly by the algorithm of Zheng and Federgruen 1991, Operations Research 39(4).
    Raises UsageError unless every argument is positive.

    >>> policy = s_s_poisson(holding=1, penalty=4, order_cost=5, mean=6)
    >>> policy.reorder, policy.order_up_to, round(policy.cost, 5)
    (4, 10, 8.03411)
    """
    require_positive(holding=holding, penalty=penalty, order_cost=order_cost, mean=mean)
    period_cost = _OnePeriodCost(holding, penalty, mean)
    renewals = _Renewals(mean)

    def cost(s: int, up_to: int) -> float:
        density = renewals.first(up_to - s)
        paid = sum(m * period_cost(up_to - j) for j, m in enumerate(density))
        return (order_cost + paid) / sum(density)

    up_to = period_cost.best
    s = up_to - 1
    while cost(s, up_to) > period_cost(s):
        s -= 1
    least = cost(s, up_to)
    candidate = up_to + 1
    while period_cost(candidate) <= least and candidate < LARGEST_LEVEL:
        if cost(s, candidate) < least:
            up_to = candidate
            while cost(s, up_to) <= period_cost(s + 1):
                s += 1
            least = cost(s, up_to)
        candidate += 1
    return ReorderPolicy(s, up_to, least)


def r_q_poisson(
    holding: float, penalty: float, order_cost: float, rate: float, lead_time: float
) -> BatchPolicy:
    """The optimal (r,Q) policy under continuous review, Poisson demand and full backlogging.

    ``rate`` is demand per unit of time, ``lead_time`` in the same unit; costs are per unit of
    time. With G(y) the expected cost rate when the inventory position is y,

        c(r,Q) = (K rate + sum_(y=r+1)^(r+Q) G(y)) / Q,

    minimised exactly: the batch grows to the cheaper side while that lowers the average.
    Raises UsageError unless every argument is positive. Source: Federgruen and Zheng 1992,
    An efficient algorithm for computing an optimal (r,Q) policy, Operations Research 40(4).

    >>> policy = r_q_poisson(holding=20, penalty=150, order_cost=100, rate=1.5, lead_time=2)
    >>> policy.reorder, policy.batch, round(policy.cost, 4)
    (3, 5, 107.9236)
    """
    require_positive(
        holding=holding, penalty=penalty, order_cost=order_cost, rate=rate, lead_time=lead_time
    )
    position_cost = _OnePeriodCost(holding, penalty, rate * lead_time)
    low = high = position_cost.best
    paid = order_cost * rate + position_cost(low)
    while high - low + 1 < LARGEST_LEVEL:
        batch = high - low + 1
        below, above = position_cost(low - 1), position_cost(high + 1)
        if min(below, above) >= paid / batch:
            break
        paid += min(below, above)
        low, high = (low - 1, high) if below < above else (low, high + 1)
    return BatchPolicy(low - 1, high - low + 1, paid / (high - low + 1))


class _OnePeriodCost:
    """G(y) = h E[(y - D)^+] + p E[(D - y)^+] for Poisson demand D."""

    def __init__(self, holding: float, penalty: float, mean: float) -> None:
        self._holding = holding
        self._penalty = penalty
        self._mean = mean
        self._over = [0.0]  # E[(y - D)^+] for y = 0, 1, ...
        self._below = 0.0  # P(D < y) for the last of them

    @property
    def best(self) -> int:
        """The least y with P(D <= y) >= p / (p + h), which minimises G."""
        y = 0
        while self(y + 1) < self(y) and y < LARGEST_LEVEL:
            y += 1
        return y

    def __call__(self, y: int) -> float:
        """G(y)."""
        over = self._excess(y)
        return self._holding * over + self._penalty * (over - y + self._mean)

    def _excess(self, y: int) -> float:
        while len(self._over) <= y:
            self._below += poisson_pmf(len(self._over) - 1, self._mean)
            self._over.append(self._over[-1] + self._below)
        return self._over[y] if y >= 0 else 0.0


class _Renewals:
    """Renewal density m of Poisson demand: expected periods that end with j units demanded."""

    def __init__(self, mean: float) -> None:
        self._mean = mean
        self._density = [1.0 / -math.expm1(-mean)]

    def first(self, count: int) -> list[float]:
        """m(0), ..., m(count - 1)."""
        while len(self._density) < count:
            j = len(self._density)
            arrived = sum(
                poisson_pmf(i, self._mean) * self._density[j - i] for i in range(1, j + 1)
            )
            self._density.append(arrived * self._density[0])
        return self._density[:count]


def poisson_pmf(k: int, mean: float) -> float:
    """P(D = k) of a Poisson variable.

    >>> round(poisson_pmf(2, 1.0), 4)
    0.1839
    """
    return math.exp(k * math.log(mean) - mean - math.lgamma(k + 1))
