"""Experience: many networks side by side on fresh sample paths, segment by segment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.learn.absence import batch_flags, draw_kills
from agents.learn.batch import Array, Batch, Weights
from agents.learn.config import TrainConfig
from agents.learn.counterfactual import Blocks, part_of, side_by_side, widened
from agents.learn.decided import Decision, own_decision, whole_decisions
from agents.learn.disturbance import Disturbance
from agents.learn.evaluation import TRAINING_SEEDS
from agents.learn.explore import explorer_of, group_batches
from agents.learn.hardening import Hardening
from agents.learn.horizon import Horizon, drawn_together, paths, static_profit
from agents.learn.memory import Memory
from agents.learn.rewards import meant_mode, potential, reward_streams, shaping
from agents.learn.setup import Setup
from agents.learn.sight import Sight
from twin.engine.batch import BatchEngine, BatchPath
from twin.env.agents import agent_specs
from twin.network.world import World

Floats = NDArray[np.float64]
SEEDS_PER_RUN = 10_000_000


@dataclass(frozen=True)
class Segment:
    """Experience of one update, and what it cost per period."""

    batch: Batch
    cost: float
    baseline_cost: float


class Sampler:
    """Yields one segment after the other; a new horizon has new sample paths."""

    static_beside = True
    """Whether the static policy plays in the same batch, or in one of its own beforehand."""

    def __init__(
        self, setup: Setup, config: TrainConfig, disturbance: Disturbance | None = None
    ) -> None:
        """Raises TrainingError for a hardened configuration without its disturbance."""
        self.hardening = Hardening.of(setup, config, disturbance)
        self.setup = self.hardening.setup if self.hardening else setup
        self.config = config
        differ = meant_mode(setup.world, setup.reward) == "difference"
        specs = agent_specs(setup.world) if differ else ()
        count = setup.share.count(config.replications)
        self.blocks = Blocks(count, len(setup.world.lanes), specs, self.static_beside)
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
        count, blocks = self.config.replications, self.blocks
        first = TRAINING_SEEDS + self.config.seed * SEEDS_PER_RUN + number * count
        world = self.setup.longer
        self.path, sight = self._networks(world, range(first, first + count))
        wide = widened(self.path, blocks.copies) if blocks.copies > 1 else self.path
        killed = draw_kills(self.setup, self.config, number)
        seen = sight.repeated(blocks.copies) if sight else None
        engine = self._engine(world, wide, blocks.copies)
        self.horizon = Horizon(self.setup, world, wide, killed, seen, engine, blocks.unmanned)
        self.baseline = None if blocks.static else static_profit(self.setup, world, self.path)
        for k, decision in enumerate(decisions):
            own = [own_decision(decision, self.setup.share)]
            if blocks.specs:
                agents = len(blocks.specs)
                own.append(own_decision(counterfactual[k], self.setup.share, agents))
            if blocks.static:
                own.append(self.horizon.unmanned_decision())
            self.horizon.step(side_by_side(*own))

    def decided(self) -> tuple[Sequence[Decision], Sequence[Decision]]:
        """What was decided in the horizon so far, and in its twins, for all networks."""
        ranks, count, blocks = self.setup.ranks, self.config.replications, self.blocks
        made = self.horizon.decisions
        networks = [part_of(decision, blocks.networks) for decision in made]
        decisions = whole_decisions(networks, ranks, count)
        if not blocks.specs:
            return decisions, ()
        twins = [part_of(decision, blocks.twins) for decision in made]
        return decisions, whole_decisions(twins, ranks, count, len(blocks.specs))

    def memories(self) -> list[tuple[str, Memory, int]]:
        """What the networks under way remember, and their twins, with copies of each network."""
        return [("networks", self.horizon.memory, 1 + len(self.blocks.specs))]

    def _networks(self, world: World, seeds: range) -> tuple[BatchPath, Sight | None]:
        """The sample paths of a horizon, and what its agents see instead of the truth."""
        if self.hardening is None:
            return self._paths(world, seeds), None
        reach = self.hardening.reach(self.number)
        own = self.setup.share.columns
        return self.hardening.networks(world, seeds, reach, np.float32, own)

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
        periods, own = self.config.segment, self.blocks.count
        numbered = range(len(weights.layers))
        explorer = explorer_of(self.setup, self.config, weights, update)
        remembered = [rows[:own] for rows in self.horizon.memory.rows()]
        steps, states, profits, extra = [], [], [], []
        cut = np.zeros(periods, dtype=np.bool_)
        cut_states, cut_inputs = [], []
        alive, cut_alive, cut_possible, ended = [], [], [], []
        for k in range(periods):
            horizon = self.horizon
            if watch is not None and (k == 0 or cut[k - 1]):
                watch(horizon)
            states.append(self._state())
            alive.append(horizon.alive[:, :own])
            acted = [explorer.act(g, horizon.vector, k, horizon) for g in numbered]
            phi = self._potential()
            profits.append(self._step([a.actions for a in acted]))
            extra.append(shaping(phi, self._potential(), self.config.gamma, self._ended))
            steps.append([a.first(own) for a in acted])
            if horizon.over or k == periods - 1:
                vector = horizon.vector[:, :own]
                cut[k] = True
                cut_states.append(self._state())
                cut_alive.append(horizon.alive[:, :own])
                ended.append(self._ended)
                possible = [horizon.possible(g) for g in numbered]
                cut_possible.append([None if p is None else p[..., :own] for p in possible])
                cut_inputs.append([g.inputs(vector) for g in self.setup.groups])
            if horizon.over:
                self.start_horizon(self.number + 1)
        groups = group_batches(steps, cut_inputs, remembered, cut_possible)
        gained, static, without = (np.array(part) for part in zip(*profits, strict=True))
        rewards = self._rewards(gained, static, without, extra)
        seen = _columns_last(states), cut, _columns_last(cut_states)
        flags = batch_flags(alive, cut_alive)
        batch = Batch(groups, *seen, rewards, *flags, np.array(ended) if any(ended) else None)
        return Segment(batch, _cost(gained), _cost(static))

    def _step(self, actions: list[Array]) -> tuple[Floats, Floats, Floats]:
        """One period; profit of the networks' nodes and the static policy's, (B, node) each, and of
        the team without each agent, (B, agent)."""
        horizon, blocks = self.horizon, self.blocks
        t, static = horizon.t, horizon.static_decision() if blocks.specs else None
        decision = horizon.decision(actions, static)
        if static is not None:
            decision = blocks.without_each(decision, static)
        profit = horizon.step(decision)
        alone = profit[horizon.manned :] if self.baseline is None else self.baseline[t]
        return profit[blocks.networks], alone, blocks.without(profit)

    def _rewards(
        self, profits: Floats, static: Floats, without: Floats, shaped: list[Any]
    ) -> Array:
        """Rewards (period, B, stream) from the nodes' profit (period, B, node).

        ``without`` (period, B, agent) is the twins' profit, ``shaped`` each period's shaping
        (B, node).
        """
        # A difference has its own control variate: the twin on the same path.
        varied = self.config.control_variate and not self.blocks.specs
        gained = profits - static if varied else profits
        if self.setup.reward.shaping:
            gained = gained + np.array(shaped)
        streams = reward_streams(self.setup.world, gained, self.setup.reward)
        if self.blocks.specs:
            streams = streams - without
        return streams.astype(np.float32)

    @property
    def _ended(self) -> bool:
        """Whether nothing follows the current epoch."""
        return self.horizon.over and self.config.horizon_end == "termination"

    def _potential(self) -> Floats | float:
        """Phi of each node at the current epoch: (B, node)."""
        weight = self.setup.reward.shaping
        if not weight:
            return 0.0
        position = self.horizon.engine.inventory_position()[..., self.blocks.networks]
        return potential(self.setup.world, self.setup.levels, position, weight)

    def _state(self) -> Array:
        """The critic's input at the current epoch: (state, B)."""
        horizon, own = self.horizon, self.blocks.networks
        alive = horizon.alive[:, own] if self.setup.some_absent else None
        return self.setup.state(horizon.vector[:, own], self.path.demand, horizon.t, alive)


def _columns_last(states: list[Array]) -> Array:
    """(step, state, B) to contiguous (step, B, state)."""
    return np.ascontiguousarray(np.stack(states).transpose(0, 2, 1))


def _cost(profit: Floats) -> float:
    """Mean cost less revenue of the whole network per period: from (period, B, node)."""
    return -float(profit.sum(axis=-1).mean())
