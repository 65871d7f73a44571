"""Experience: many networks side by side on fresh sample paths, acted for in plain numpy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.checkpoint.groups import Layers
from agents.checkpoint.memory import Cell
from agents.learn.absence import Flags, absent_of, batch_flags, draw_kills
from agents.learn.batch import Array, Batch, Weights
from agents.learn.config import TrainConfig
from agents.learn.counterfactual import Counterfactual, widened
from agents.learn.decided import Decision, own_decision, whole_decisions
from agents.learn.disturbance import Disturbance
from agents.learn.explore import explorer_of, group_batches
from agents.learn.hardening import Hardening
from agents.learn.memory import Memory
from agents.learn.rewards import meant_mode, potential, reward_streams, shaping
from agents.learn.setup import Setup
from agents.learn.sight import Sight
from twin.engine.batch import BatchEngine, BatchPath, stack_paths
from twin.engine.batch_drawn import drawn_path
from twin.env.agents import agent_specs
from twin.env.observe import global_vector
from twin.env.rules import OrderingRule, lane_orders
from twin.errors import TrainingError
from twin.exogenous.path import draw_path
from twin.exogenous.variates import NumpyDraws
from twin.network.world import World

Floats = NDArray[np.float64]
TRAINING_SEEDS = 1_000_000_000
"""Training paths count from here, evaluation paths from half of it, people's seeds from zero."""
SEEDS_PER_RUN = 10_000_000


@dataclass(frozen=True)
class Segment:
    """Experience of one update, and what it cost per period."""

    batch: Batch
    cost: float
    baseline_cost: float


class Horizon:
    """B networks on their way from the first to the last epoch.

    ``vector`` is the global vector of the current epoch with a zero appended: (state + 1, B). After
    the last decision it is the true final one. With a ``sight`` what agents see stands after it.
    """

    def __init__(
        self,
        setup: Setup,
        world: World,
        path: BatchPath,
        killed: Flags | None = None,
        sight: Sight | None = None,
        engine: Any | None = None,
    ) -> None:
        """``killed`` (period, agent, B) says which agents are out of control when, besides down.

        ``engine`` is what plays the networks, by default the batch engine.
        """
        self.setup = setup
        self.absent = absent_of(setup, path, killed)
        self.memory = Memory(setup.groups, setup.units, path.replications)
        self.world = world
        self.sight = sight
        self.rule = OrderingRule("base_stock", setup.levels[None, :, :, None])
        self.engine = engine or BatchEngine(world, path, keep_rows=False)
        self.decisions: list[Decision] = []
        self.over = False
        self._advance()

    @property
    def t(self) -> int:
        """The current epoch."""
        return self.engine.t

    @property
    def alive(self) -> Flags:
        """Who is in control at the current epoch, in the order of the groups: (agent, B)."""
        if self.absent is None:
            alive = np.ones((self.setup.agents, self.vector.shape[-1]), dtype=np.bool_)
        else:
            alive = self.absent.alive[self.t]
        return alive if self.sight is None else self.sight.in_control(self.setup, alive)

    def possible(self, g: int) -> Flags | None:
        """What the agents of a group can choose: (agent, action, choice, B); None: always all."""
        if not self.setup.masks:
            return None
        group, masks = self.setup.groups[g], self.setup.masks[g]
        shape = (*group.used.shape, masks[0].grid.shape[1], self.vector.shape[-1])
        found = np.zeros(shape, dtype=np.bool_)
        for i, mask in enumerate(masks):
            seen = self.vector[group.places[i, : mask.codec.spec.size]]
            found[i, : mask.codec.action_size] = mask.possible(seen)
        return found

    def static_decision(self) -> Decision:
        """What the network does where no agent decides: order up to the levels, no truck waits."""
        world, engine = self.world, self.engine
        position = engine.inventory_position()
        orders = lane_orders(world, self.rule.orders(position, engine.t)).astype(position.dtype)
        count = np.array([f.vehicles for f in world.fleets] + [0.0])[world.fleet_of]
        vehicles = np.repeat(count[:, None], orders.shape[-1], axis=1).astype(position.dtype)
        return orders, vehicles, np.zeros_like(vehicles)

    def static_by_sight(self) -> Decision:
        """What the network does where agents follow the static policy by what they are shown."""
        static = self.static_decision()
        if self.sight is None or self.sight.now is None:
            return static
        orders = static[0].copy()
        for group in self.setup.groups:
            for i, codec in enumerate(group.codecs):
                spec = codec.spec
                if spec.role == "replenish":
                    position = spec.position(self.vector[group.places[i, : spec.size]])
                    gap = np.maximum(self.setup.levels[spec.index][:, None] - position, 0.0)
                    orders[spec.lanes] = codec.split(gap).reshape(orders[spec.lanes].shape)
        return self.sight.held((orders, *static[1:]), static)

    def decision(self, actions: Sequence[Array]) -> Decision:
        """The network's decision where each group's agents act: (agent, action, B) per group."""
        orders, vehicles, min_load = self.static_decision()
        for group, acts in zip(self.setup.groups, actions, strict=True):
            for i, codec in enumerate(group.codecs):
                spec = codec.spec
                observation = self.vector[group.places[i, : spec.size]]
                wish = codec.decode(observation, acts[i, : codec.action_size])
                if spec.role == "replenish":
                    orders[spec.lanes] = wish.reshape(len(spec.lanes), -1, wish.shape[-1])
                else:
                    vehicles[spec.lanes], min_load[spec.lanes] = np.split(wish, 2)
        decision = orders, vehicles, min_load
        if self.sight is not None and self.sight.holds:
            decision = self.sight.held(decision, self.static_decision())
        if self.absent is not None:
            self.absent.stand_by(decision, self.static_decision(), self.t)
        return decision

    def step(self, decision: Decision) -> Floats:
        """Finish the period and go to the next epoch; the nodes' profit: (B, node)."""
        self.engine.decide(*decision)
        self.decisions.append(decision)
        profit: Floats = self.engine.profit_row().T
        self._advance()
        return profit

    def _advance(self) -> None:
        seen = self.engine.advance()
        self.over = not seen or self.engine.t >= self.setup.world.periods
        if not seen:
            return
        vector = global_vector(self.world, self.engine)
        padded = np.concatenate([vector, np.zeros_like(vector[:1])])
        self.vector = self.sight.seen(self.t, padded) if self.sight else padded


