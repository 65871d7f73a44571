"""Closed-loop replay of coalitions: some agents play the policy, the others the static rule.

An episode is a pair (coalition, seed): the same seed gives every coalition the same luck (common
random numbers), and the members react to what the others do. Policies that take observations of
many replications at once are replayed on the batch engine, any other on the event engine; both
mean the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.learn.rewards import home
from twin.engine.batch import BatchEngine, BatchPath, stack_paths
from twin.engine.ledger import PeriodLedger
from twin.env.agents import AgentSpec, agent_specs
from twin.env.episode import run_policy
from twin.env.observe import Layout, global_vector
from twin.env.policy import Policy, RulePolicy
from twin.env.rules import OrderingRule, lane_orders
from twin.errors import SimulationError
from twin.exogenous.path import draw_path
from twin.network.world import World

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.intp]
Notify = Callable[[float], None]
MOST_NUMBERS = 8_000_000
"""Numbers of sample paths and observations held at a time; further episodes wait their turn."""
MOST_AT_ONCE = 2_048
"""Episodes side by side; more of them no longer fit the processor's cache and gain nothing."""
OVERHEAD = 400
"""What a period costs besides its observations, in numbers observed."""
USUAL_WORK = 75_000
"""Periods times numbers observed, up to which an episode counts as one; quickstart has 57,000."""
ONE_BY_ONE = 12
"""How much longer an episode takes on the event engine."""
MOST_LEDGERS = 64
"""Whole ledgers made side by side."""


@dataclass(frozen=True)
class Game:
    """Who plays what in which world: a policy for the members of a coalition, a rule for others.

    The rule also runs the nodes that have no agent.
    """

    world: World
    policy: Policy
    rule: OrderingRule
    away: frozenset[str] = frozenset()
    """Agents that take no part: they follow the rule whoever joins."""
    down: bool = False
    """Whether agents of nodes that are closed or down follow the rule; on the batch engine only."""

    @cached_property
    def players(self) -> tuple[AgentSpec, ...]:
        """The agents that take part."""
        return tuple(spec for spec in agent_specs(self.world) if spec.name not in self.away)

    @property
    def agents(self) -> tuple[str, ...]:
        """Names of the players, the order of every agent axis."""
        return tuple(spec.name for spec in self.players)

    @property
    def side_by_side(self) -> bool:
        """Whether the policy can be replayed on the batch engine."""
        return bool(getattr(self.policy, "takes_columns", False))


class CoalitionPolicy:
    """A policy of which only the members play; the others follow the static rule."""

    def __init__(self, policy: Policy, static: RulePolicy, members: frozenset[str]) -> None:
        self.name = f"{policy.name} of {len(members)}"
        self._policy = policy
        self._static = static
        self._members = members

    def reset(self, seed: int) -> None:
        """Start a new episode for both."""
        self._policy.reset(seed)
        self._static.reset(seed)

    def act(self, observations: Mapping[str, Floats]) -> dict[str, Floats]:
        """The members' decisions by the policy, the others' by the rule."""
        own = {name: obs for name, obs in observations.items() if name in self._members}
        others = {name: obs for name, obs in observations.items() if name not in self._members}
        return {**self._policy.act(own), **self._static.act(others)}


def coalition_costs(
    game: Game,
    members: Flags,
    seed_of: Sequence[int] | Ints,
    progress: Notify | None = None,
) -> Floats:
    """Cost less revenue per period of each episode: (episode,), undiscounted.

    ``members`` (episode, agent) says who plays the policy, ``seed_of`` (episode,) on which seed.
    Memory is bounded; the result does not depend on how episodes are put side by side. Raises
    SimulationError when a decision is negative or not finite.
    """
    notify = progress or (lambda share: None)
    seeds = np.asarray(seed_of, dtype=np.int64)
    costs = np.zeros(len(seeds))
    size = episodes_at_once(game.world) if game.side_by_side else 1
    for start in range(0, len(seeds), size):
        rows = slice(start, start + size)
        one = _batch_costs if game.side_by_side else _event_costs
        costs[rows] = one(game, members[rows], seeds[rows])
        notify(min(start + size, len(seeds)) / len(seeds))
    return costs


