"""A foreign PettingZoo environment that does nothing but take as long as one that does something.

Five agents, sixteen numbers each, episodes of a hundred steps that a time limit ends. It needs
numpy and PettingZoo alone, so that other projects can play it in environments of their own.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

AGENTS, SEEN, ACTIONS, EPISODE = 5, 16, 5, 100
ENVS, STEPS = 10, 200
"""Environments and steps of each: 2,000 joint frames a batch."""
STEP_US = 35.0
Floats = NDArray[np.float32]


class Waiting(ParallelEnv):  # type: ignore[misc]  # PettingZoo ships no types
    """Rewards actions near what is seen; every step takes ``step_us`` of the processor."""

    metadata: dict[str, Any] = {"name": "waiting_v0"}  # noqa: RUF012 (PettingZoo's own form)

    def __init__(self, seed: int, step_us: float) -> None:
        self.possible_agents = [f"agent_{i}" for i in range(AGENTS)]
        self.agents = self.possible_agents
        self._seen = np.random.default_rng(seed).standard_normal((EPISODE + 1, AGENTS, SEEN))
        self._shown = [self._named(row) for row in self._seen.astype(np.float32)]
        self._none = dict.fromkeys(self.agents, False)
        self._over = dict.fromkeys(self.agents, True)
        self._infos: dict[str, dict[str, Any]] = {name: {} for name in self.agents}
        self._step_s = step_us * 1e-6
        self._t = 0
        self._observed = spaces.Box(-np.inf, np.inf, (SEEN,), np.float32)
        self._acted = spaces.Box(-1.0, 1.0, (ACTIONS,), np.float32)

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """Sixteen numbers."""
        return self._observed

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """Five numbers from -1 to 1."""
        return self._acted

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        """Start an episode."""
        self._t = 0
        return self._shown[0], self._infos

    def step(self, actions: dict[str, Floats]) -> Any:
        """One step; the last one of an episode is truncated, never terminated."""
        start = time.process_time()
        wanted = self._seen[self._t]
        rewards = {
            name: -abs(float(actions[name][0]) - float(wanted[i, 0]))
            for i, name in enumerate(self.possible_agents)
        }
        self._t += 1
        cut = self._over if self._t == EPISODE else self._none
        while time.process_time() - start < self._step_s:
            pass
        return self._shown[self._t], rewards, self._none, cut, self._infos

    def _named(self, rows: Floats) -> dict[str, Floats]:
        return dict(zip(self.possible_agents, rows, strict=True))


def environments(step_us: float) -> list[Waiting]:
    """All of a batch."""
    return [Waiting(seed, step_us) for seed in range(ENVS)]
