"""How an agent acts beside the static rule on the same observations: does it move at all?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agents.credit.decompose import Decomposition, decompose
from agents.credit.replay import Game, team_ledgers
from twin.env.agents import AgentSpec, agent_specs
from twin.env.policy import Policy, RulePolicy
from twin.network.world import World

Floats = NDArray[np.float64]
STILL = 0.005
"""Periods of mean flow (or share of the vehicles) below which a movement is rounding."""
MOST_NOTED = 4_000_000
"""Numbers of decisions noted; further episodes count for the books only."""
UNITS = {"replenish": "periods of mean flow", "dispatch": "of the fleet"}


@dataclass(frozen=True)
class Behaviour:
    """Decisions in periods of mean flow, or as a share of the fleet's vehicles."""

    spread: float
    """Standard deviation of the decisions over time and seeds."""
    deviation: float
    """Root mean square distance from the static rule's decisions."""
    bias: float
    """Mean distance: positive where it orders more than the static rule."""
    correction_spread: float
    """Standard deviation of the distance where both decide something."""
    unit: str
    """What one is: a period of mean flow, or the whole fleet."""

    @property
    def copies_default(self) -> bool:
        """Whether it decides what the static rule decides."""
        return self.deviation < STILL

    @property
    def frozen(self) -> bool:
        """Whether its action is constant: the decision, or its distance from the static rule."""
        return min(self.spread, self.correction_spread) < STILL

    @property
    def biased(self) -> bool:
        """Whether most of its distance from the static rule points one way."""
        return 2 * self.bias**2 > self.deviation**2


class _Watched:
    """Notes a policy's decisions beside the static rule's on the same observations."""

    def __init__(self, policy: Policy, static: RulePolicy) -> None:
        self.name = policy.name
        self.takes_columns = bool(getattr(policy, "takes_columns", False))
        self._policy = policy
        self._static = static
        self._room = MOST_NOTED
        self.seen: dict[str, list[tuple[Floats, Floats]]] = {}

    def reset(self, seed: int) -> None:
        """Start a new episode."""
        self._policy.reset(seed)

    def act(self, observations: Mapping[str, Floats]) -> dict[str, Floats]:
        """The policy's decisions; for whoever passes the static rule decides."""
        wishes = self._policy.act(observations)
        for name, default in self._static.act(observations).items():
            self._note(name, np.array(wishes.get(name, default)), default)
        return wishes

    def _note(self, name: str, wish: Floats, default: Floats) -> None:
        if self._room >= wish.size:
            self._room -= wish.size
            self.seen.setdefault(name, []).append((wish, default))


def watch(game: Game, seeds: Sequence[int]) -> tuple[dict[str, Behaviour], Decomposition]:
    """Run the whole team: how each agent acted, and the books of everybody."""
    watched = _Watched(game.policy, RulePolicy(game.world, game.rule))
    books = decompose(game.world, team_ledgers(replace(game, policy=watched), seeds))
    specs = {spec.name: spec for spec in agent_specs(game.world)}
    manners = {
        name: _behaviour(rows, decision_scale(game.world, specs[name]), UNITS[specs[name].role])
        for name, rows in watched.seen.items()
    }
    return manners, books


def decision_scale(world: World, spec: AgentSpec) -> Floats:
    """What one decision is measured in: the mean flow of lane and product, or the vehicles."""
    if spec.role == "dispatch":
        lanes, vehicles = len(spec.lanes), float(world.fleets[spec.index].vehicles)
        return np.concatenate([np.full(lanes, max(vehicles, 1.0)), np.ones(lanes)])
    flow = world.throughput[world.destination[spec.lanes]] * world.share[spec.lanes, None]
    scale: Floats = np.maximum(flow, 1e-9).ravel()
    return scale


def _behaviour(rows: Sequence[tuple[Floats, Floats]], scale: Floats, unit: str) -> Behaviour:
    wish = _by_decision([own for own, _ in rows], len(scale)) / scale
    default = _by_decision([rule for _, rule in rows], len(scale)) / scale
    distance = wish - default
    both = np.where((wish > 0) & (default > 0), distance, np.nan)
    return Behaviour(
        spread=float(np.sqrt(wish.var(axis=0).mean())),
        deviation=float(np.sqrt((distance**2).mean())),
        bias=float(distance.mean()),
        correction_spread=_spread_of(both),
        unit=unit,
    )


def _by_decision(decided: Sequence[Floats], size: int) -> Floats:
    """(decision, number), from rows (number, ...)."""
    return np.concatenate([row.reshape(size, -1).T for row in decided])


def _spread_of(values: Floats) -> float:
    """Standard deviation per column without its gaps, pooled; infinite where all is gaps."""
    columns = [column[~np.isnan(column)] for column in values.T]
    found = [column.var() for column in columns if len(column) > 1]
    return float(np.sqrt(np.mean(found))) if found else float("inf")
