"""A learned adversary: a small stochastic policy over plans, trained by REINFORCE while it attacks.

It looks at the undisturbed episode of the world's seed (``seen``) and decides one thing after the
other: the seed, how many faults, which, how severe, when (a linear policy on the state of each
period), for how long, with which parameters. Every decision is a softmax, so the gradient is known
in closed form. An unfair plan scores lowest, so it learns to leave those alone.

R. J. Williams, Simple Statistical Gradient-Following Algorithms, 1992; its best plans are learnt
from again, as in J. Oh et al., Self-Imitation Learning, 2018.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stress.adversary.plan import Hit, Plan
from stress.adversary.seen import clock
from stress.adversary.space import SEVERITIES, Choice, Dimension, Space, Value
from twin.exogenous.streams import stream

Floats = NDArray[np.float64]
RATE = 0.3
"""Step along the gradient, for an advantage of one."""
ENTROPY = 0.02
"""Weight of the entropy bonus, which keeps it curious."""
MOST_FAR = 1.0
"""Standard deviations above the mean that count."""
SPREAD_OF_RANKS = 12**0.5
BEST = 10
"""Plans that are learnt from again after each generation."""
LEVELS = 5
"""Values of a number that it chooses among."""
PREFER_DEFAULT = 1.5
PREFER_ONE = 1.0
"""First logits: of leaving a parameter alone, of a single fault."""


@dataclass(frozen=True)
class _Step:
    """One decision: its logits are the sum of some rows of the weights, or linear in features."""

    rows: tuple[tuple[str, int], ...]
    index: int
    features: Floats | None = None  # (choice, feature)
    allowed: tuple[bool, ...] = ()


@dataclass
class Learned:
    """Proposes plans; a pure function of space, seed and scores."""

    space: Space
    seed: int
    _weights: dict[str, Floats] = field(default_factory=dict)
    """(row, choice), or (row, feature) for the start of a window."""
    _open: dict[Plan, list[_Step]] = field(default_factory=dict)
    _scores: list[float] = field(default_factory=list)
    _best: list[tuple[float, Plan, list[_Step]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = stream(self.seed, "attack/learned")
        space, families = self.space, len(self.space.families)
        self._lengths = sorted(
            {min(2**k, space.periods) for k in range(1 + space.periods.bit_length())}
        )
        self._features = {seed: space.seen.get(seed, clock(space.periods)) for seed in space.seeds}
        shapes = {
            "seed": (1, len(space.seeds)),
            "count": (1, space.most),
            "family": (1, families),
            "severity": (families + 1, len(SEVERITIES)),
            "length": (families + 1, len(self._lengths)),
            "first": (families + 1, next(iter(self._features.values())).shape[1]),
        }
        self._weights |= {name: np.zeros(shape) for name, shape in shapes.items()}
        self._weights["count"][0, 0] = PREFER_ONE
        for family, dimensions in space.dimensions.items():
            for dimension in dimensions:
                row = np.zeros((1, 1 + len(_values(dimension))))
                row[0, 0] = PREFER_DEFAULT
                self._weights[f"{family}/{dimension.name}"] = row
        self._sweep = self._rng.permutation(families).tolist()

    def ask(self, count: int) -> list[Plan]:
        """The next plans to try; at first every family once."""
        asked = []
        for _ in range(count):
            plan, steps = self._drawn(self._sweep.pop() if self._sweep else None)
            self._open[plan] = steps
            asked.append(plan)
        return asked

    def tell(self, tried: Sequence[tuple[Plan, float]]) -> None:
        """What became of the plans asked for: the higher the score, the better."""
        known = [(score, plan, self._open[plan]) for plan, score in tried if plan in self._open]
        self._open.clear()
        self._scores = sorted([*self._scores, *(score for score, _, _ in known)])
        if self._scores[0] == self._scores[-1]:
            return
        for score, _, steps in known:
            self._learn(steps, self._advantage(score))
        for score, _, steps in self._best:
            self._learn(steps, max(0.0, self._advantage(score)) / BEST)
        ranked = sorted([*self._best, *known], key=lambda item: item[0])
        self._best = list({plan: (score, plan, steps) for score, plan, steps in ranked}.values())
        self._best = sorted(self._best, key=lambda item: -item[0])[:BEST]

    def _advantage(self, score: float) -> float:
        """By the distance from the mean of all scores so far, and by the rank among them.

        The distance tells a failure from none; the rank, a cheap failure from a dear one
        (D. Wierstra et al., Natural Evolution Strategies, 2008).
        """
        scores = self._scores
        rank = (bisect_left(scores, score) + bisect_right(scores, score)) / (2 * len(scores))
        far = (score - float(np.mean(scores))) / float(np.std(scores))
        return min(far, MOST_FAR) + SPREAD_OF_RANKS * (rank - 0.5)

    def _drawn(self, given: int | None) -> tuple[Plan, list[_Step]]:
        """A plan, with the decisions that led to it."""
        steps: list[_Step] = []
        space = self.space
        seed = space.seeds[self._decide(steps, (("seed", 0),))]
        count = 1 + (0 if given is not None else self._decide(steps, (("count", 0),)))
        left = np.ones(len(space.families), dtype=bool)
        hits = {}
        for _ in range(count):
            rows = (("family", 0),)
            family = self._decide(steps, rows, allowed=tuple(left.tolist()), given=given)
            left[family] = False
            hits[family] = self._hit(steps, family, seed)
        return Plan(tuple(hits[family] for family in sorted(hits)), seed), steps

    def _hit(self, steps: list[_Step], family: int, seed: int) -> Hit:
        def both(name: str) -> tuple[tuple[str, int], ...]:
            return (name, family), (name, len(self.space.families))

        name, periods = self.space.families[family], self.space.periods
        severity = SEVERITIES[self._decide(steps, both("severity"))]
        first = self._decide(steps, both("first"), self._features[seed])
        length = self._lengths[self._decide(steps, both("length"))]
        moved: dict[str, Value] = {}
        for dimension in self.space.dimensions[name]:
            index = self._decide(steps, ((f"{name}/{dimension.name}", 0),))
            if index:
                moved[dimension.name] = _values(dimension)[index - 1]
        return Hit(
            name, severity, first, min(first + length, periods), tuple(sorted(moved.items()))
        )

    def _decide(
        self,
        steps: list[_Step],
        rows: tuple[tuple[str, int], ...],
        features: Floats | None = None,
        allowed: tuple[bool, ...] = (),
        given: int | None = None,
    ) -> int:
        """Draw one decision (or take the given one) and remember how it was made."""
        step = _Step(rows, 0, features, allowed)
        p = self._chances(step)
        index = int(self._rng.choice(len(p), p=p)) if given is None else given
        steps.append(_Step(rows, index, features, allowed))
        return index

    def _chances(self, step: _Step) -> Floats:
        weights: Any = sum(self._weights[name][row] for name, row in step.rows)
        logits = weights if step.features is None else step.features @ weights
        if step.allowed:
            logits = np.where(step.allowed, logits, -np.inf)
        raised = np.exp(logits - logits.max())
        p: Floats = raised / raised.sum()
        return p

    def _learn(self, steps: Sequence[_Step], advantage: float) -> None:
        """One step along advantage x grad log p + ENTROPY x grad entropy."""
        for step in steps:
            p = self._chances(step)
            log = np.log(np.maximum(p, 1e-12))
            gradient = -advantage * p
            gradient[step.index] += advantage
            gradient -= ENTROPY * p * (log - float(p @ log))
            if step.features is not None:
                gradient = step.features.T @ gradient
            for name, row in step.rows:
                self._weights[name][row] += RATE * gradient


def _values(dimension: Dimension) -> tuple[Value, ...]:
    """What a parameter may be instead of its default."""
    if isinstance(dimension, Choice):
        return dimension.values[1:]
    spaced = np.linspace(dimension.low, dimension.high, LEVELS).tolist()
    found = dict.fromkeys(dimension.rounded(value) for value in spaced)
    return tuple(value for value in found if value != dimension.default)
