"""What control costs and how old the world is that it acts on; from plain numbers.

The numbers come from the gateway's account and from decision traces, which live a layer above.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def cost_of_control(money: float, epochs: int) -> float | None:
    """Cost of control: calls, retries, data, tokens and approvals, each priced / decision epochs.

    Arguments: ``money`` of the gateway's account of an episode (prices in ``tools.costs``), number
    of ``epochs``. Undefined without an epoch.
    """
    return money / epochs if epochs > 0 else None


def retry_share(attempts: int, retries: int) -> float | None:
    """Share of retries: attempts after the first of their call / all attempts.

    Undefined without an attempt.
    """
    return retries / attempts if attempts > 0 else None


@dataclass(frozen=True)
class DecisionAge:
    """How old the world state behind an action was when the action took effect, in days."""

    mean: float
    p95: float
    longest: float


def decision_age(state_d: Sequence[float], executed_d: Sequence[float]) -> DecisionAge | None:
    """Decision age: time from the world state an action was based on to its execution.

    Both in simulated days, one pair per decision. In a decision trace the state's time is that of
    the epoch less the age of its oldest read. Undefined without a decision.
    """
    ages = np.asarray(executed_d, dtype=np.float64) - np.asarray(state_d, dtype=np.float64)
    if not len(ages):
        return None
    return DecisionAge(float(ages.mean()), float(np.percentile(ages, 95)), float(ages.max()))
