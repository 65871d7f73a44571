"""The guard of a training run: limits that were set before it, and the way back when one is passed.

    limit               what is held against it, every update
    finite numbers      losses, gradients, every figure of the update
    kl                  approximate KL divergence of the update
    residual_variance   variance of the returns that the values leave, over the returns' own
    drift               distance of behaviour from the parent, or from the start
    cost                cost above the static policy's: of the rollout, and of each evaluation

Past a limit the learner goes back to the last state that an evaluation found good, and goes on with
a smaller step on fresh sample paths. After too many rollbacks training ends with the best so far.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.learn.config_parts import GuardLimits

Arrays = Mapping[str, NDArray[Any]]
EXPERIENCE = "replay/"
"""Learner state under this name is experience, not knowledge: a rollback keeps it."""


class Guarded(Protocol):
    """What can be rolled back."""

    rate_scale: float

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything it is."""

    def restore(self, state: Arrays) -> None:
        """Put back what ``state`` gave."""


@dataclass(frozen=True)
class Figures:
    """What one update is judged by."""

    kl: float
    residual_variance: float
    drift: float
    cost: float
    baseline_cost: float


@dataclass
class Guard:
    """Limits, the last known good state, and what happened so far."""

    limits: GuardLimits
    good: Arrays
    rate_scale: float = 1.0
    rollbacks: int = 0
    first_excess: float | None = None

    @property
    def stopped(self) -> bool:
        """True once the run was rolled back too often to go on."""
        return self.rollbacks > self.limits.rollbacks

    def breaches(self, found: Figures) -> tuple[str, ...]:
        """The limits that an update passed, each in one sentence with both numbers."""
        limits = self.limits
        excess = _excess(found.cost, found.baseline_cost)
        if self.first_excess is None:
            self.first_excess = max(excess, 0.0) if math.isfinite(excess) else 0.0
        held = (
            ("KL divergence", found.kl, limits.kl),
            ("residual variance of the values", found.residual_variance, limits.residual_variance),
            ("drift in behaviour", found.drift, limits.drift),
            ("cost above the static policy's", excess, limits.cost + self.first_excess),
        )
        return tuple(
            f"{name} {value:.3g} is above its limit {limit:.3g}"
            for name, value, limit in held
            if limit is not None and not value <= limit
        )

    def cost_breach(self, cost: float, static: float) -> tuple[str, ...]:
        """The same for an evaluation without exploration."""
        excess = _excess(cost, static)
        if excess <= self.limits.cost:
            return ()
        return (
            f"greedy cost {cost:.4g} is {excess:.0%} above the static policy's {static:.4g}, "
            f"limit {self.limits.cost:.0%}",
        )

    def keep(self, learner: Guarded) -> None:
        """Note the learner's state as good."""
        self.good = learner.state()

    def roll_back(self, learner: Guarded, breaches: tuple[str, ...]) -> tuple[str, ...]:
        """Put the learner back and shrink its steps; what to log."""
        now = learner.state()
        kept = {name: array for name, array in now.items() if name.startswith(EXPERIENCE)}
        learner.restore({**self.good, **kept})
        self.rollbacks += 1
        self.rate_scale *= self.limits.shrink
        learner.rate_scale = self.rate_scale
        what = (
            f"rolled back to the last good state ({self.rollbacks} of {self.limits.rollbacks}), "
            f"learning rates times {self.rate_scale:.3g}"
        )
        if self.stopped:
            what = f"stopped after {self.limits.rollbacks} rollbacks; the best actors are kept"
        return (*breaches, what)

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays and counters for a checkpoint."""
        counters = {
            "rate_scale": self.rate_scale,
            "rollbacks": self.rollbacks,
            "first_excess": self.first_excess,
        }
        return dict(self.good), counters

    def restore(self, good: Arrays, counters: Mapping[str, Any], learner: Guarded) -> None:
        """Put back what ``state`` gave."""
        self.good = good
        self.rate_scale = learner.rate_scale = counters["rate_scale"]
        self.rollbacks = counters["rollbacks"]
        self.first_excess = counters["first_excess"]


def _excess(cost: float, baseline: float) -> float:
    """How much more is paid, as a share of the baseline's cost (or earnings)."""
    return (cost - baseline) / max(abs(baseline), 1e-9)


def all_finite(values: tuple[float, ...]) -> bool:
    """True where every figure is a number."""
    return bool(np.isfinite(values).all())