class Sampler:
    """Yields one segment after the other; a new horizon has new sample paths."""

    def __init__(
        self, setup: Setup, config: TrainConfig, disturbance: Disturbance | None = None
    ) -> None:
        """Raises TrainingError for a hardened configuration without its disturbance."""
        self.hardening = Hardening.of(setup, config, disturbance)
        self.setup = self.hardening.setup if self.hardening else setup
        self.config = config
        self.start_horizon(0)

    def start_horizon(
        self,
        number: int,
        decisions: Sequence[Decision] = (),
        counterfactual: Sequence[Decision] = (),
    ) -> None:
        """Go to a horizon and replay what was decided in it, and in its twins, so far.

        The decisions are those for all networks, as ``decided`` gives them.
        """
        self.number = number
        count = self.config.replications
        first = TRAINING_SEEDS + self.config.seed * SEEDS_PER_RUN + number * count
        world = self.setup.longer
        share = self.setup.share
        path, sight = self._networks(world, range(first, first + count))
        self.baseline = static_profit(self.setup, world, path, sight)  # (period, B, node)
        killed = draw_kills(self.setup, self.config, number)
        self.horizon = Horizon(self.setup, world, path, killed, sight, self._engine(world, path))
        self.twins = self._twins(world, path, killed, sight)
        for decision in decisions:
            self.horizon.step(own_decision(decision, share))
        if self.twins:
            for decision in counterfactual:
                own = own_decision(decision, share, len(self.twins.specs))
                self.twins.horizon.step(own)

    def decided(self) -> tuple[Sequence[Decision], Sequence[Decision]]:
        """What was decided in the horizon so far, and in its twins, for all networks."""
        ranks, count = self.setup.ranks, self.config.replications
        decisions = whole_decisions(self.horizon.decisions, ranks, count)
        if self.twins is None:
            return decisions, ()
        twins = self.twins.horizon.decisions
        return decisions, whole_decisions(twins, ranks, count, len(self.twins.specs))

    def memories(self) -> list[tuple[str, Memory, int]]:
        """What the networks under way remember, and their twins, with copies of each network."""
        found = [("networks", self.horizon.memory, 1)]
        if self.twins:
            found.append(("twins", self.twins.horizon.memory, len(self.twins.specs)))
        return found

    def _networks(self, world: World, seeds: range) -> tuple[BatchPath, Sight | None]:
        """The sample paths of a horizon, and what its agents see instead of the truth."""
        if self.hardening is None:
            return self._paths(world, seeds), None
        reach = self.hardening.reach(self.number)
        own = self.setup.share.columns
        return self.hardening.networks(world, seeds, reach, np.float32, own)

    def _twins(
        self, world: World, path: BatchPath, killed: Flags | None, sight: Sight | None
    ) -> Counterfactual | None:
        """Beside the networks, those without one agent each, where rewards ask for them."""
        if meant_mode(world, self.setup.reward) != "difference":
            return None
        specs = agent_specs(self.setup.world)
        wide = widened(path, len(specs))
        seen = sight.repeated(len(specs)) if sight else None
        engine = self._engine(world, wide, len(specs))
        return Counterfactual(Horizon(self.setup, world, wide, killed, seen, engine), specs)

    def _paths(self, world: World, seeds: range) -> BatchPath:
        """Of the sample paths of a horizon without hardening those of this process."""
        own = self.setup.share.columns
        if self.config.paths == "seeds":
            return paths(world, seeds[own], np.float32)
        return drawn_together(world, seeds, own, self.config.device)

    def _engine(self, world: World, path: BatchPath, copies: int = 1) -> Any:
        """What plays the networks on the paths of the horizon, each several times over."""
        return BatchEngine(world, path, keep_rows=False)

    def close(self) -> None:
        """Let go of what is more than memory."""

    def collect(
        self, weights: Weights, update: int, watch: Callable[[Horizon], None] | None = None
    ) -> Segment:
        """Run one segment with exploration noise that belongs to the update.

        ``watch`` is shown the networks where the segment starts, and every new horizon in it.
        """
        periods = self.config.segment
        explorer = explorer_of(self.setup, self.config, weights, update)
        remembered = self.horizon.memory.rows()
        steps, states, profits, static, extra = [], [], [], [], []
        cut = np.zeros(periods, dtype=np.bool_)
        cut_states, cut_inputs = [], []
        alive, cut_alive, cut_possible = [], [], []
        for k in range(periods):
            horizon = self.horizon
            if watch is not None and (k == 0 or cut[k - 1]):
                watch(horizon)
            states.append(self._state())
            alive.append(horizon.alive)
            acted = [
                explorer.act(g, horizon.vector, k, horizon) for g in range(len(weights.layers))
            ]
            static.append(self.baseline[horizon.t])
            phi = self._potential()
            without = self.twins.step(explorer, k) if self.twins else 0.0
            profits.append(horizon.step(horizon.decision([a.actions for a in acted])))
            extra.append((shaping(phi, self._potential(), self.config.gamma), without))
            steps.append(acted)
            if horizon.over or k == periods - 1:
                cut[k] = True
                cut_states.append(self._state())
                cut_alive.append(self.horizon.alive)
                cut_possible.append([self.horizon.possible(g) for g in range(len(weights.layers))])
                cut_inputs.append([g.inputs(self.horizon.vector) for g in self.setup.groups])
            if horizon.over:
                self.start_horizon(self.number + 1)
        groups = group_batches(steps, cut_inputs, remembered, cut_possible)
        gained, static_profit = np.array(profits), np.array(static)
        rewards = self._rewards(gained, static_profit, extra)
        seen = _columns_last(states), cut, _columns_last(cut_states)
        batch = Batch(groups, *seen, rewards, *batch_flags(alive, cut_alive))
        return Segment(batch, _cost(gained), _cost(static_profit))

    def _rewards(self, profits: Floats, static: Floats, extra: list[tuple[Any, Any]]) -> Array:
        """Rewards (period, B, stream) from the nodes' profit (period, B, node).

        ``extra`` holds each period's shaping (B, node) and the twins' profit (B, agent).
        """
        gained = profits - static if self.config.control_variate else profits
        if self.setup.reward.shaping:
            gained = gained + np.array([shaped for shaped, _ in extra])
        streams = reward_streams(self.setup.world, gained, self.setup.reward)
        if self.twins:
            streams = streams - np.array([without for _, without in extra])
        return streams.astype(np.float32)

    def _potential(self) -> Floats | float:
        """Phi of each node at the current epoch: (B, node)."""
        weight = self.setup.reward.shaping
        if not weight:
            return 0.0
        position = self.horizon.engine.inventory_position()
        return potential(self.setup.world, self.setup.levels, position, weight)

    def _state(self) -> Array:
        """The critic's input at the current epoch: (state, B)."""
        horizon = self.horizon
        alive = horizon.alive if self.setup.some_absent else None
        return self.setup.state(horizon.vector, horizon.engine.path.demand, horizon.t, alive)


