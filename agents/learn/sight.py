"""What agents see where answers are stale, missing or wrong: a vector of their own.

A disturbed network appends to the padded global vector every agent's own observation, ages
included. Networks gather their inputs from there, so that two agents may be shown different stock
of the same node, as behind the gateway.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.learn.disturbance import Bools, Ints, Trouble
from agents.learn.setup import GroupSetup, Setup
from twin.env.agents import AgentSpec, agent_specs
from twin.env.observe import Layout
from twin.network.world import World

Decision = tuple[Any, Any, Any]
"""Orders (lane, product, B), vehicles (lane, B) and least loads (lane, B)."""
VEHICLES = ("idle", "returning")
"""Fields that count vehicles: whole numbers, whatever the scenario."""
ROLES = ("replenish", "dispatch")


@dataclass(frozen=True)
class Numbers:
    """Every number of every agent's observation: answers, then clock, then ages, agent by agent."""

    specs: tuple[AgentSpec, ...]
    places: Ints  # (number,) in the padded global vector; ages have the place of the zero
    agent: Ints  # (number,)
    read: Ints  # (number,) which read of the fleet it belongs to; -1 for the clock and the ages
    ages: Ints  # (read,) which number is the age of the read
    reader: Ints  # (read,) the agent that reads
    sensors: tuple[str, ...]  # (read,) tool and entity
    whole: Bools  # (number,) it counts things
    orders_by: Ints  # (lane,) the agent that orders on it; -1 for none
    booked_by: Ints  # (lane,) the agent that books vehicles for it; -1 for none

    @classmethod
    def of(cls, world: World) -> Numbers:
        """The numbers of a world's agents."""
        zero = Layout.of(world).size
        specs = agent_specs(world)
        by = {role: np.full(len(world.lanes), -1, dtype=np.intp) for role in ROLES}
        places: list[Ints] = []
        agent: list[int] = []
        read: list[int] = []
        ages: list[int] = []
        reader: list[int] = []
        sensors: list[str] = []
        whole: list[bool] = []
        for i, spec in enumerate(specs):
            for answer in spec.reads:
                for field, found in answer.fields:
                    counts = world.model.integral or field in VEHICLES
                    whole += [counts] * len(found)
                read += [len(sensors)] * answer.size
                sensors.append(f"{answer.tool}/{answer.entity}")
            rest = len(spec.clock) + len(spec.reads)
            read += [-1] * rest
            whole += [False] * rest
            reader += [i] * len(spec.reads)
            places += [spec.places, np.full(len(spec.reads), zero)]
            agent += [i] * spec.size
            by[spec.role][spec.lanes] = i
            ages += range(len(agent) - len(spec.reads), len(agent))
        return cls(
            specs,
            np.concatenate([*places, np.zeros(0, np.intp)]).astype(np.intp),
            np.array(agent, dtype=np.intp),
            np.array(read, dtype=np.intp),
            np.array(ages, dtype=np.intp),
            np.array(reader, dtype=np.intp),
            tuple(sensors),
            np.array(whole, dtype=np.bool_),
            *(by[role] for role in ROLES),
        )

    @cached_property
    def first(self) -> dict[str, int]:
        """Where each agent's observation starts."""
        ends = np.cumsum([spec.size for spec in self.specs]).tolist()
        starts = [0, *ends[:-1]]
        return {spec.name: start for spec, start in zip(self.specs, starts, strict=True)}

    @cached_property
    def row(self) -> dict[str, int]:
        """The row of each agent in ``Shown.acts``."""
        return {spec.name: i for i, spec in enumerate(self.specs)}

    def held(self, acts: Bools) -> tuple[Bools, Bools]:
        """Lanes whose orders, and whose vehicles, the static policy decides: (lane, B) each."""
        nobody = np.ones((1, acts.shape[1]), dtype=np.bool_)
        idle = ~np.concatenate([acts, nobody])
        return idle[self.orders_by], idle[self.booked_by]

    def moved(self, group: GroupSetup, zero: int) -> GroupSetup:
        """A group that gathers from its own observations, after the true vector."""
        places = np.full_like(group.places, zero)
        for i, codec in enumerate(group.codecs):
            start = zero + 1 + self.first[codec.spec.name]
            places[i, : codec.spec.size] = np.arange(start, start + codec.spec.size)
        return replace(group, places=places)


def own_eyes(setup: Setup) -> Setup:
    """The setup whose agents gather from their own observations, as a ``Sight`` appends them."""
    numbers, zero = Numbers.of(setup.world), len(setup.state_scale)
    return replace(setup, groups=tuple(numbers.moved(group, zero) for group in setup.groups))


