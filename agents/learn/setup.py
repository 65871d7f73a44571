"""What a training run works on: the world, its agents in groups, and where their numbers stand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from agents.checkpoint.groups import Group, group_agents
from agents.learn.algorithms import REPLAYING
from agents.learn.batch import Array
from agents.learn.config import TrainConfig
from agents.learn.config_parts import Absence, Reward
from agents.learn.ranks import ALONE, EVERYTHING, Ranks, Share
from agents.learn.rewards import reward_streams
from twin.env.act import Codec, codecs
from twin.env.choices import Choices, choices_of
from twin.env.observe import observation_scale
from twin.network.world import World

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class GroupSetup:
    """One group of agents and how its network inputs are gathered from the global vector."""

    group: Group
    codecs: tuple[Codec, ...]
    places: Ints  # (agent, observation) into the global vector with one zero appended
    scale: Array  # (agent, observation, 1) factor; zero for ages and padding
    used: Array  # (agent, action) 1, or 0 for padding
    streams: Ints  # (agent,) reward stream
    start: Array  # (action,) mean action before training

    def inputs(self, vector: Floats) -> Array:
        """Network inputs from the padded global vector (size + 1, B): (agent, in, B)."""
        agents, observation = self.places.shape
        found = np.zeros((agents, self.group.input_size, vector.shape[-1]), dtype=np.float32)
        np.multiply(vector[self.places], self.scale, out=found[:, :observation], casting="unsafe")
        for i in range(agents):
            found[i, observation + i] = 1.0
        return found


@dataclass(frozen=True)
class Setup:
    """A world ready for training."""

    world: World
    levels: Floats  # (node, product) of the static policy that costs are measured against
    start: Floats  # (node, product) order-up-to level that action zero stands for
    groups: tuple[GroupSetup, ...]
    state_scale: Floats  # (state,) of the global vector
    streams: int  # reward streams: one for the team, or one per agent
    foresight: int  # periods of coming demand that the critic sees
    reward: Reward  # what the streams hold
    absence: Absence  # who is out of control now and then
    hardened: bool  # decisions may fail to arrive
    units: int  # that each actor remembers with; 0: none
    masks: tuple[tuple[Choices, ...], ...]  # per group and agent; none unless states forbid choices
    ranks: Ranks = ALONE  # the processes that train together
    share: Share = EVERYTHING  # the replications that this process plays

    @classmethod
    def of(
        cls,
        world: World,
        levels: Floats,
        config: TrainConfig,
        start: Floats | None = None,
        ranks: Ranks = ALONE,
    ) -> Setup:
        """Prepare a world for training around ``start``, by default the static levels."""
        start = levels if start is None else start
        ages = config.hardening is not None
        coded = {codec.spec.name: codec for codec in codecs(world, start, ages)}
        scale = observation_scale(world)
        nothing = np.zeros((1, len(world.nodes)))
        streams = reward_streams(world, nothing, config.reward).shape[-1]
        agent_stream = {name: i if streams > 1 else 0 for i, name in enumerate(coded)}
        groups = tuple(
            _group(world, group, coded, agent_stream, len(scale))
            for group in group_agents(tuple(coded.values()), config.shared)
        )
        return cls(
            world,
            levels,
            start,
            groups,
            scale,
            streams,
            config.foresight,
            config.reward,
            config.absence,
            ages,
            config.recurrent.hidden if config.recurrent else 0,
            _masks(world, groups, config),
            ranks,
            ranks.share,
        )

    @cached_property
    def longer(self) -> World:
        """The world with more epochs: the critic sees the state after the time limit, and ahead."""
        return replace(self.world, periods=self.world.periods + 1 + self.foresight)

    @cached_property
    def demand_scale(self) -> Floats:
        """Factor that brings customers' demand to the order of one: (customer, 1)."""
        mean = np.maximum(self.world.mean_demand[self.customers], 1.0)
        scale: Floats = 1.0 / mean[:, None]
        return scale

    @cached_property
    def customers(self) -> tuple[Ints, Ints]:
        """Nodes and products of customers' demand."""
        specs = self.world.demand_specs
        nodes, products = [i for i, _, _ in specs], [k for _, k, _ in specs]
        return np.array(nodes, dtype=np.intp), np.array(products, dtype=np.intp)

    @property
    def state_size(self) -> int:
        """Length of the critic's input: scaled global vector, demand ahead, who is in control."""
        controlled = self.agents if self.some_absent else 0
        return len(self.state_scale) + self.foresight * len(self.customers[0]) + controlled

    def state(
        self, vector: Floats, demand: Floats, t: int, alive: NDArray[np.bool_] | None = None
    ) -> Array:
        """The critic's input at epoch ``t``, from the true part of the vector: (state, B).

        ``demand`` (period, node, product, B) is the sample path's, ``alive`` (agent, B) says who is
        in control where that can change. A baseline may know what no
        action changes (Mao et al. 2019, "Variance Reduction for Reinforcement Learning in
        Input-Driven Environments"): luck with demand then stays out of the advantages.
        """
        nodes, products = self.customers
        ahead = demand[t + 1 : t + 1 + self.foresight, nodes, products] * self.demand_scale
        true = vector[: len(self.state_scale)]
        parts = [true * self.state_scale[:, None], ahead.reshape(-1, true.shape[-1])]
        if alive is not None:
            parts.append(alive.astype(np.float64))
        return np.concatenate(parts).astype(np.float32)

    @property
    def some_absent(self) -> bool:
        """Whether agents can be out of control in this world."""
        model = self.world.model
        closes = bool(model.disruptions) or any(n.open is not None for n in model.nodes.values())
        return self.hardened or self.absence.kill > 0 or (self.absence.down and closes)

    @property
    def agents(self) -> int:
        """Number of agents."""
        return sum(len(g.group.agents) for g in self.groups)


def _masks(
    world: World, groups: tuple[GroupSetup, ...], config: TrainConfig
) -> tuple[tuple[Choices, ...], ...]:
    """What each agent chooses from, where that is to depend on the state."""
    options = config.value_learning
    if config.algorithm not in REPLAYING or not options.masks:
        return ()
    return tuple(
        tuple(choices_of(world, codec, options.choices, options.bend) for codec in group.codecs)
        for group in groups
    )


def _group(
    world: World, group: Group, coded: dict[str, Codec], agent_stream: dict[str, int], zero: int
) -> GroupSetup:
    members = tuple(coded[name] for name in group.agents)
    count, observation = len(members), group.observation_size
    places = np.full((count, observation), zero, dtype=np.intp)
    scale = np.zeros((count, observation, 1), dtype=np.float32)
    used = np.zeros((count, group.action_size), dtype=np.float32)
    for i, codec in enumerate(members):
        places[i, : len(codec.spec.places)] = codec.spec.places
        scale[i, : codec.spec.size, 0] = codec.scale
        used[i, : codec.action_size] = 1.0
    streams = np.array([agent_stream[name] for name in group.agents], dtype=np.intp)
    return GroupSetup(group, members, places, scale, used, streams, _start(world, group, members))


def _start(world: World, group: Group, members: tuple[Codec, ...]) -> Array:
    """Mean action before training: the static policy, or the mean flow where actions are orders."""
    start = np.zeros((len(members), group.action_size), dtype=np.float32)
    for i, codec in enumerate(members):
        if codec.spec.role == "replenish" and codec.form == "order_quantity":
            lanes = codec.spec.lanes
            flow = world.throughput[world.destination[lanes]] * world.share[lanes]
            start[i, : codec.action_size] = np.minimum(flow.ravel() / codec.max_order, 1.0)
    mean: Array = start.mean(axis=0)
    return mean
