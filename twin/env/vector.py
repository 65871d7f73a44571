"""Many environments of one scenario side by side, on the batch engine, for any learner.

Arrays are numpy unless another namespace with numpy's functions (torch) is passed in: the twin
imports no other. Environments come first here, as learners expect, and last inside the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from twin.engine.batch import BatchEngine, stack_paths
from twin.engine.batch_path import as_array
from twin.engine.batch_support import refuse_unknown
from twin.engine.ledger import agent_rewards
from twin.env.act import Codec, codecs
from twin.env.observe import Layout, global_vector, observation_scale
from twin.env.rules import OrderingRule, default_rule, lane_orders
from twin.errors import UsageError
from twin.exogenous.path import draw_path
from twin.network.world import World

MOST_ENVS = 1_000_000
ByAgent = dict[str, Any]
"""By agent: arrays whose first axis is the environment."""


class TwinVectorEnv:
    """``num_envs`` copies of the environment, each on its own sample path; see TwinParallelEnv.

    | what                       | shape by agent              | type                        |
    |----------------------------|-----------------------------|-----------------------------|
    | observations               | (num_envs, observation)     | real, scaled to about one   |
    | actions                    | (num_envs, action)          | real, clipped to the space  |
    | rewards                    | (num_envs,)                 | real, the scenario's money  |
    | terminations, truncations  | (num_envs,)                 | bool                        |

    Environment i of the k-th episode runs on seed ``seed + k num_envs + i``, the sample path that
    ``twin.parallel_env`` runs on for that seed, with the same observations and rewards to rounding.

    Autoreset is in the same step: all environments share the horizon, so all are truncated
    together, never terminated. That step returns the first observations of the next episode, and
    ``infos["final_observations"]`` (by agent) and ``infos["final_state"]`` hold the true last ones:
    what a value has to be bootstrapped from.

    Raises UsageError for scenarios with features that only the event engine knows.

    Versions: v0, first release.
    """

    def __init__(
        self,
        world: World,
        num_envs: int,
        rule: OrderingRule | None = None,
        seed: int = 0,
        xp: Any = np,
        dtype: Any = None,
        device: str = "cpu",
    ) -> None:
        if not 1 <= num_envs <= MOST_ENVS:
            raise UsageError(
                "impossible number of environments",
                "num_envs",
                str(num_envs),
                f"1 to {MOST_ENVS:,}",
            )
        if xp is np and device != "cpu":
            fix = "Pass xp=torch for another device."
            raise UsageError("numpy runs on the processor", "device", repr(device), "'cpu'", fix)
        refuse_unknown(world)
        self.world = world
        self.num_envs = num_envs
        self.xp = xp
        self.dtype = xp.float32 if dtype is None else dtype
        self.device = None if xp is np else device
        rule = rule or default_rule(world)
        levels = rule.level[0] if rule.kind == "base_stock" else None
        self._codecs = {codec.spec.name: codec for codec in codecs(world, levels)}
        self.possible_agents = list(self._codecs)
        self._next_seed = seed
        self._engine: BatchEngine | None = None
        self._rule = OrderingRule(rule.kind, self._column(rule.level), self._column(rule.reorder))
        self._share = self._column(world.share)
        self._vehicles = self._column(world.fleet_vehicles)
        self._scale = self._column(observation_scale(world))
        self._scales = {name: self._column(c.scale) for name, c in self._codecs.items()}
        self._owners = as_array(
            agent_rewards(world, np.eye(len(world.nodes))).T, xp, self.dtype, self.device
        )  # (agent, node)

    def observation_size(self, agent: str) -> int:
        """Length of an agent's observation."""
        return self._codec(agent).spec.size

    def action_size(self, agent: str) -> int:
        """Length of an agent's action."""
        return self._codec(agent).action_size

    def action_bounds(self, agent: str) -> tuple[float, float]:
        """Smallest and largest action."""
        return self._codec(agent).low, self._codec(agent).high

    @property
    def state_size(self) -> int:
        """Length of ``state()``."""
        return Layout.of(self.world).size

    def reset(self, seed: int | None = None) -> tuple[ByAgent, dict[str, Any]]:
        """Start all episodes, on ``seed`` and those after it, or on those not used yet."""
        self._next_seed = self._next_seed if seed is None else seed
        self._start()
        return self._observations(), {}

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[ByAgent, ByAgent, ByAgent, ByAgent, dict[str, Any]]:
        """Act for one period: observations, rewards, terminations, truncations, infos.

        Agents without actions follow the static policy. Raises UsageError for an unknown agent or
        actions of another shape.
        """
        engine = self._running()
        engine.decide(*self._decision(engine, actions))
        rewards = self._rewards(engine)
        over = not engine.advance()
        infos: dict[str, Any] = {}
        self._look()
        if over:
            infos = {"final_observations": self._observations(), "final_state": self.state()}
            self._start()
        return (
            self._observations(),
            rewards,
            {name: self._flags(False) for name in self._codecs},
            {name: self._flags(over) for name in self._codecs},
            infos,
        )

    def state(self) -> Any:
        """The scaled global vectors, for a centralised critic: (num_envs, size)."""
        self._running()
        return (self._vector * self._scale).T

    def _start(self) -> None:
        seeds = range(self._next_seed, self._next_seed + self.num_envs)
        self._next_seed += self.num_envs
        drawn = [draw_path(self.world, seed) for seed in seeds]
        path = stack_paths(self.world, drawn, self.xp, self.dtype, self.device)
        self._engine = BatchEngine(self.world, path, self.xp, keep_rows=False)
        self._engine.advance()
        self._look()

    def _look(self) -> None:
        """The natural global vector of now: (size, num_envs)."""
        self._vector = global_vector(self.world, self._running(), self.xp)

    def _observations(self) -> ByAgent:
        return {
            name: (self._natural(codec) * self._scales[name]).T
            for name, codec in self._codecs.items()
        }

    def _natural(self, codec: Codec) -> Any:
        """Natural observations (observation, num_envs); every age is zero."""
        seen = self._vector[codec.spec.places]
        ages = 0 * (self._scales[codec.spec.name][len(seen) :] + seen[:1])
        return self.xp.concatenate([seen, ages], 0)

    def _decision(self, engine: BatchEngine, actions: Mapping[str, Any]) -> tuple[Any, Any, Any]:
        """Orders, vehicles, least loads: the static policy's where no agent acted."""
        xp = self.xp
        wanted = self._rule.orders(engine.inventory_position(), engine.t, ..., xp)
        none = 0 * wanted[:1, 0]  # (1, num_envs)
        orders = lane_orders(self.world, wanted, self._share)
        vehicles = self._vehicles + none
        loads = 0 * vehicles
        for name, action in actions.items():
            codec = self._codec(name)
            wish = codec.decode(self._natural(codec), self._action(codec, action), xp)
            lanes = codec.spec.lanes
            if codec.spec.role == "replenish":
                rows = wish.reshape(len(lanes), -1, self.num_envs)
                orders = self._replaced(orders, lanes, rows)
            else:
                vehicles = self._replaced(vehicles, lanes, wish[: len(lanes)])
                loads = self._replaced(loads, lanes, wish[len(lanes) :])
        return orders, vehicles, loads

    def _replaced(self, values: Any, lanes: Any, rows: Any) -> Any:
        """A copy of values (lane, ...) with some rows replaced; torch differentiates through it."""
        position = np.full(len(self.world.lanes), -1)
        position[lanes] = np.arange(len(lanes))
        taken = self.xp.concatenate([values, rows], 0)
        order = np.where(position >= 0, len(values) + position, np.arange(len(values)))
        return taken[order]

    def _action(self, codec: Codec, action: Any) -> Any:
        """Actions (num_envs, action) as the codec takes them: (action, num_envs)."""
        array = as_array(action, self.xp, self.dtype, self.device)
        expected = (self.num_envs, codec.action_size)
        if tuple(array.shape) != expected:
            raise UsageError(
                "actions of another shape",
                codec.spec.name,
                str(tuple(array.shape)),
                f"{expected}: environments, then numbers",
            )
        return array.T

    def _rewards(self, engine: BatchEngine) -> ByAgent:
        """Discounted rewards of the period just finished: (num_envs,) each."""
        found = self._owners @ engine.profit_row() * self.world.model.discount**engine.t
        return {name: found[i] for i, name in enumerate(self._codecs)}

    def _flags(self, value: bool) -> Any:
        return as_array(np.full(self.num_envs, value), self.xp, self.xp.bool, self.device)

    def _column(self, values: Any) -> Any:
        """Constants (...,) as (..., 1), to be used for all environments."""
        if values is None:
            return None
        return as_array(np.asarray(values)[..., None], self.xp, self.dtype, self.device)

    def _codec(self, agent: str) -> Codec:
        if agent not in self._codecs:
            raise UsageError("unknown agent", "", repr(agent), ", ".join(self._codecs))
        return self._codecs[agent]

    def _running(self) -> BatchEngine:
        if self._engine is None:
            raise UsageError("the environments have not been reset", fix="Call reset() first.")
        return self._engine
