"""Actors that learn by PPO's clipped objective; MAPPO, IPPO and HAPPO say which critic, what order.

Clipped surrogate objective per agent, normalised values with a Huber loss, separate optimisers
(Yu et al. 2022, "The Surprising Effectiveness of PPO in Cooperative Multi-Agent Games").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.learn.adam import Adam
from agents.learn.batch import Array, Batch, Weights
from agents.learn.climbing import Climber, Step, mean_step
from agents.learn.config import TrainConfig
from agents.learn.critics import Critic
from agents.learn.data import Data
from agents.learn.gae import advantages
from agents.learn.learner import UpdateStats
from agents.learn.masked import (
    Counts,
    explained,
    huber,
    huber_slope,
    in_control,
    moments,
    weight_of,
)
from agents.learn.minibatches import Minibatch, minibatches
from agents.learn.networks import make_actors, weights_of
from agents.learn.parent import Parent, copy_cell, copy_layers, copy_spread
from agents.learn.rollout import Sampler, Segment
from agents.learn.setup import Setup
from agents.learn.tensors import (
    Arrays,
    put_gradients,
    restore_tensors,
    step_down,
    tensor_arrays,
)
from agents.learn.unrolling import Unrolling
from twin.exogenous.streams import stream


class PolicyGradient:
    """Actors, critic and their optimisers."""

    def __init__(self, setup: Setup, config: TrainConfig, critic: Critic) -> None:
        self.config = config
        self.device = torch.device(config.device)
        self.ranks = setup.ranks
        self.critic = critic
        self.rate_scale = 1.0
        self.names = [g.group.name for g in setup.groups]
        self.used = [torch.from_numpy(g.used).to(self.device) for g in setup.groups]
        self.actors = make_actors([(g.group, g.start) for g in setup.groups], config)
        judges = nn.ModuleList(critic.networks.values())
        self.climber = Climber(config, self.ranks, self.actors, self.used, critic.columns)
        self.actor_adam = self.climber.adam
        self.critic_adam = Adam(judges.parameters(), config.critic_rate)

    def weights(self) -> Weights:
        """Numpy copies of what the rollout needs."""
        return weights_of(self.actors)

    def collect(self, sampler: Sampler, number: int) -> Segment:
        """One segment with Gaussian exploration."""
        return sampler.collect(self.weights(), number)

    def update(self, batch: Batch, number: int, progress: float) -> UpdateStats:
        """Learn from one segment; ``progress`` is the share of the budget that is used up.

        Raises TrainingError when a loss is not a finite number.
        """
        order = stream(self.config.seed, f"minibatches/{number}")
        data, value_loss, explained = self.judge(batch, number, progress, order)
        if number < self.config.critic_first:
            return UpdateStats(0.0, value_loss, self._entropy(), 0.0, 0.0, explained)
        policy_loss, kl, clip_share = self._learn_policies(data, order, number)
        entropy = self._entropy()
        return UpdateStats(policy_loss, value_loss, entropy, kl, clip_share, explained)

    def judge(
        self, batch: Batch, number: int, progress: float, order: np.random.Generator
    ) -> tuple[Data, float, float]:
        """Let the critic learn from one segment; the data, its loss, the variance it explained."""
        self._set_rates(1.0 - progress * (1.0 - self.config.final_rate_share))
        counts = self._in_control(batch)
        values, advantage, returns = self._targets(batch, counts)
        self.critic.renormalise(returns, None if counts is None else counts > 0)
        share = explained(values, returns, counts, self.ranks)
        data = self._data(batch, advantage, self.critic.normalised(returns), counts)
        return data, self._learn_values(data, order, number), share

    def values(self, batch: Batch) -> Array:
        """What the critic thinks of a segment: (period, replication, column) money."""
        return self.critic.values(self.critic.inputs(batch))

    def adopt(self, parent: Parent) -> None:
        """Give the actors the parent's weights and exploration; the critic starts afresh."""
        for name, actor in zip(self.names, self.actors, strict=True):
            copy_cell(actor.mean, parent, name)
            copy_layers(actor.mean, parent, name)
            copy_spread(actor.log_std, parent, name)

    def state(self) -> Arrays:
        """Weights, optimisers and normalisers."""
        arrays = tensor_arrays(self._modules(), self._adams())
        for name, normaliser in self.critic.normalisers.items():
            for key, value in normaliser.state().items():
                arrays[f"normaliser/{name}/{key}"] = value
        return arrays

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Put back what ``state`` gave."""
        restore_tensors(dict(state), self._modules(), self._adams())
        for name, normaliser in self.critic.normalisers.items():
            keys = normaliser.state()
            normaliser.restore({key: state[f"normaliser/{name}/{key}"] for key in keys})

    def judges(self) -> dict[str, Array]:
        """The critic's layers by name."""
        named: dict[str, Array] = {}
        for name, network in self.critic.networks.items():
            place = f"critic/{name}/" if name else "critic/"
            for index, (weight, bias) in enumerate(network.arrays()):
                named |= {f"{place}{index}/weight": weight, f"{place}{index}/bias": bias}
        return named

    def _modules(self) -> dict[str, nn.Module]:
        actors = {f"actor{i}": actor for i, actor in enumerate(self.actors)}
        judges = {f"critic{name}": network for name, network in self.critic.networks.items()}
        return {**actors, **judges}

    def _adams(self) -> dict[str, Adam]:
        return {"actor": self.actor_adam, "critic": self.critic_adam}

    def _learn_values(self, data: Data, order: np.random.Generator, number: int) -> float:
        """All gradient steps of the critic; the mean loss."""
        losses = [
            self._critic_step(data, part, number)
            for _ in range(self.config.critic_epochs)
            for part in self._minibatches(data, order)
        ]
        return float(np.mean(losses))

    def _learn_policies(self, data: Data, order: np.random.Generator, number: int) -> Step:
        """Gradient steps of all actors at once; mean figures."""
        return mean_step(self._passes(data, order, number, range(len(self.actors))))

    def _passes(
        self,
        data: Data,
        order: np.random.Generator,
        number: int,
        groups: Sequence[int],
        factor: Tensor | None = None,
    ) -> list[Step]:
        """Gradient steps of some groups until their policies have moved far enough."""
        steps: list[Step] = []
        for _ in range(self.config.epochs):
            steps += [
                self.climber.step(data, part, number, groups, factor)
                for part in self._minibatches(data, order)
            ]
            if steps[-1][1] > self.config.kl_stop:
                break
        return steps

    def _minibatches(self, data: Data, order: np.random.Generator) -> list[Minibatch]:
        """Rows of one pass in random order, in equal parts; whole sequences if actors remember."""
        own = self.config, self.ranks.share, order, self.device
        if data.unrolling is not None:
            return data.unrolling.minibatches(*own)
        return minibatches(len(data.advantage), *own)

    def _in_control(self, batch: Batch) -> Counts | None:
        """Agents in control per column: (period, replication, column); None for all, always."""
        if batch.alive is None:
            return None
        return in_control(batch.alive, self.critic.columns, self.critic.rewards(batch).shape[-1])

    def _targets(self, batch: Batch, counts: Counts | None) -> tuple[Array, Array, Array]:
        """Values, advantages and returns in money: each (period, replication, column)."""
        critic, config = self.critic, self.config
        values = critic.values(critic.inputs(batch))
        if counts is not None:
            values = np.where(counts > 0, values, np.float32(0))  # nobody learnt these
        next_values = np.concatenate([values[1:], values[-1:]])
        after = critic.values(critic.cut_inputs(batch))
        if batch.ended is not None:
            after[batch.ended] = 0
        next_values[batch.cut] = after
        rewards = critic.rewards(batch)
        advantage, returns = advantages(
            rewards,
            values,
            next_values,
            batch.cut,
            config.gamma,
            config.lam,
            None if counts is None else counts > 0,
        )
        return values, advantage, returns

    def _data(self, batch: Batch, advantage: Array, targets: Array, counts: Counts | None) -> Data:
        mean, sd = moments(advantage, counts, self.ranks)
        scaled = (advantage - mean) / (sd + 1e-8)
        groups = [
            (self._rows(g.inputs), self._rows(g.actions), self._rows(g.log_probability))
            for g in batch.groups
        ]
        seen = [self._rows(inputs) for inputs in self.critic.inputs(batch)]
        unrolling = Unrolling.of(batch, self.device)
        data = Data(groups, seen, self._rows(scaled), self._rows(targets), unrolling=unrolling)
        if batch.alive is None or counts is None:
            return data
        sizes = [len(own) for own in self.critic.columns]
        alive = torch.split(self._rows(batch.alive), sizes, dim=1)
        return replace(data, alive=list(alive), judged=self._rows(counts > 0))

    def _rows(self, array: NDArray[Any]) -> Tensor:
        """(period, replication, ...) to (period x replication, ...) on the device."""
        return torch.from_numpy(array).flatten(0, 1).to(self.device)

    def _critic_step(self, data: Data, part: Minibatch, number: int) -> float:
        """One gradient step of the critic."""
        rows, delta, longest = part.rows, self.config.huber, self.config.gradient_norm
        judged = None if data.judged is None else data.judged[rows]
        weight = weight_of(part.weight, judged, self.ranks)
        if judged is not None and not self.ranks.anywhere(bool(judged.any())):
            return 0.0
        targets = data.targets.index_select(0, rows)
        values, back = self.critic.judge([seen.index_select(0, rows) for seen in data.seen])
        gradients = back(huber_slope(values, targets, delta, judged) * weight)
        put_gradients(self.critic_adam.parameters, gradients)
        loss = huber(values, targets, delta, judged) * weight
        return step_down(loss, self.critic_adam, longest, "value loss", number, self.ranks)

    def _set_rates(self, share: float) -> None:
        self.actor_adam.rate = self.config.actor_rate * share * self.rate_scale
        self.critic_adam.rate = self.config.critic_rate * share * self.rate_scale

    def _entropy(self) -> float:
        pairs = zip(self.actors, self.used, strict=True)
        with torch.no_grad():
            return float(np.mean([a.entropy(used).item() for a, used in pairs]))