def _columns_last(states: list[Array]) -> Array:
    """(step, state, B) to contiguous (step, B, state)."""
    return np.ascontiguousarray(np.stack(states).transpose(0, 2, 1))


def _cost(profit: Floats) -> float:
    """Mean cost less revenue of the whole network per period: from (period, B, node)."""
    return -float(profit.sum(axis=-1).mean())


def paths(world: World, seeds: Sequence[int], dtype: Any = None) -> BatchPath:
    """The sample paths of some seeds."""
    return stack_paths(world, [draw_path(world, seed) for seed in seeds], np, dtype)


def drawn_together(world: World, seeds: range, own: slice, device: str) -> BatchPath:
    """Other sample paths of the same distribution, drawn for all networks at once on a device."""
    if device == "cpu":
        return drawn_path(world, NumpyDraws(seeds[0]), seeds, own, np.float32)
    from agents.learn.device_draws import host_path

    return host_path(world, seeds, own, device)


def static_profit(
    setup: Setup, world: World, path: BatchPath, sight: Sight | None = None
) -> Floats:
    """Profit of the static policy on given paths, by what agents are shown: (period, B, node)."""
    horizon = Horizon(setup, world, path, sight=sight.repeated(1) if sight else None)
    rows = []
    while not horizon.over:
        rows.append(horizon.step(horizon.static_by_sight()))
    return np.stack(rows)


