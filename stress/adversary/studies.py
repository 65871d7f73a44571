"""What the searchers of optuna share; the package is loaded when one of them is used."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from stress.adversary.plan import Plan
from stress.adversary.space import Space
from twin.errors import UsageError


class StudySearcher(ABC):
    """Proposes plans by a sampler: each trial of its study is a plan."""

    def __init__(self, space: Space, study: Any) -> None:
        self._space = space
        self._study = study
        self._open: list[tuple[Plan, Any]] = []

    def ask(self, count: int) -> list[Plan]:
        """The next plans to try."""
        asked = [self._study.ask() for _ in range(count)]
        drawn = [(self._plan(trial), trial) for trial in asked]
        self._open += drawn
        return [plan for plan, _ in drawn]

    def tell(self, tried: Sequence[tuple[Plan, float]]) -> None:
        """What became of the plans asked for: the higher the score, the better."""
        scores = dict(tried)
        for plan, trial in self._open:
            self._study.tell(trial, scores[plan])
        self._open = []

    @abstractmethod
    def _plan(self, trial: Any) -> Plan:
        """What a trial stands for."""


def optuna_for(method: str) -> Any:
    """The package; raises UsageError where it is not installed."""
    try:
        optuna = importlib.import_module("optuna")
    except ImportError:
        fix = "Install it: pip install 'logistics-twin[train]', or use --method cross-entropy."
        raise UsageError("this search needs optuna", f"--method {method}", fix=fix) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
