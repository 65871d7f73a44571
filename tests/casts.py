"""A town and a chain whose agents are played by a cast, some of whom have planted faults."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.credit.record import Audit
from agents.credit.replay import Game
from twin.env.agents import agent_specs
from twin.env.policy import Policy, RulePolicy
from twin.env.rules import OrderingRule
from twin.network.world import World, compile_world
from twin.scenario import from_mapping

Floats = NDArray[np.float64]
WEEK = [0.2, 0.4, 0.6, 1.0, 1.6, 2.2, 1.0]
STORES = {"north": 20.0, "east": 30.0, "south": 12.0}
SEEDS = range(24)


def town(stores: Mapping[str, float] = STORES, **more: Any) -> World:
    """A distribution centre with plenty of room, and stores whose week swings."""
    nodes: dict[str, Any] = {
        "plant": {"kind": "supplier"},
        "dc": {"kind": "warehouse", "stock": 300, "holding": 0.05},
    }
    lanes: dict[str, Any] = {"plant -> dc": {"lead_time": "1 d"}}
    for name, mean in stores.items():
        demand = {"model": "poisson", "mean": mean, "weekly": WEEK}
        store = {"kind": "store", "stock": 3 * mean, "holding": 0.5, "penalty": 8}
        nodes[name] = {**store, "unmet": "lost", "demand": demand}
        lanes[f"dc -> {name}"] = {"lead_time": "1 d", **more.get("lane", {})}
    document = {"kind": "scenario", "name": "town", "horizon": "42 d"}
    agents = {"replenish": list(stores), **more.get("agents", {})}
    rest = {key: more[key] for key in ("fleets",) if key in more}
    whole = {**document, "nodes": nodes, "lanes": lanes, "agents": agents, **rest}
    return compile_world(from_mapping(whole).model)


def static_rule(world: World) -> OrderingRule:
    """Order up to a level: the best one for a week that swings is two days' mean and a bit."""
    level = 2 * world.throughput + np.sqrt(2 * world.throughput)
    level[world.nodes.index("dc")] *= 2
    return OrderingRule("base_stock", level[None])


def weekly_rule(world: World) -> OrderingRule:
    """What tomorrow's demand takes, and a bit: what every good store plays."""
    tomorrow = np.roll(WEEK, -1)[:, None, None] * world.throughput
    level = tomorrow + 2 * np.sqrt(tomorrow)
    level[:, world.nodes.index("dc")] = static_rule(world).level[0, world.nodes.index("dc")]
    return OrderingRule("weekday_base_stock", level)


class Cast:
    """A fleet in which each agent may play another policy."""

    takes_columns = True

    def __init__(self, usual: Policy, others: Mapping[str, Any]) -> None:
        self.name = "cast"
        self._usual = usual
        self._others = others

    def reset(self, seed: int) -> None:
        """No memory."""

    def act(self, observations: Mapping[str, Floats]) -> dict[str, Floats]:
        """Each agent's own policy."""
        usual = self._usual.act(observations)
        for name, change in self._others.items():
            if name in usual:
                usual[name] = change(observations[name], usual[name])
        return usual


class OneByOne(Cast):
    """The same fleet for one episode at a time."""

    takes_columns = False


def game_of(world: World, **others: Any) -> Game:
    """Every store plays the weekly rule, but for the agents that are told otherwise."""
    named = {f"replenish:{name}": change for name, change in others.items()}
    return Game(world, Cast(RulePolicy(world, weekly_rule(world)), named), static_rule(world))


def copycat(world: World, node: str) -> Any:
    """Decides what the static rule decides."""
    static, name = RulePolicy(world, static_rule(world)), f"replenish:{node}"
    return lambda observation, wish: static.act({name: observation})[name]


def frozen(amount: float) -> Any:
    """Orders the same every day."""
    return lambda observation, wish: np.full_like(wish, amount)


def saboteur(observation: Floats, wish: Floats) -> Floats:
    """Orders a third of what is needed."""
    return wish / 3


def one_agent_more(world: World) -> World:
    """The same town in which the distribution centre is an agent too."""
    model = world.model
    agents = model.agents.model_copy(update={"replenish": ("dc", *model.agents.replenish)})
    return compile_world(model.model_copy(update={"agents": agents}))


def free_rider(world: World, node: str) -> Any:
    """Looks busy where a bit more one day and a bit less the next make no difference."""
    spec = next(spec for spec in agent_specs(world) if spec.entity == node)

    def restless(observation: Floats, wish: Floats) -> Floats:
        odd = spec.period(observation) % 2
        moved: Floats = wish + np.where(wish > 2, 4 * odd - 2, 0.0)
        return moved

    return restless


def verdicts(found: Audit) -> dict[str, str]:
    return {row.agent.partition(":")[2]: row.verdict for row in found.agents}


CHAIN = (4, 3, 2, 1)
CHAIN_WEEK = [
    (32, 30, 53, 70), (20, 30, 56, 67), (9, 22, 31, 68), (48, 77, 8, 110),
    (47, 59, 16, 91), (65, 39, 10, 126), (18, 105, 26, 109),
]  # fmt: skip
"""Order-up-to levels by weekday and stage, tuned together."""


def chain(**others: Any) -> Game:
    """Four stages in a row that were tuned together, against a tuned level per stage."""
    nodes: dict[str, Any] = {"plant": {"kind": "supplier"}}
    for i in CHAIN:
        nodes[f"s{i}"] = {"kind": "warehouse", "stock": 120, "holding": 0.1 * (5 - i)}
    demand = {"model": "poisson", "mean": 20, "weekly": WEEK}
    nodes["s1"] |= {"kind": "store", "unmet": "backlog", "penalty": 5, "demand": demand}
    stages = ["plant", *(f"s{i}" for i in CHAIN)]
    lanes = {f"{a} -> {b}": {"lead_time": "2 d"} for a, b in pairwise(stages)}
    document = {"kind": "scenario", "name": "chain", "horizon": "84 d", "nodes": nodes}
    agents = {"agents": {"replenish": stages[1:]}}
    world = compile_world(from_mapping({**document, "lanes": lanes, **agents}).model)
    level, week = np.array([0.0, 76, 54, 49, 92]), np.pad(np.array(CHAIN_WEEK), ((0, 0), (1, 0)))
    usual = RulePolicy(world, OrderingRule("weekday_base_stock", week[..., None].astype(float)))
    named = {f"replenish:{name}": change for name, change in others.items()}
    return Game(world, Cast(usual, named), OrderingRule("base_stock", level[None, :, None]))
