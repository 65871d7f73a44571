"""How a fine-tuned fleet differs from its parent: layer by layer, and in what it decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from agents.credit.behaviour import decision_scale
from twin.env.agents import agent_specs
from twin.env.episode import run_policy
from twin.env.policy import Policy
from twin.exogenous.path import draw_path
from twin.network.world import World
from twin.scenario.quantities import Model

Floats = NDArray[np.float64]
Arrays = Mapping[str, NDArray[np.float32]]
CHANGED = 0.05
"""Periods of mean flow, or share of the fleet, from which on a decision counts as another."""


class LayerDelta(Model):
    """One layer of one actor, weights and biases together."""

    layer: str
    """``group/number``, or ``group/log_std`` for the exploration."""
    relative: float | None
    """Norm of the change over the parent's norm; none where the shapes differ."""
    cosine: float | None
    """Cosine of the angle between both; none where one is zero."""


class BehaviourDelta(Model):
    """One agent's decisions beside its parent's, in the situations that the parent gets into."""

    agent: str
    distance: float
    """Root mean square, in periods of mean flow, or in shares of the fleet."""
    bias: float
    """Mean: positive where it decides more than the parent."""
    changed: float
    """Share of situations in which it decides otherwise."""


def layer_deltas(child: Arrays, parent: Arrays) -> tuple[LayerDelta, ...]:
    """Change of every layer of every actor, in the order of the names."""
    found: dict[str, list[str]] = {}
    for name in sorted({*child, *parent}):
        if name.startswith("actor/") and not name.endswith("/grid"):
            found.setdefault(_layer(name), []).append(name)
    return tuple(_layer_delta(layer, names, child, parent) for layer, names in found.items())


def _layer(name: str) -> str:
    """``actor/replenish/0/weight`` to ``replenish/0``; the exploration stands alone."""
    place, _, last = name.removeprefix("actor/").rpartition("/")
    return f"{place}/{last}" if last == "log_std" else place


def _layer_delta(layer: str, names: Sequence[str], child: Arrays, parent: Arrays) -> LayerDelta:
    same = all(n in child and n in parent and child[n].shape == parent[n].shape for n in names)
    if not same:
        return LayerDelta(layer=layer, relative=None, cosine=None)
    new = np.concatenate([child[n].ravel() for n in names]).astype(np.float64)
    old = np.concatenate([parent[n].ravel() for n in names]).astype(np.float64)
    norms = float(np.linalg.norm(new)), float(np.linalg.norm(old))
    change = float(np.linalg.norm(new - old))
    relative = change / norms[1] if norms[1] else None
    cosine = float(new @ old) / (norms[0] * norms[1]) if min(norms) else None
    return LayerDelta(layer=layer, relative=relative if change else 0.0, cosine=cosine)


class _Shadowed:
    """Plays one policy and notes what another would have decided."""

    def __init__(self, policy: Policy, shadow: Policy) -> None:
        self.name = policy.name
        self._policy, self._shadow = policy, shadow
        self.seen: dict[str, list[tuple[Floats, Floats]]] = {}

    def reset(self, seed: int) -> None:
        """Start a new episode for both."""
        self._policy.reset(seed)
        self._shadow.reset(seed)

    def act(self, observations: Mapping[str, Floats]) -> dict[str, Floats]:
        """The first policy's decisions."""
        wishes, others = self._policy.act(observations), self._shadow.act(observations)
        for name, wish in wishes.items():
            self.seen.setdefault(name, []).append((wish.copy(), others[name]))
        return wishes


def behaviour_deltas(
    world: World, child: Policy, parent: Policy, seeds: Sequence[int]
) -> tuple[BehaviourDelta, ...]:
    """Run the parent and ask the child what it would have done; one row per agent."""
    shadowed = _Shadowed(parent, child)
    for seed in seeds:
        run_policy(world, draw_path(world, seed), shadowed)
    found = []
    for spec in agent_specs(world):
        rows = np.array(shadowed.seen[spec.name])  # (situation, parent or child, number)
        apart = (rows[:, 1] - rows[:, 0]) / decision_scale(world, spec)
        found.append(
            BehaviourDelta(
                agent=spec.name,
                distance=float(np.sqrt((apart**2).mean())),
                bias=float(apart.mean()),
                changed=float((np.abs(apart) > CHANGED).any(axis=1).mean()),
            )
        )
    return tuple(found)
