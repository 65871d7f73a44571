"""Twins in which one agent each plays the static policy: what difference rewards subtract.

All of them run closed loop beside the training networks, on the same sample paths and with the same
exploration noise: the other agents react to the replacement. What a twin earns depends on nothing
that its agent does in training, so subtracting it changes no expected gradient, only the noise.
Agent i's twins are replications i B .. (i + 1) B of one wide batch.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agents.learn.explore import Explorer
from twin.engine.batch import BatchPath
from twin.env.agents import AgentSpec

if TYPE_CHECKING:
    from agents.learn.decided import Decision
    from agents.learn.horizon import Horizon

Floats = NDArray[np.float64]


def widened(path: BatchPath, copies: int) -> BatchPath:
    """Each sample path several times over, copies in blocks."""
    found: BatchPath = replace(
        path,
        **{name: np.tile(x, copies) for name, x in vars(path).items() if isinstance(x, np.ndarray)},
    )
    return found


class Counterfactual:
    """A wide horizon on ``widened`` paths, one block of replications per agent."""

    def __init__(self, horizon: Horizon, specs: tuple[AgentSpec, ...]) -> None:
        self.horizon = horizon
        self.specs = specs

    def step(self, explorer: Explorer, k: int) -> Floats:
        """One period; the team's profit without each agent: (B, agent)."""
        horizon = self.horizon
        groups = range(len(horizon.setup.groups))
        acted = [explorer.act(g, horizon.vector, k, horizon).actions for g in groups]
        decision = self._without_each(horizon.decision(acted), horizon.static_decision())
        team: Floats = horizon.step(decision).sum(axis=1)
        return team.reshape(len(self.specs), -1).T

    def _without_each(self, decision: Decision, static: Decision) -> Decision:
        """The decision with each block's own agent replaced by the static policy."""
        width = decision[0].shape[-1] // len(self.specs)
        for i, spec in enumerate(self.specs):
            block = slice(i * width, (i + 1) * width)
            parts = (0,) if spec.role == "replenish" else (1, 2)
            for part in parts:
                _copy_lanes(decision[part], static[part], spec, block)
        return decision


def _copy_lanes(target: Any, source: Any, spec: AgentSpec, block: slice) -> None:
    target[spec.lanes, ..., block] = source[spec.lanes, ..., block]
