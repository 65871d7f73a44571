"""Actors as a Policy: what networks do without exploration, in numpy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.checkpoint.groups import Group, Layers, forward, settled
from agents.checkpoint.memory import AgentMemory, Cell
from agents.checkpoint.odds import odds_of
from agents.trace.record import Odds
from twin.env.choices import Choices, Flags
from twin.env.policy import CodecPolicy
from twin.network.world import World

Floats = NDArray[np.float64]


class Actor(NamedTuple):
    """What one agent acts with."""

    group: Group
    layers: Layers
    grid: NDArray[np.float32] | None = None  # (1, action, choice) it chooses from, if it chooses
    cell: Cell | None = None  # what it remembers with, if it remembers
    choices: Choices | None = None  # which choices are possible, if that depends on the state


class ActorPolicy(CodecPolicy):
    """What actors do without exploration, each agent on its own column."""

    takes_columns = True
    """``act`` also takes observations of many replications at once, as trailing columns."""

    def __init__(
        self,
        name: str,
        world: World,
        levels: NDArray[np.float64],
        actors: Mapping[str, Actor],
        spreads: Mapping[str, NDArray[np.float32] | None] | None = None,
        ages: bool = False,
    ) -> None:
        super().__init__(name, world, levels, ages)
        self._actors = actors
        self._spreads = spreads or {}
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Start a new episode: nothing is remembered, nothing was asked."""
        self._memories = {name: AgentMemory() for name, a in self._actors.items() if a.cell}
        self._asked: dict[str, tuple[Floats, Flags | None]] = {}

    def odds(self, agent: str) -> tuple[Odds, ...]:
        """The distribution behind an agent's last decision, told once; empty without one."""
        asked = self._asked.pop(agent, None)
        if asked is None:
            return ()
        size = self.codecs[agent].action_size
        return odds_of(*asked, self._actors[agent].grid, self._spreads.get(agent), size)

    def act(self, observations: Mapping[str, NDArray[np.float64]]) -> dict[str, Floats]:
        """Decode each agent's action against its own observation."""
        wishes = {}
        for name, seen in observations.items():
            codec, choices = self.codecs[name], self._actors[name].choices
            inputs = codec.scaled(seen)
            if choices is None:
                action = self.choose(name, inputs)
            else:
                action = self.choose(name, inputs, choices.possible(seen.reshape(len(seen), -1)))
            wishes[name] = codec.decode(seen, action)
        return wishes

    def choose(
        self, agent: str, inputs: NDArray[np.float32], possible: Flags | None = None
    ) -> Floats:
        """An agent's action without exploration: (action, ...) for inputs (observation, ...).

        ``possible`` (action, choice, column) is what it can choose; None: all of its grid.
        """
        group, layers, grid, cell, _ = self._actors[agent]
        columns = group.network_input(agent, inputs).reshape(group.input_size, -1)
        codec = self.codecs[agent]
        size = codec.action_size
        if cell is None:
            out = forward(layers, columns)
        else:
            epoch = float(columns[codec.spec.slices["clock"].start, 0])
            out = self._memories[agent].act(layers, cell, columns, epoch)
        if grid is not None and possible is not None:
            padding = ((0, grid.shape[1] - len(possible)), (0, 0), (0, 0))
            possible = np.pad(possible, padding)[None]
        if columns.shape[1] == 1:
            self._asked[agent] = out.astype(np.float64), possible
        found = settled(out, grid, possible).reshape(-1, columns.shape[1])[:size]
        return found.astype(np.float64).reshape(size, *inputs.shape[1:])
