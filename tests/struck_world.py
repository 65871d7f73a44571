"""A plant, a warehouse and two shops, and one fault at a time that strikes them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from stress.catalogue import ActorFault, ChannelFault, Window, build_fault
from stress.catalogue.actors import FaultyPolicy
from stress.catalogue.layers import FaultLayer
from twin.env.agents import agent_specs
from twin.network.world import World, compile_world
from twin.scenario import from_mapping
from twin.tools.channel import Transit
from twin.tools.wire import is_sealed

WINDOW = Window(5.0, 15.0)
INSIDE = 6.0
SHOP = "replenish:shop"


def struck_world() -> World:
    """The network that the faults strike."""
    lane = {"lead_time": "1 d"}
    shop = {"kind": "store", "stock": 20, "demand": {"model": "poisson", "mean": 8}}
    return compile_world(
        from_mapping(
            {
                "kind": "scenario",
                "name": "tiny",
                "horizon": "20 d",
                "nodes": {
                    "plant": {"kind": "supplier"},
                    "dc": {"kind": "warehouse", "stock": 60},
                    "shop": shop,
                    "kiosk": shop,
                },
                "lanes": {
                    "plant -> dc": {"lead_time": "2 d"},
                    "dc -> shop": lane,
                    "dc -> kiosk": lane,
                },
                "agents": {"replenish": ["dc", "shop", "kiosk"]},
            }
        ).model
    )


def layer(world: World, family: str, severity: int = 5, seed: int = 1, **parameters: Any):
    fault = build_fault(family, parameters)
    assert isinstance(fault, ChannelFault)
    made = fault.layer(severity, WINDOW)
    made.start(seed, world)
    return made


def transit(
    k: int = 0, at: float = INSIDE, direction: Any = "answer", agent: str = SHOP
) -> Transit:
    return Transit(direction, "inventory.read", agent, f"{agent}/{k}/0", 1, 100, at)


def stock(*on_hand: float, as_of: int = 6) -> bytes:
    head = {"version": "1", "call": "c", "tool": "inventory.read", "entity": "shop"}
    body = {"unit": "unit", "as_of": as_of, "is_error": False, "on_hand": on_hand, "owed": [0.0]}
    return json.dumps({**head, **body}).encode()


def shown(made: FaultLayer, body: bytes, k: int = 0, at: float = INSIDE) -> list[float]:
    answer = made.answer(transit(k, at), body)
    assert answer is not None
    document, sound = json.loads(answer), json.loads(body)
    numbers = ("on_hand", "owed", "digest")
    assert [document[k] for k in sound if k not in numbers] == [
        sound[k] for k in sound if k not in numbers
    ]
    assert answer is body or is_sealed(answer)
    return document["on_hand"]


class Greedy:
    """Orders as much as the first number that it sees."""

    name = "greedy"

    def reset(self, seed: int) -> None: ...

    def act(self, observations):
        return {name: obs[:1].copy() for name, obs in observations.items()}


def actor(world: World, family: str, severity: int = 5, policy: Any = None, **parameters: Any):
    fault = build_fault(family, parameters)
    assert isinstance(fault, ActorFault)
    made = fault.wrap(policy or Greedy(), world, severity, WINDOW)
    made.reset(3)
    return made


def decisions(made: FaultyPolicy, world: World, agent: str = SHOP) -> list[float | None]:
    """One decision per period; the period is what a sound agent would order."""
    spec = next(spec for spec in agent_specs(world) if spec.name == agent)
    found = []
    for t in range(world.periods):
        observation = np.zeros(spec.size)
        observation[0] = observation[spec.slices["clock"].start] = t
        wish = made.act({agent: observation}).get(agent)
        found.append(None if wish is None else float(wish[0]))
    return found


def down(world: World, family: str, severity: int = 5, **parameters: Any) -> tuple[Any, float]:
    """A layer with spells, and a moment that lies in one."""
    for seed in range(20):
        made = layer(world, family, severity, seed, duration="4 d", **parameters)
        for at in np.arange(WINDOW.start_d, WINDOW.end_d, 0.1):
            if made.spell_end_at(SHOP, at) is not None:
                return made, float(at)
    raise AssertionError("no spell in any of twenty windows")
