"""Witnesses: they see what reaches a policy and what its weights are, and change nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.env.agents import AgentSpec, agent_specs
from twin.env.policy import Policy
from twin.network.world import World

Floats = NDArray[np.float64]
MAX_NOTES = 20
DEPTH = 4
"""How deep weights may lie in a policy."""


class Witness:
    """A policy that looks at every observation before the policy inside does (law 10)."""

    def __init__(self, inner: Policy, world: World) -> None:
        self.name = inner.name
        self.inner = inner
        self.misread: list[str] = []
        self._bounds = observation_bounds(world)

    @property
    def digest(self) -> str:
        """The hash of the policy inside."""
        return str(getattr(self.inner, "digest", ""))

    def reset(self, seed: int) -> None:
        """Start a new episode."""
        self.misread.clear()
        self.inner.reset(seed)

    def act(self, observations: Mapping[str, Floats]) -> dict[str, Floats]:
        """Note what should not have come this far, and pass everything on."""
        for agent, observation in observations.items():
            low, high = self._bounds[agent]
            if observation.shape != low.shape:
                self._note(f"{agent} saw {observation.shape}, not {low.shape}")
            elif not bool(((low <= observation) & (observation <= high)).all()):
                self._note(f"{agent} saw {_worst(observation, low, high)}")
        return self.inner.act(observations)

    def _note(self, text: str) -> None:
        if len(self.misread) < MAX_NOTES:
            self.misread.append(text)


def _worst(observation: Floats, low: Floats, high: Floats) -> str:
    # NaN fails both comparisons, so the places are those that are not inside.
    place = int(np.argmin((low <= observation) & (observation <= high)))
    return f"{observation[place]:g} at place {place}, not {low[place]:g} to {high[place]:g}"


def observation_bounds(world: World) -> dict[str, tuple[Floats, Floats]]:
    """The least and the largest number at each place of each agent's observation."""
    from agents.gateway.plausible import ceilings, floors

    limits = ceilings(world), floors(world)
    return {spec.name: _bounds_of(world, spec, *limits) for spec in agent_specs(world)}


def _bounds_of(
    world: World, spec: AgentSpec, ceiling: Floats, floor: Floats
) -> tuple[Floats, Floats]:
    from agents.gateway.plausible import DUST, read_bounds

    low: list[float] = []
    high: list[float] = []
    for read in spec.reads:
        for bounds in read_bounds(read, ceiling, floor):
            dust = DUST * (1.0 + bounds.highest)
            low += [bounds.lowest - dust] * bounds.count
            high += [bounds.highest + dust] * bounds.count
    clock, reads = len(spec.clock), len(spec.reads)
    low += [0.0] * (clock + reads)
    high += [float(world.periods)] + [1.0] * (clock - 1)
    high += [float(world.model.tools.max_age)] * reads
    return np.array(low), np.array(high)


def weights_digest(policy: Policy) -> str:
    """A hash over the weights that a policy holds, to see whether somebody wrote to them.

    Weights are single precision; what a policy remembers from epoch to epoch is not.
    """
    sha = hashlib.blake2b(digest_size=16)
    for array in _arrays(vars(policy), DEPTH):
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def _arrays(value: Any, depth: int) -> Iterator[NDArray[Any]]:
    """Arrays in nested containers, in a fixed order."""
    if isinstance(value, np.ndarray):
        if value.dtype == np.float32:
            yield value
    elif depth and isinstance(value, Mapping):
        for key in sorted(value, key=str):
            yield from _arrays(value[key], depth - 1)
    elif depth and isinstance(value, list | tuple):
        for item in value:
            yield from _arrays(item, depth - 1)
    elif depth and isinstance(value, Policy):
        yield from _arrays(vars(value), depth)
