"""The tree-structured Parzen estimator of optuna as a searcher; optuna is loaded when it is used.

J. Bergstra, R. Bardenet, Y. Bengio, B. Kegl, Algorithms for Hyper-Parameter Optimization, 2011.
"""

from __future__ import annotations

from typing import Any

from stress.adversary.plan import Hit, Plan
from stress.adversary.space import SEVERITIES, Choice, Dimension, Space, Value
from stress.adversary.studies import StudySearcher, optuna_for
from twin.exogenous.streams import stream

NOTHING = "nothing"
STARTUP = 50
"""Plans drawn at random before the estimator is used."""


class Tpe(StudySearcher):
    """Proposes plans by optuna's TPE: a slot for each fault, and what follows from what is in it.

    Raises UsageError where optuna is not installed.
    """

    def __init__(self, space: Space, seed: int) -> None:
        optuna = optuna_for("tpe")
        drawn = int(stream(seed, "attack/tpe").integers(2**32))
        sampler = optuna.samplers.TPESampler(seed=drawn, n_startup_trials=STARTUP)
        super().__init__(space, optuna.create_study(direction="maximize", sampler=sampler))

    def _plan(self, trial: Any) -> Plan:
        seed = trial.suggest_categorical("seed", self._space.seeds)
        hits: dict[str, Hit] = {}
        for slot in range(self._space.most):
            names = self._space.families if slot == 0 else (NOTHING, *self._space.families)
            family = trial.suggest_categorical(f"{slot}", names)
            if family != NOTHING and family not in hits:
                hits[family] = self._hit(trial, f"{slot}/{family}", family)
        order = self._space.families.index
        return Plan(tuple(hits[name] for name in sorted(hits, key=order)), int(seed))

    def _hit(self, trial: Any, at: str, family: str) -> Hit:
        periods = self._space.periods
        severity = trial.suggest_int(f"{at}/severity", SEVERITIES[0], SEVERITIES[-1])
        first = trial.suggest_int(f"{at}/first", 0, periods - 1)
        length = trial.suggest_int(f"{at}/length", 1, periods)
        found = {
            dimension.name: _suggested(trial, f"{at}/{dimension.name}", dimension)
            for dimension in self._space.dimensions[family]
        }
        moved = {name: value for name, value in found.items() if value is not None}
        last = min(first + length, periods)
        return Hit(family, severity, first, last, tuple(sorted(moved.items())))


def _suggested(trial: Any, at: str, dimension: Dimension) -> Value | None:
    """A value, or None for the default."""
    value: Value
    if isinstance(dimension, Choice):
        value = trial.suggest_categorical(at, dimension.values)
        return None if value == dimension.values[0] else value
    value = dimension.rounded(trial.suggest_float(at, dimension.low, dimension.high))
    return None if value == dimension.default else value
