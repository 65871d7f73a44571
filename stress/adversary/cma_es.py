"""CMA-ES as a searcher, through optuna and the package cmaes; both are loaded when it is used.

The method moves a normal distribution over numbers, so a plan is a point of the unit cube: a weight
for each family (the heaviest is in, others where they come close to one), and for the first,
second, ... fault of a plan its severity, start, length, and one parameter with its value. The
covariance is diagonal, since there are more numbers than plans in a generation.

N. Hansen, A. Ostermeier, Completely Derandomized Self-Adaptation in Evolution Strategies, 2001;
R. Ros, N. Hansen, A Simple Modification in CMA-ES Achieving Linear Time and Space, 2008.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from stress.adversary.plan import Hit, Plan
from stress.adversary.space import SEVERITIES, Choice, Dimension, Space, Value
from stress.adversary.studies import StudySearcher, optuna_for
from twin.errors import UsageError
from twin.exogenous.streams import stream

METHOD = "cma-es"
POPULATION = 20
"""Plans of a generation."""
ALSO_IN = 0.95
"""Weight from which further families are in a plan."""
Number = Callable[[str], float]
"""A coordinate of the point, by its name."""


class CmaEs(StudySearcher):
    """Proposes plans by CMA-ES; raises UsageError where optuna or cmaes is not installed."""

    def __init__(self, space: Space, seed: int) -> None:
        optuna = optuna_for(METHOD)
        if importlib.util.find_spec("cmaes") is None:
            fix = "Install it: pip install 'logistics-twin[train]', or use --method cross-entropy."
            raise UsageError("this search needs cmaes", f"--method {METHOD}", fix=fix)
        drawn = stream(seed, "attack/cma-es").integers(2**32, size=2).tolist()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.CmaEsSampler(
                seed=drawn[0],
                popsize=POPULATION,
                use_separable_cma=True,
                independent_sampler=optuna.samplers.RandomSampler(seed=drawn[1]),
                warn_independent_sampling=False,
            )
        super().__init__(space, optuna.create_study(direction="maximize", sampler=sampler))

    def _plan(self, trial: Any) -> Plan:
        def number(name: str) -> float:
            return float(trial.suggest_float(name, 0.0, 1.0))

        space = self._space
        # Every coordinate is read in every trial: the method needs points of one space.
        weights = np.array([number(name) for name in space.families])
        ranked = np.argsort(-weights, kind="stable")[: space.most].tolist()
        drawn = [self._hit(space.families[f], f"{r}", number) for r, f in enumerate(ranked)]
        inside = [weights[f] >= ALSO_IN or r == 0 for r, f in enumerate(ranked)]
        chosen = {hit.family: hit for hit, within in zip(drawn, inside, strict=True) if within}
        seed = space.seeds[_below(number("seed"), len(space.seeds))]
        return Plan(tuple(chosen[name] for name in space.families if name in chosen), seed)

    def _hit(self, family: str, at: str, number: Number) -> Hit:
        periods = self._space.periods
        severity = SEVERITIES[_below(number(f"{at}/severity"), len(SEVERITIES))]
        first = _below(number(f"{at}/first"), periods)
        last = min(first + 1 + _below(number(f"{at}/length"), periods), periods)
        which, where = number(f"{at}/parameter"), number(f"{at}/value")
        dimensions = self._space.dimensions[family]
        moved = _below(which, len(dimensions) + 1)
        found = _moved(dimensions[moved - 1], where) if moved else ()
        return Hit(family, severity, first, last, found)


def _moved(dimension: Dimension, where: float) -> tuple[tuple[str, Value], ...]:
    """One parameter away from its default; none where the number says the default."""
    value: Value
    if isinstance(dimension, Choice):
        value = dimension.values[1 + _below(where, len(dimension.values) - 1)]
        return ((dimension.name, value),)
    value = dimension.rounded(dimension.low + where * (dimension.high - dimension.low))
    return () if value == dimension.default else ((dimension.name, value),)


def _below(share: float, count: int) -> int:
    """A whole number in [0, count) for a share in [0, 1]."""
    return min(int(share * count), count - 1)
