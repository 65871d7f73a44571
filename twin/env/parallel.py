"""The PettingZoo environment of a scenario."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from twin.engine.decision import Decision
from twin.engine.event import EventEngine
from twin.engine.parts import Parts
from twin.env.act import codecs
from twin.env.episode import static_decision
from twin.env.joint import JointDecision, JointObservations
from twin.env.observe import Layout, global_vector, observation_scale
from twin.env.picture import draw_stock
from twin.env.rewards import PeriodRewards
from twin.env.rules import OrderingRule, default_rule
from twin.errors import UsageError
from twin.exogenous.path import draw_path
from twin.network.world import World

Vector = NDArray[np.float32]
Stepped = tuple[
    dict[str, Vector],
    dict[str, float],
    dict[str, bool],
    dict[str, bool],
    dict[str, dict[str, Any]],
]
"""By agent: observations, rewards, terminations, truncations and infos."""


class TwinParallelEnv(ParallelEnv):  # type: ignore[misc]  # PettingZoo ships no types
    """A logistics network as a multi-agent environment; one step is one review period.

    Agents are ``replenish:<node>`` and ``dispatch:<fleet>``. All spaces are float32 boxes.

    | agent     | observation, scaled to the order of one                                        |
    |-----------|--------------------------------------------------------------------------------|
    | replenish | own on hand, owed; per inbound lane waiting, in transit, last shipments;       |
    |           | last 7 requests; clock (period, weekday); age of each answer (0 here)          |
    | dispatch  | idle vehicles, vehicles returning in 1..5 periods, freight waiting per lane;   |
    |           | on hand and owed at the depot and at each stop; clock; ages                    |

    | agent     | action                                                                         |
    |-----------|--------------------------------------------------------------------------------|
    | replenish | ``base_stock_correction``: (product,) in [-2, 2]; order up to                  |
    |           | level + range * action * mean flow per period; zero is the static policy       |
    |           | ``order_quantity``: (lane x product,) in [0, 1] of the largest order           |
    | dispatch  | (lane,) in [-2, 2]: above zero the last vehicle waits until action / 2 full,   |
    |           | below zero at most vehicles * exp(range * action) leave                        |

    Rewards are the scenario's (``team`` or ``local``), discounted by its ``discount``. An episode
    is truncated at the horizon, never terminated. ``state()`` is the scaled global vector.

    Versions: v0, first release.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "logistics_twin_v0",
        "render_modes": ["rgb_array"],
        "is_parallelizable": True,
        "render_fps": 10,
    }

    def __init__(
        self,
        world: World,
        rule: OrderingRule | None = None,
        render_mode: str | None = None,
        seed: int = 0,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise UsageError("unknown render mode", "parallel_env", repr(render_mode), "rgb_array")
        self.world = world
        self.render_mode = render_mode
        self.rule = rule or default_rule(world)
        levels = self.rule.level[0] if self.rule.kind == "base_stock" else None
        self._codecs = {codec.spec.name: codec for codec in codecs(world, levels)}
        self._see = JointObservations(self._codecs)
        self._decide = JointDecision(world, self._codecs)
        self._reward = PeriodRewards(world)
        self._scale = observation_scale(world)
        self.possible_agents = list(self._codecs)
        self.agents: list[str] = []
        self.observation_spaces = {
            name: spaces.Box(-np.inf, np.inf, (codec.spec.size,), np.float32)
            for name, codec in self._codecs.items()
        }
        self.action_spaces: dict[str, spaces.Space[Any]] = {
            name: spaces.Box(codec.low, codec.high, (codec.action_size,), np.float32)
            for name, codec in self._codecs.items()
        }
        self.state_space = spaces.Box(-np.inf, np.inf, (Layout.of(world).size,), np.float32)
        self._next_seed = seed
        self._parts = Parts.of(world)
        self._engine: EventEngine | None = None
        self._vector = np.zeros(0)

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """The space of an agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """The space of an agent's actions."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Vector], dict[str, dict[str, Any]]]:
        """Start an episode on the sample path of ``seed``; without one, of the next seed."""
        seed = self._next_seed if seed is None else seed
        self._next_seed = seed + 1
        self._engine = EventEngine(self.world, draw_path(self.world, seed), parts=self._parts)
        self._engine.advance()
        self._vector = global_vector(self.world, self._engine)
        self.agents = self.possible_agents[:]
        return self._see(self._vector), {name: {} for name in self.agents}

    def step(self, actions: dict[str, Any]) -> Stepped:
        """Act for one period; agents without an action follow the static policy."""
        engine = self._running()
        engine.decide(self._decide(self._static, self._vector, actions))
        values = self._reward(engine.quantities, engine.t).tolist()
        over = not engine.advance()
        # At the end the engine stays in its last period: nothing has passed to be moved along.
        before = None if over else self._vector
        self._vector = global_vector(self.world, engine, before=before)
        observations = self._see(self._vector)
        names = self.agents
        if over:
            self.agents = []
        return (
            observations,
            dict(zip(names, values, strict=True)),
            dict.fromkeys(names, False),
            dict.fromkeys(names, over),
            {name: {} for name in names},
        )

    def state(self) -> Vector:
        """The scaled global vector, for a centralised critic: (size,)."""
        self._running()
        return (self._vector * self._scale).astype(np.float32)

    def render(self) -> NDArray[np.uint8] | None:
        """Stock (blue), debts (red) and pipelines (grey) of every node: (height, width, 3)."""
        if self.render_mode is None:
            return None
        return draw_stock(self.world, self._running())

    def close(self) -> None:
        """Nothing to release."""

    def _running(self) -> EventEngine:
        if self._engine is None:
            raise UsageError("the environment has not been reset", fix="Call reset() first.")
        return self._engine

    def _static(self) -> Decision:
        return static_decision(self.world, self._running(), self.rule)
