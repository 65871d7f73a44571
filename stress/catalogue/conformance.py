"""The contract of every fault, as a check that its author can run: ``check_fault(family, ...)``.

severity 0 changes nothing            nothing changes outside the window
the same seed gives the same fault    the given path is left as it is
the ladder has six rungs              the fault travels to other processes
"""

from __future__ import annotations

import pickle
from dataclasses import astuple
from typing import Any

import numpy as np

from stress.catalogue import FAMILIES, ChannelFault, Window, WorldFault, build_fault
from stress.catalogue.base import LEVELS, Fault
from twin.env.policy import RulePolicy
from twin.env.rules import default_rule
from twin.errors import InvariantError
from twin.exogenous.path import SamplePath, draw_path
from twin.network.world import World
from twin.tools.channel import Transit

MESSAGES = 40
BODY = b'{"version":"1","tool":"inventory.read","unit":"unit","on_hand":[1.0]}'


def check_fault(
    family: str, world: World, window: Window, seed: int = 0, **parameters: object
) -> None:
    """Raise InvariantError unless the fault keeps the contract on this world and window."""
    fault = build_fault(family, parameters)
    _require(fault.family == family == _registered_as(type(fault)), family, "registered once")
    _require(len(fault.ladder) == LEVELS, family, "the ladder has six rungs")
    _require(pickle.loads(pickle.dumps(fault)) == fault, family, "travels to other processes")
    for severity in range(LEVELS):
        if isinstance(fault, WorldFault):
            _check_world(fault, world, severity, seed, window)
        elif isinstance(fault, ChannelFault):
            _check_channel(fault, world, severity, seed, window)
    _check_off(fault, world, seed, window)


def _require(holds: bool, family: str, law: str) -> None:
    if not holds:
        raise InvariantError(f"fault breaks its contract: {law}", family)


def _registered_as(kind: type[Fault]) -> str:
    names = [name for name, registered in FAMILIES.items() if registered is kind]
    return names[0] if len(names) == 1 else ""


def _same(one: SamplePath, other: SamplePath, periods: Any = slice(None)) -> bool:
    arrays = zip(astuple(one)[1:], astuple(other)[1:], strict=True)
    return all(np.array_equal(a[periods], b[periods]) for a, b in arrays)


def _check_world(fault: WorldFault, world: World, severity: int, seed: int, window: Window) -> None:
    calm = draw_path(world, seed)
    struck = fault.transform(world, calm, severity, seed, window)
    again = fault.transform(world, calm, severity, seed, window)
    outside = np.setdiff1d(np.arange(world.periods), window.periods(world))
    _require(_same(struck, again), fault.family, "the same seed gives the same fault")
    _require(_same(calm, draw_path(world, seed)), fault.family, "the given path is left as it is")
    _require(_same(calm, struck, outside), fault.family, "nothing changes outside the window")
    _require(severity > 0 or _same(calm, struck), fault.family, "severity 0 changes nothing")


def _check_channel(
    fault: ChannelFault, world: World, severity: int, seed: int, window: Window
) -> None:
    inside = (window.start_d + window.end_d) / 2
    first, second = (_effects(fault, world, severity, seed, window, inside) for _ in range(2))
    _require(first == second, fault.family, "the same seed gives the same fault")
    if severity == 0:
        _require(_is_calm(first), fault.family, "severity 0 changes nothing")
    for moment in (window.start_d - 1.0, window.end_d, window.end_d + 1.0):
        calm = _is_calm(_effects(fault, world, severity, seed, window, moment))
        _require(calm, fault.family, "nothing changes outside the window")


Effect = tuple[float, float, bytes | None, tuple[float, ...]]


def _effects(
    fault: ChannelFault, world: World, severity: int, seed: int, window: Window, now_d: float
) -> list[Effect]:
    """Delay, rate, answer and copies of some messages at one moment, the fired count last."""
    layer = fault.layer(severity, window)
    layer.start(seed, world)
    found: list[Effect] = []
    for k in range(MESSAGES):
        transit = Transit("answer", "inventory.read", "agent", f"call/{k}", 1, len(BODY), now_d)
        effect = (
            layer.delay(transit, 1.0),
            layer.rate(now_d, 1e6),
            layer.answer(transit, BODY),
            tuple(layer.copies(transit)),
        )
        found.append(effect)
    counted = layer.fired > 0 or _is_calm(found)
    _require(counted, fault.family, "every strike is counted in fired")
    return found


def _is_calm(effects: list[Effect]) -> bool:
    return all(effect == (1.0, 1e6, BODY, ()) for effect in effects)


def _check_off(fault: Fault, world: World, seed: int, window: Window) -> None:
    """At severity 0 a whole episode behind the tools has the digest of an undisturbed one."""
    from agents.gateway.episode import run_through_tools

    rule = default_rule(world)
    path = draw_path(world, seed)
    calm = run_through_tools(world, path, RulePolicy(world, rule), rule, seed)
    layers = (fault.layer(0, window),) if isinstance(fault, ChannelFault) else ()
    if isinstance(fault, WorldFault):
        path = fault.transform(world, path, 0, seed, window)
    off = run_through_tools(world, path, RulePolicy(world, rule), rule, seed, layers)
    same = calm.ledger.digest == off.ledger.digest and calm.account == off.account
    _require(same, fault.family, "severity 0 leaves the digest of a run unchanged")