@dataclass(frozen=True)
class Frame:
    """What the agents of B networks are shown in one epoch instead of the truth."""

    factor: Any  # (number, B)
    delay: Any  # (number, B) epochs
    told: Any  # (number, B) periods: what stands at the place of an age
    acts: Bools  # (agent, B)

    def cast(self, array: Callable[[Any], Any]) -> Frame:
        """The same with arrays of another kind."""
        return Frame(array(self.factor), array(self.delay), array(self.told), self.acts)


class Sight:
    """What the agents of B networks see on their way through a horizon."""

    def __init__(self, numbers: Numbers, troubles: Sequence[Trouble | None], memory: int) -> None:
        """``troubles`` has one entry per network, None for a clean one."""
        self.numbers = numbers
        self.troubles = tuple(troubles)
        self.memory = memory
        self.past: deque[NDArray[Any]] = deque(maxlen=memory + 1)
        self.now: Frame | None = None

    def repeated(self, copies: int) -> Sight:
        """The same networks several times over, copies in blocks."""
        return Sight(self.numbers, self.troubles * copies, self.memory)

    def first(self, count: int | None) -> Sight:
        """What the first ``count`` networks see, and have seen so far; None: all of them."""
        found = Sight(self.numbers, self.troubles[:count], self.memory)
        found.past.extend(vector[:, :count] for vector in self.past)
        return found

    def frame(self, t: int) -> Frame | None:
        """What is shown in an epoch; None where every agent sees the truth."""
        found = ((b, s.shown(t)) for b, s in enumerate(self.troubles) if s is not None)
        struck = [(b, shown) for b, shown in found if shown is not None]
        if not struck:
            return None
        numbers, count = self.numbers, len(self.troubles)
        factor = np.ones((len(numbers.read), count))
        delay = np.zeros((len(numbers.read), count), dtype=np.intp)
        told = np.zeros((len(numbers.read), count))
        acts = np.ones((len(numbers.specs), count), dtype=np.bool_)
        for b, shown in struck:
            factor[:, b], delay[:, b], acts[:, b] = shown.factor, shown.delay, shown.acts
            told[numbers.ages, b] = shown.told
        return Frame(factor, delay, told, acts)

    def seen(self, t: int, vector: NDArray[Any]) -> NDArray[Any]:
        """The padded vector (state + 1, B) with the agents' own observations after it."""
        self.past.append(vector)
        self.now = self.frame(t)
        own = vector[self.numbers.places]
        if self.now is not None:
            own = observed(self.numbers, self.now, self.past, own, np).astype(vector.dtype)
        return np.concatenate([vector, own])

    @property
    def holds(self) -> bool:
        """Whether some agent's own decision does not count in this epoch."""
        return self.now is not None and not self.now.acts.all()

    def in_control(self, setup: Setup, alive: Bools) -> Bools:
        """Those of the ``alive`` (agent, B), in the order of the groups, whose decision counts."""
        if self.now is None:
            return alive
        names = [name for group in setup.groups for name in group.group.agents]
        return alive & self.now.acts[[self.numbers.row[name] for name in names]]

    def held(self, decision: Decision, static: Decision) -> Decision:
        """The decision with the static one where an agent's own does not count, as a copy."""
        if self.now is None:
            return decision
        orders, bookings = self.numbers.held(self.now.acts)
        return (
            np.where(orders[:, None], static[0], decision[0]),
            np.where(bookings, static[1], decision[1]),
            np.where(bookings, static[2], decision[2]),
        )


def observed(numbers: Numbers, frame: Frame, past: Sequence[Any], own: Any, xp: Any) -> Any:
    """Observations (number, B) as they are shown, by numpy or torch.

    ``past`` holds the padded vectors up to now; before the first one nothing is known that is
    older, so that the first one is shown.
    """
    for delay in range(1, 1 + int(frame.delay.max())):
        late = frame.delay == delay
        if late.any():
            own = xp.where(late, past[max(len(past) - 1 - delay, 0)][numbers.places], own)
    moved = xp.clip(own * frame.factor, 0, None)
    whole = xp.asarray(numbers.whole)[:, None]
    moved = xp.where(whole, xp.round(moved), moved)
    own = xp.where(frame.factor != 1, moved, own)
    ages = np.zeros((len(numbers.read), 1), dtype=np.bool_)
    ages[numbers.ages] = True
    return xp.where(xp.asarray(ages), frame.told, own)
