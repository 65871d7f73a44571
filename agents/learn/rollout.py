"""Experience: many networks side by side on fresh sample paths, segment by segment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.learn.absence import Flags, batch_flags, draw_kills
from agents.learn.batch import Array, Batch, Weights
from agents.learn.config import TrainConfig
from agents.learn.counterfactual import Counterfactual, widened
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
        alive, cut_alive, cut_possible, ended = [], [], [], []
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
            shaped = shaping(phi, self._potential(), self.config.gamma, self._ended)
            extra.append((shaped, without))
            steps.append(acted)
            if horizon.over or k == periods - 1:
                cut[k] = True
                cut_states.append(self._state())
                cut_alive.append(self.horizon.alive)
                ended.append(self._ended)
                cut_possible.append([self.horizon.possible(g) for g in range(len(weights.layers))])
                cut_inputs.append([g.inputs(self.horizon.vector) for g in self.setup.groups])
            if horizon.over:
                self.start_horizon(self.number + 1)
        groups = group_batches(steps, cut_inputs, remembered, cut_possible)
        gained, static_profit = np.array(profits), np.array(static)
        rewards = self._rewards(gained, static_profit, extra)
        seen = _columns_last(states), cut, _columns_last(cut_states)
        flags = batch_flags(alive, cut_alive)
        batch = Batch(groups, *seen, rewards, *flags, np.array(ended) if any(ended) else None)
        return Segment(batch, _cost(gained), _cost(static_profit))

    def _rewards(self, profits: Floats, static: Floats, extra: list[tuple[Any, Any]]) -> Array:
        """Rewards (period, B, stream) from the nodes' profit (period, B, node).

        ``extra`` holds each period's shaping (B, node) and the twins' profit (B, agent).
        """
        # A difference has its own control variate: the twin on the same path.
        varied = self.config.control_variate and self.twins is None
        gained = profits - static if varied else profits
        if self.setup.reward.shaping:
            gained = gained + np.array([shaped for shaped, _ in extra])
        streams = reward_streams(self.setup.world, gained, self.setup.reward)
        if self.twins:
            streams = streams - np.array([without for _, without in extra])
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
