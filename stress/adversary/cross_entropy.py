"""The cross-entropy method over plans: draw, keep the best, fit the distribution to them, repeat.

Each family has its own small distribution: in or out (Bernoulli), severity (categorical), start
and length of the window (normal, as shares), each parameter (categorical, or normal with a lump of
probability on the default). The first generation is a stratified sweep: every family once, at
severities spread evenly.

R. Y. Rubinstein and D. P. Kroese, The Cross-Entropy Method, Springer 2004, chapter 2; the best
plans of all generations are the elite, because a generation is small. A plan that does no more than
the median one is never among them: where nothing stands out, nothing is learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stress.adversary.plan import Hit, Plan
from stress.adversary.space import SEVERITIES, Choice, Dimension, Range, Space, Value
from twin.exogenous.streams import stream

Floats = NDArray[np.float64]
ELITE = 10
"""Plans that the distribution is fitted to."""
SMOOTHING = 0.5
"""Weight of the elite against what was believed before."""
EXPECTED_FAULTS = 1.5
"""Faults of a plan before anything is known."""
FLOOR = 0.2
"""No family becomes rarer than this times its first probability."""
ON_DEFAULT = 0.6
"""Probability that a parameter is left alone, before anything is known."""
LEAST_SPREAD = 0.05
"""Standard deviation, as a share, below which a number is not narrowed."""


@dataclass
class _Weights:
    """A categorical distribution."""

    p: Floats  # (values,)

    def draw(self, rng: np.random.Generator) -> int:
        return int(rng.choice(len(self.p), p=self.p))

    def fit(self, chosen: Sequence[int]) -> None:
        counts = np.bincount(np.array(chosen, dtype=np.intp), minlength=len(self.p))
        uniform = np.full(len(self.p), 1 / len(self.p))
        target = 0.95 * counts / counts.sum() + 0.05 * uniform
        self.p = (1 - SMOOTHING) * self.p + SMOOTHING * target
        self.p /= self.p.sum()


@dataclass
class _Share:
    """A normal distribution, cut to 0 .. 1."""

    mean: float = 0.5
    spread: float = 0.35

    def draw(self, rng: np.random.Generator) -> float:
        return float(np.clip(rng.normal(self.mean, self.spread), 0.0, 1.0))

    def fit(self, chosen: Sequence[float]) -> None:
        spread = max(float(np.std(chosen)), LEAST_SPREAD)
        self.mean += SMOOTHING * (float(np.mean(chosen)) - self.mean)
        self.spread += SMOOTHING * (spread - self.spread)


class _Parameter:
    """The distribution of one parameter of one family."""

    def __init__(self, dimension: Dimension) -> None:
        self.dimension = dimension
        values = len(dimension.values) if isinstance(dimension, Choice) else 2
        others = np.full(values - 1, (1 - ON_DEFAULT) / (values - 1))
        self.which = _Weights(np.array([ON_DEFAULT, *others]))
        self.where = _Share()

    def draw(self, rng: np.random.Generator) -> Value | None:
        """A value, or None for the default."""
        which, where = self.which.draw(rng), self.where.draw(rng)
        if which == 0:
            return None
        if isinstance(self.dimension, Choice):
            return self.dimension.values[which]
        return _placed(self.dimension, where)

    def fit(self, chosen: Sequence[Value | None]) -> None:
        if isinstance(self.dimension, Choice):
            values = self.dimension.values
            self.which.fit([0 if v is None else values.index(v) for v in chosen])
            return
        moved = [_place(self.dimension, float(v)) for v in chosen if v is not None]
        self.which.fit([0 if v is None else 1 for v in chosen])
        if moved:
            self.where.fit(moved)


def _placed(dimension: Range, where: float) -> float | None:
    value = dimension.rounded(dimension.low + where * (dimension.high - dimension.low))
    return None if value == dimension.default else value


def _place(dimension: Range, value: float) -> float:
    return (value - dimension.low) / (dimension.high - dimension.low)


class _Family:
    """The distribution of one fault, given that it is in a plan."""

    def __init__(self, name: str, space: Space) -> None:
        self.name = name
        self.periods = space.periods
        self.severity = _Weights(np.full(len(SEVERITIES), 1 / len(SEVERITIES)))
        self.start = _Share()
        self.length = _Share()
        self.parameters = [_Parameter(d) for d in space.dimensions[name]]

    def draw(self, rng: np.random.Generator, severity: int | None = None) -> Hit:
        drawn = SEVERITIES[self.severity.draw(rng)]
        first, last = self._window(self.start.draw(rng), self.length.draw(rng))
        values = {p.dimension.name: p.draw(rng) for p in self.parameters}
        moved = {name: value for name, value in values.items() if value is not None}
        return Hit(self.name, severity or drawn, first, last, tuple(sorted(moved.items())))

    def fit(self, hits: Sequence[Hit]) -> None:
        self.severity.fit([SEVERITIES.index(hit.severity) for hit in hits])
        self.start.fit([hit.first / self.periods for hit in hits])
        self.length.fit([(hit.last - hit.first) / self.periods for hit in hits])
        for parameter in self.parameters:
            name = parameter.dimension.name
            parameter.fit([dict(hit.parameters).get(name) for hit in hits])

    def _window(self, start: float, length: float) -> tuple[int, int]:
        first = min(int(start * self.periods), self.periods - 1)
        last = min(first + max(round(length * self.periods), 1), self.periods)
        return first, last


@dataclass
class CrossEntropy:
    """Proposes plans by the cross-entropy method; a pure function of space, seed and scores."""

    space: Space
    seed: int
    _tried: dict[Plan, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rng = stream(self.seed, "attack/cross-entropy")
        names = self.space.families
        self._families = [_Family(name, self.space) for name in names]
        self._start = min(EXPECTED_FAULTS / len(names), 0.5)
        self._in: Floats = np.full(len(names), self._start)  # (family,)
        self._seeds = _Weights(np.full(len(self.space.seeds), 1 / len(self.space.seeds)))
        self._sweep = [int(i) for i in self._rng.permutation(len(names))]

    def ask(self, count: int) -> list[Plan]:
        """The next plans to try."""
        return [self._sweeping() if self._sweep else self._drawn() for _ in range(count)]

    def tell(self, tried: Sequence[tuple[Plan, float]]) -> None:
        """What became of the plans asked for: the higher the score, the better."""
        self._tried.update(tried)
        usual = float(np.median(list(self._tried.values())))
        better = [item for item in self._tried.items() if item[1] > usual]
        better.sort(key=lambda item: -item[1])
        if better:
            self._fit([plan for plan, _ in better[:ELITE]])

    def _sweeping(self) -> Plan:
        """One family alone; severities from severe to mild in turn, so that all rungs are seen."""
        rung = len(self._sweep) % len(SEVERITIES)
        hit = self._families[self._sweep.pop()].draw(self._rng, SEVERITIES[-1 - rung])
        return Plan((hit,), self._drawn_seed())

    def _drawn(self) -> Plan:
        rng = self._rng
        luck = rng.random(len(self._in))
        chosen = np.flatnonzero(luck < self._in)
        if len(chosen) == 0:
            chosen = np.array([rng.choice(len(self._in), p=self._in / self._in.sum())])
        elif len(chosen) > self.space.most:
            chosen = np.sort(rng.choice(chosen, self.space.most, replace=False))
        return Plan(tuple(self._families[i].draw(rng) for i in chosen), self._drawn_seed())

    def _drawn_seed(self) -> int:
        return self.space.seeds[self._seeds.draw(self._rng)]

    def _fit(self, elite: Sequence[Plan]) -> None:
        self._seeds.fit([self.space.seeds.index(plan.seed) for plan in elite])
        for number, family in enumerate(self._families):
            hits = [hit for plan in elite for hit in plan.hits if hit.family == family.name]
            share = len(hits) / len(elite)
            mixed = (1 - SMOOTHING) * self._in[number] + SMOOTHING * share
            self._in[number] = np.clip(mixed, FLOOR * self._start, 0.9)
            if hits:
                family.fit(hits)
