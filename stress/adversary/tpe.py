"""The tree-structured Parzen estimator of optuna as a searcher; optuna is loaded when it is used.

J. Bergstra, R. Bardenet, Y. Bengio, B. Kegl, Algorithms for Hyper-Parameter Optimization, 2011.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from stress.adversary.plan import Hit, Plan
from stress.adversary.space import SEVERITIES, Choice, Dimension, Space, Value
from twin.errors import UsageError
from twin.exogenous.streams import stream

NOTHING = "nothing"
STARTUP = 50
"""Plans drawn at random before the estimator is used."""


class Tpe:
    """Proposes plans by optuna's TPE: a slot for each fault, and what follows from what is in it.

    Raises UsageError where optuna is not installed.
    """

    def __init__(self, space: Space, seed: int) -> None:
        optuna = optuna_for("tpe")
        drawn = int(stream(seed, "attack/tpe").integers(2**32))
        sampler = optuna.samplers.TPESampler(seed=drawn, n_startup_trials=STARTUP)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._space = space
        self._open: list[tuple[Plan, Any]] = []

    def ask(self, count: int) -> list[Plan]:
        """The next plans to try."""
        asked = [self._study.ask() for _ in range(count)]
        drawn = [(self._plan(trial), trial) for trial in asked]
        self._open.extend(drawn)
        return [plan for plan, _ in drawn]

    def tell(self, tried: Sequence[tuple[Plan, float]]) -> None:
        """What became of the plans asked for: the higher the score, the better."""
        scores = dict(tried)
        for plan, trial in self._open:
            self._study.tell(trial, scores[plan])
        self._open = []

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


def optuna_for(method: str) -> Any:
    """The package; raises UsageError where it is not installed."""
    try:
        optuna = importlib.import_module("optuna")
    except ImportError:
        fix = "Install it: pip install 'logistics-twin[train]', or use --method cross-entropy."
        raise UsageError("this search needs optuna", f"--method {method}", fix=fix) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
