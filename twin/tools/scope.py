"""What each agent may do: which tools on which entities, and how much at a time.

An agent's capabilities follow from its role (``AgentSpec``); the scenario may narrow them
(``tools.scope``), never widen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.env.agents import AgentSpec
from twin.network.world import World
from twin.scenario.tools import Scope
from twin.tools.limits import order_caps, vehicle_caps

Floats = NDArray[np.float64]
WRITE_TOOL = {"replenish": "order.place", "dispatch": "dispatch.book"}
"""The one write each role may make."""
_EVERYTHING = Scope()


@dataclass(frozen=True)
class Capability:
    """What one agent may do."""

    allowed: frozenset[tuple[str, str]]  # (tool, entity)
    most: Floats  # (wish,) largest number at each place of its write

    def allows(self, tool: str, entity: str) -> bool:
        """Whether the agent may call a tool about an entity."""
        return (tool, entity) in self.allowed


def capabilities(world: World, specs: tuple[AgentSpec, ...]) -> dict[str, Capability]:
    """The capability list: by agent."""
    orders, vehicles = order_caps(world), vehicle_caps(world)
    found = {}
    for spec in specs:
        narrowed = world.model.tools.scope.get(spec.name, _EVERYTHING)
        own: list[tuple[str, str]] = [(read.tool, read.entity) for read in spec.reads]
        own.append((WRITE_TOOL[spec.role], spec.entity))
        allowed = frozenset(pair for pair in own if _within(narrowed, *pair))
        most = math.inf if narrowed.quantity is None else narrowed.quantity
        found[spec.name] = Capability(allowed, _most(spec, orders, vehicles, most))
    return found


def _within(scope: Scope, tool: str, entity: str) -> bool:
    of_tools = scope.tools is None or tool in scope.tools
    return of_tools and (scope.entities is None or entity in scope.entities)


def _most(spec: AgentSpec, orders: Floats, vehicles: Floats, most: float) -> Floats:
    """Largest numbers of an agent's write, in the order of its wish."""
    if spec.role == "replenish":
        return np.minimum(orders[spec.lanes].ravel(), most)
    return np.concatenate([np.minimum(vehicles[spec.lanes], most), np.ones(len(spec.lanes))])
