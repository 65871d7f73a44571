"""Who the agents are: what each may read, through which tool, and what it decides.

An agent's observation is the concatenation of the answers to its reads, in natural units (units of
product, vehicles, periods), followed by the clock and by the age of each answer. Every number has
a place in the global vector of ``twin.env.observe``, so an observation is one gather.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from twin.env.observe import Layout
from twin.network.world import World

Ints = NDArray[np.intp]
Role = Literal["replenish", "dispatch"]
ReadTool = Literal["inventory.read", "orders.read", "demand.read", "forecast.read", "fleet.read"]


@dataclass(frozen=True)
class Read:
    """One read an agent makes at each epoch; ``fields`` says where the answer's numbers belong."""

    tool: ReadTool
    entity: str
    fields: tuple[tuple[str, Ints], ...]  # (answer field, places in the global vector, flattened)

    @property
    def size(self) -> int:
        """How many numbers the answer holds."""
        return sum(len(places) for _, places in self.fields)


@dataclass(frozen=True)
class AgentSpec:
    """One agent: its name ``role:entity``, its reads and the lanes it decides about."""

    name: str
    role: Role
    entity: str
    index: int  # of the node, or of the fleet
    lanes: Ints  # inbound lanes of the node, or lanes of the fleet
    products: int
    reads: tuple[Read, ...]
    clock: Ints  # places of the clock in the global vector

    @cached_property
    def places(self) -> Ints:
        """Where the observation's numbers stand in the global vector, ages excluded."""
        parts = [places for read in self.reads for _, places in read.fields]
        return np.concatenate([*parts, self.clock])

    @property
    def size(self) -> int:
        """Length of the observation: answers, clock, one age per read."""
        return len(self.places) + len(self.reads)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each answer field stands in the observation: ``tool/entity/field`` -> slice."""
        found: dict[str, slice] = {}
        start = 0
        for read in self.reads:
            for field, places in read.fields:
                found[f"{read.tool}/{read.entity}/{field}"] = slice(start, start + len(places))
                start += len(places)
        found["clock"] = slice(start, start + len(self.clock))
        found["ages"] = slice(start + len(self.clock), self.size)
        return found

    def position(self, observation: Any) -> Any:
        """Inventory position of a replenishing agent from its observation: (product, ...)."""
        at = self.slices
        trailing = tuple(observation.shape[1:])

        def lanes_total(field: str) -> Any:
            rows = observation[at[f"orders.read/{self.entity}/{field}"]]
            return rows.reshape(len(self.lanes), self.products, *trailing).sum(0)

        on_hand = observation[at[f"inventory.read/{self.entity}/on_hand"]]
        owed = observation[at[f"inventory.read/{self.entity}/owed"]]
        return on_hand - owed + (lanes_total("waiting") + lanes_total("in_transit"))

    def period(self, observation: Any) -> Any:
        """The period index an observation was made in."""
        return observation[self.slices["clock"].start]


def agent_specs(world: World) -> tuple[AgentSpec, ...]:
    """All agents of a scenario: replenishing nodes first, then dispatched fleets."""
    agents = world.model.agents
    layout = Layout.of(world)
    named = agents.replenish or tuple(world.nodes[i] for i in world.ordering_nodes)
    replenish = [_replenisher(world, layout, world.nodes.index(name)) for name in named]
    fleets = {fleet.name: f for f, fleet in enumerate(world.fleets)}
    return (*replenish, *(_dispatcher(world, layout, fleets[name]) for name in agents.dispatch))


def _replenisher(world: World, layout: Layout, node: int) -> AgentSpec:
    name = world.nodes[node]
    lanes = np.flatnonzero(world.destination == node)
    place = layout.places
    reads: tuple[Read, ...] = (
        inventory_read(world, layout, node),
        Read(
            "orders.read",
            name,
            (
                ("waiting", place("waiting")[lanes].ravel()),
                ("in_transit", place("in_transit")[lanes].ravel()),
                ("shipped", place("shipped")[:, lanes].ravel()),
            ),
        ),
        Read("demand.read", name, (("recent", place("recent")[:, node].ravel()),)),
    )
    if world.model.forecasts is not None:
        reads += (Read("forecast.read", name, (("forecast", place("forecast")[node]),)),)
    clock = place("clock")
    return AgentSpec(
        f"replenish:{name}", "replenish", name, node, lanes, len(world.products), reads, clock
    )


def _dispatcher(world: World, layout: Layout, fleet: int) -> AgentSpec:
    spec = world.fleets[fleet]
    place = layout.places
    stops = sorted({spec.depot, *world.destination[spec.lanes].tolist()})
    freight = Read(
        "fleet.read",
        spec.name,
        (
            ("idle", place("idle")[fleet : fleet + 1]),
            ("returning", place("returning")[fleet]),
            ("waiting", place("waiting")[spec.lanes].ravel()),
        ),
    )
    reads = (freight, *(inventory_read(world, layout, stop) for stop in stops))
    return AgentSpec(
        f"dispatch:{spec.name}",
        "dispatch",
        spec.name,
        fleet,
        spec.lanes,
        len(world.products),
        reads,
        place("clock"),
    )


def inventory_read(world: World, layout: Layout, node: int) -> Read:
    """The read of one node's stock."""
    place: Callable[[str], Ints] = layout.places
    return Read(
        "inventory.read",
        world.nodes[node],
        (("on_hand", place("on_hand")[node]), ("owed", place("owed")[node])),
    )
