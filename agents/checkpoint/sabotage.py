"""Fleets spoilt on purpose, so that a gate can be seen to refuse them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from twin.env.policy import Policy
from twin.errors import UsageError
from twin.exogenous.streams import stream

Floats = NDArray[np.float64]
KINDS = ("shuffled", "muted:AGENT")


class ShuffledPolicy:
    """Every decision's numbers are given to the wrong lane, or come from another day.

    A decision with several numbers is permuted; one with a single number is swapped with one of the
    same agent's earlier decisions.
    """

    def __init__(self, policy: Policy) -> None:
        self.name = f"{policy.name} shuffled"
        self.digest = str(getattr(policy, "digest", ""))
        self._policy = policy
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Start a new episode."""
        self._policy.reset(seed)
        self._seed = seed
        self._drawn: dict[str, np.random.Generator] = {}
        self._past: dict[str, list[Floats]] = {}

    def act(self, observations: Mapping[str, Floats]) -> dict[str, Floats]:
        """Shuffled decisions."""
        wishes = self._policy.act(observations)
        return {name: self._shuffled(name, wish) for name, wish in wishes.items()}

    def _shuffled(self, agent: str, wish: Floats) -> Floats:
        if agent not in self._drawn:
            self._drawn[agent] = stream(self._seed, f"sabotage/shuffled/{agent}")
        past = self._past.setdefault(agent, [])
        past.append(wish)
        rng = self._drawn[agent]
        chosen: Floats = past[int(rng.integers(len(past)))]
        return rng.permutation(chosen)


class MutedPolicy:
    """One agent's decisions are all zero: it orders nothing, books nothing."""

    def __init__(self, policy: Policy, agent: str) -> None:
        self.name = f"{policy.name} muted:{agent}"
        self.digest = str(getattr(policy, "digest", ""))
        self.takes_columns = bool(getattr(policy, "takes_columns", False))
        self._policy = policy
        self._agent = agent

    def reset(self, seed: int) -> None:
        """Start a new episode."""
        self._policy.reset(seed)

    def act(self, observations: Mapping[str, Floats]) -> dict[str, Floats]:
        """The fleet's decisions with one agent's zeroed."""
        wishes = self._policy.act(observations)
        if self._agent in wishes:
            wishes[self._agent] = np.zeros_like(wishes[self._agent])
        return wishes


def sabotaged(policy: Policy, kind: str, agents: tuple[str, ...]) -> Policy:
    """The policy spoilt as ``kind`` says; raises UsageError for an unknown kind or agent."""
    if kind == "shuffled":
        return ShuffledPolicy(policy)
    name, _, agent = kind.partition(":")
    if name == "muted" and agent in agents:
        return MutedPolicy(policy, agent)
    known = ", ".join(("shuffled", *(f"muted:{a}" for a in agents)))
    raise UsageError("unknown sabotage", "--sabotage", repr(kind), known)