def evaluation_seeds(count: int) -> range:
    """The fixed seeds of greedy evaluation."""
    first = TRAINING_SEEDS // 2
    return range(first, first + count)


def evaluate(
    setup: Setup,
    layers: Sequence[Layers],
    seeds: Sequence[int],
    grids: Sequence[Array] = (),
    discount: float = 1.0,
    hardening: Hardening | None = None,
    cells: Sequence[Cell] = (),
) -> Floats:
    """Cost per period of greedy actors on each seed, later periods discounted: (seed,).

    ``grids`` (agent, action, choice), one per group, are what actors with a grid choose from,
    ``cells``, one per group, what recurrent ones remember with. With a ``hardening`` its share of
    the networks is disturbed, by the whole range of severities.
    """
    if bool(setup.units) != bool(cells):
        raise TrainingError("actors that remember come with cells, and no others do", "evaluate")
    weights = Weights(tuple(layers), grids=tuple(grids), cells=tuple(cells))
    horizon = _judged(setup, seeds, hardening)
    rows = []
    while not horizon.over:
        actions = [
            weights.greedy(g, group.inputs(horizon.vector), horizon.memory, horizon.possible(g))
            for g, group in enumerate(horizon.setup.groups)
        ]
        rows.append(horizon.step(horizon.decision(actions)).sum(axis=1))
    return mean_cost(rows, discount)


def _judged(setup: Setup, seeds: Sequence[int], hardening: Hardening | None) -> Horizon:
    """The networks of some seeds at their first epoch."""
    if hardening is None:
        return Horizon(setup, setup.world, paths(setup.world, seeds))
    path, sight = hardening.networks(setup.world, seeds, 1.0)
    return Horizon(hardening.setup, setup.world, path, sight=sight)


def mean_cost(profit: Sequence[Floats] | Floats, discount: float) -> Floats:
    """Discounted cost over the number of periods, from profits (period, B): (B,)."""
    cost: Floats = -(discount ** np.arange(len(profit)) @ np.array(profit)) / len(profit)
    return cost


def evaluate_static(
    setup: Setup,
    seeds: Sequence[int],
    discount: float = 1.0,
    hardening: Hardening | None = None,
) -> Floats:
    """Cost per period of the static policy on each seed, later periods discounted: (seed,)."""
    start = _judged(setup, seeds, hardening)
    profit = static_profit(start.setup, setup.world, start.engine.path, start.sight)
    return mean_cost(profit.sum(axis=2), discount)