def episodes_at_once(world: World) -> int:
    """How many episodes fit into the memory that a replay may use."""
    nodes, lanes, products, _ = world.shape
    vehicles = sum(fleet.vehicles for fleet in world.fleets)
    path = world.periods * (nodes * products + 2 * lanes + vehicles)
    kept = (world.history + 8) * 3 * lanes * products + 2 * Layout.of(world).size
    return max(1, min(MOST_AT_ONCE, MOST_NUMBERS // (path + kept)))


def team_ledgers(game: Game, seeds: Sequence[int]) -> Iterator[PeriodLedger]:
    """What happens on each seed when everybody plays the policy, seed by seed."""
    size = min(MOST_LEDGERS, episodes_at_once(game.world)) if game.side_by_side else 1
    for start in range(0, len(seeds), size):
        some = np.asarray(seeds[start : start + size], dtype=np.int64)
        everybody = np.ones((len(some), len(game.agents)), dtype=bool)
        if not game.side_by_side:
            yield _event_ledger(game, everybody[0], int(some[0]))
            continue
        whole = _replayed(game, everybody, some, keep_rows=True)[0].quantities()
        for i, seed in enumerate(some.tolist()):
            yield PeriodLedger(game.world, seed, whole.replication(i))


def affordable(game: Game, episodes: int) -> int:
    """How many episodes a budget allows: fewer in large networks, and far fewer one by one.

    It does not depend on the machine, so that neither does the audit.
    """
    if not game.side_by_side:
        return max(1, episodes // ONE_BY_ONE)
    work = game.world.periods * (OVERHEAD + Layout.of(game.world).size)
    return max(1, min(episodes, episodes * USUAL_WORK // work))


def _event_costs(game: Game, members: Flags, seeds: NDArray[np.int64]) -> Floats:
    """One episode after the other on the event engine."""
    rows = zip(members, seeds.tolist(), strict=True)
    return np.array([_event_ledger(game, mask, seed).cost.mean() for mask, seed in rows])


def _event_ledger(game: Game, mask: Flags, seed: int) -> PeriodLedger:
    names = frozenset(name for name, plays in zip(game.agents, mask, strict=True) if plays)
    mixed = CoalitionPolicy(game.policy, RulePolicy(game.world, game.rule), names)
    return run_policy(game.world, draw_path(game.world, seed), mixed, game.rule)


def _batch_costs(game: Game, members: Flags, seeds: NDArray[np.int64]) -> Floats:
    """All episodes side by side on the batch engine."""
    costs: Floats = -_replayed(game, members, seeds)[1] / game.world.periods
    return costs


def _replayed(
    game: Game, members: Flags, seeds: NDArray[np.int64], keep_rows: bool = False
) -> tuple[BatchEngine, Floats]:
    """The engine at the end of the horizon, and the profit of each episode."""
    world = game.world
    engine = BatchEngine(world, _paths(world, seeds), keep_rows=keep_rows)
    rule = game.rule.for_columns()
    columns = [np.flatnonzero(members[:, i]) for i in range(len(game.players))]
    game.policy.reset(int(seeds[0]))
    profit = np.zeros(len(seeds))
    while engine.advance():
        engine.decide(*_decision(game, rule, engine, columns))
        profit += engine.profit_row().sum(0)
    return engine, profit


def _paths(world: World, seeds: NDArray[np.int64]) -> BatchPath:
    """The sample paths of the episodes; each seed is drawn once."""
    found, place = np.unique(seeds, return_inverse=True)
    stacked = stack_paths(world, [draw_path(world, int(seed)) for seed in found])
    parts = {field.name: getattr(stacked, field.name) for field in fields(stacked)}
    spread = {name: part[..., place] for name, part in parts.items() if part is not None}
    return BatchPath(**{name: np.ascontiguousarray(part) for name, part in spread.items()})


def _decision(
    game: Game,
    rule: OrderingRule,
    engine: BatchEngine,
    columns: Sequence[Ints],
) -> tuple[Any, Any, Any]:
    """The rule everywhere, with the members' decisions in the episodes in which they play."""
    world, t = game.world, engine.t
    orders = np.array(lane_orders(world, rule.orders(engine.inventory_position(), t)))
    vehicles = np.repeat(world.fleet_vehicles[:, None], orders.shape[-1], axis=1)
    min_load = np.zeros_like(vehicles)
    vector = global_vector(world, engine)
    for spec, chosen in zip(game.players, columns, strict=True):
        if not len(chosen):
            continue
        ages = np.zeros((len(spec.reads), len(chosen)))
        seen = np.concatenate([vector[np.ix_(spec.places, chosen)], ages])
        wish = _possible(spec.name, game.policy.act({spec.name: seen})[spec.name])
        if game.down and engine.path.node_open is not None:
            works = engine.path.node_open[t, home(world, spec), chosen] > 0
            chosen, wish = chosen[works], wish[:, works]
        if spec.role == "replenish":
            shaped = wish.reshape(len(spec.lanes), len(world.products), -1)
            orders[np.ix_(spec.lanes, np.arange(len(world.products)), chosen)] = shaped
        else:
            places = np.ix_(spec.lanes, chosen)
            vehicles[places], min_load[places] = np.split(wish, 2)
    return orders, vehicles, min_load


def _possible(agent: str, wish: Floats) -> Floats:
    """The decision as it is; raises SimulationError when the event engine would refuse it too."""
    # A NaN or an infinity anywhere makes the sum fail the comparison.
    if wish.size and not (wish.sum() < np.inf and wish.min() >= 0):
        raise SimulationError(
            "decisions must be finite and not negative", agent, str(float(wish.min()))
        )
    return wish
