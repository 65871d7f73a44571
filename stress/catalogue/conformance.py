"""The contract of every fault, as a check that its author can run: ``check_fault(family, ...)``.

the ladder has six rungs              severity 0 leaves the digest of a run unchanged
the fault travels to other processes  at its highest rung it strikes
the same seed gives the same run      nothing changes outside the window
a mode hits only its targets          the given path, or policy, is left as it is
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.gateway.incident import Incident
from stress.catalogue.actors import FaultyPolicy
from stress.catalogue.base import (
    LEVELS,
    ActorFault,
    ChannelFault,
    Fault,
    PeopleFault,
    Window,
    WorldFault,
)
from stress.catalogue.families import FAMILIES, build_fault
from stress.catalogue.layers import FaultLayer
from twin.env.agents import agent_specs
from twin.env.policy import Policy, RulePolicy
from twin.env.rules import default_rule
from twin.errors import InvariantError
from twin.exogenous.path import SamplePath, draw_path
from twin.network.world import World
from twin.tools.channel import Direction, Transit

BODY = b'{"version":"1","call":"c","tool":"inventory.read","entity":"x","unit":"unit","as_of":0,'
BODY += b'"is_error":false,"on_hand":[1.0],"owed":[0.0]}'
DIRECTIONS: tuple[Direction, ...] = ("request", "answer")
TRIES = 5
"""Seeds, one of which at least must see a strike: a short window can pass between two spells."""
Run = tuple[str, Any, int]
"""Ledger digest, cost account and strikes of one episode."""


def check_fault(
    family: str, world: World, window: Window, seed: int = 0, **parameters: object
) -> None:
    """Raise InvariantError unless the fault keeps the contract on this world and window.

    The world must have what the fault acts on (``Fault.lacks``).
    """
    fault = build_fault(family, parameters)
    _require(not fault.lacks(world), family, fault.lacks(world))
    _require(fault.family == family == _registered_as(type(fault)), family, "registered once")
    _require(len(fault.ladder) == LEVELS, family, "the ladder has six rungs")
    _require(pickle.loads(pickle.dumps(fault)) == fault, family, "travels to other processes")
    off, calm = (_run(f, world, 0, seed, window) for f in (fault, None))
    _require(off == calm, family, "severity 0 leaves the digest of a run unchanged")
    first, second = (_run(fault, world, LEVELS - 1, seed, window) for _ in range(2))
    _require(first == second, family, "the same seed gives the same run")
    tries = (_run(fault, world, LEVELS - 1, seed + k, window)[2] for k in range(TRIES))
    _require(any(tries), family, "at its highest rung it strikes")
    for severity in range(LEVELS):
        if isinstance(fault, WorldFault):
            _check_world(fault, world, severity, seed, window)
        elif isinstance(fault, ChannelFault):
            _check_channel(fault, world, severity, seed, window)
        elif isinstance(fault, ActorFault):
            _check_actor(fault, world, severity, seed, window)


def _require(holds: bool, family: str, law: str) -> None:
    if not holds:
        raise InvariantError(f"fault breaks its contract: {law}", family)


def _registered_as(kind: type[Fault]) -> str:
    names = [name for name, registered in FAMILIES.items() if registered is kind]
    return names[0] if len(names) == 1 else ""


def _run(fault: Fault | None, world: World, severity: int, seed: int, window: Window) -> Run:
    """A whole episode behind the tools, by the default rule."""
    from agents.gateway.episode import run_through_tools

    rule = default_rule(world)
    path = calm = draw_path(world, seed)
    policy: Policy = RulePolicy(world, rule)
    layers: list[FaultLayer] = []
    incidents: list[Incident] = []
    if isinstance(fault, WorldFault):
        path = fault.transform(world, path, severity, seed, window)
    elif isinstance(fault, ChannelFault):
        layers = [fault.layer(severity, window)]
    elif isinstance(fault, PeopleFault):
        incidents = [fault.incident(severity, window)]
    elif isinstance(fault, ActorFault):
        policy = fault.wrap(policy, world, severity, window)
    outcome = run_through_tools(world, path, policy, rule, seed, layers, incidents=incidents)
    fired = sum(layer.fired for layer in layers) + sum(one.fired for one in incidents)
    fired += int(not _same(calm, path))
    fired += policy.fired if isinstance(policy, FaultyPolicy) else 0
    return outcome.ledger.digest, outcome.account, fired


def _same(one: SamplePath, other: SamplePath, periods: Any = slice(None)) -> bool:
    arrays = zip(astuple(one)[1:], astuple(other)[1:], strict=True)
    return all(np.array_equal(a[periods], b[periods]) for a, b in arrays)


def _check_world(fault: WorldFault, world: World, severity: int, seed: int, window: Window) -> None:
    calm = draw_path(world, seed)
    struck = fault.transform(world, calm, severity, seed, window)
    again = fault.transform(world, calm, severity, seed, window)
    outside = np.setdiff1d(np.arange(world.periods), window.periods(world))
    _require(_same(struck, again), fault.family, "the same seed gives the same run")
    _require(_same(calm, draw_path(world, seed)), fault.family, "the given path is left as it is")
    _require(_same(calm, struck, outside), fault.family, "nothing changes outside the window")
    _require(severity > 0 or _same(calm, struck), fault.family, "severity 0 changes nothing")


def _check_channel(
    fault: ChannelFault, world: World, severity: int, seed: int, window: Window
) -> None:
    outside = [window.start_d - 1.0, window.end_d, window.end_d + 1.0]
    moments = outside if severity else [*outside, (window.start_d + window.end_d) / 2]
    layer = fault.layer(severity, window)
    layer.start(seed, world)
    for moment in moments:
        calm = all(_is_calm(layer, transit) for transit in _messages(world, moment))
        _require(calm, fault.family, "nothing changes outside the window, or at severity 0")
    _require(layer.fired == 0, fault.family, "only strikes are counted in fired")


def _messages(world: World, now_d: float) -> Sequence[Transit]:
    agents = [spec.name for spec in agent_specs(world)]
    return [
        Transit(direction, "inventory.read", agent, f"{agent}/{k}/0", 1, len(BODY), now_d)
        for agent in agents
        for k in range(10)
        for direction in DIRECTIONS
    ]


def _is_calm(layer: FaultLayer, transit: Transit) -> bool:
    unchanged = layer.delay(transit, 1.0) == 1.0 and layer.rate(transit.sent_at, 1e6) == 1e6
    if transit.direction == "request":
        unchanged = unchanged and layer.request(transit, BODY) == BODY
    else:
        unchanged = unchanged and layer.answer(transit, BODY) == BODY
    return unchanged and tuple(layer.copies(transit)) == ()


def _check_actor(fault: ActorFault, world: World, severity: int, seed: int, window: Window) -> None:
    """Play all periods on made-up observations; outside the window nothing may differ."""
    inner = RulePolicy(world, default_rule(world))
    policy = fault.wrap(inner, world, severity, window)
    policy.reset(seed)
    rng = np.random.Generator(np.random.Philox(key=seed))
    for t in range(world.periods):
        inside = severity > 0 and window.covers(t * world.period_d)
        for spec in agent_specs(world):
            observation = np.floor(20 * rng.random(spec.size))
            observation[spec.slices["clock"]] = 0.0
            observation[spec.slices["clock"].start] = t
            wish = policy.act({spec.name: observation}).get(spec.name)
            sound = inner.act({spec.name: observation})[spec.name]
            same = inside or _equal(wish, sound)
            _require(same, fault.family, "nothing changes outside the window, or at severity 0")


def _equal(wish: NDArray[np.float64] | None, sound: NDArray[np.float64]) -> bool:
    return wish is not None and np.array_equal(wish, sound)
