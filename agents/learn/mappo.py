"""MAPPO: the update of the actors and of the centralised critic from one segment of experience.

Clipped surrogate objective per agent, normalised values with a Huber loss, separate optimisers
(Yu et al. 2022, "The Surprising Effectiveness of PPO in Cooperative Multi-Agent Games").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Adam

from agents.learn.batch import Array, Batch, Weights
from agents.learn.config import TrainConfig
from agents.learn.gae import advantages
from agents.learn.networks import Actor, make_critic
from agents.learn.setup import GroupSetup
from twin.errors import TrainingError
from twin.exogenous.streams import stream

ADAM_EPSILON = 1e-5


@dataclass(frozen=True)
class UpdateStats:
    """How one update went."""

    policy_loss: float
    value_loss: float
    entropy: float
    kl: float
    clip_share: float
    explained_variance: float


class ValueNormaliser:
    """Running mean and standard deviation of the returns, one of each per reward stream."""

    def __init__(self, streams: int, memory: float) -> None:
        self.memory = memory
        self.weight = 0.0
        self.first: NDArray[np.float64] = np.zeros(streams)  # (stream,) running sum of means
        self.second: NDArray[np.float64] = np.zeros(
            streams
        )  # (stream,) running sum of mean squares

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean of the returns, zero before the first update."""
        return self.first / max(self.weight, 1e-12)

    @property
    def sd(self) -> NDArray[np.float64]:
        """Standard deviation of the returns, one before the first update."""
        if self.weight == 0.0:
            return np.ones_like(self.first)
        variance = self.second / self.weight - self.mean**2
        return np.sqrt(np.maximum(variance, 1e-8 * (1.0 + self.mean**2)))

    def update(self, returns: Array) -> None:
        """Take in the returns of one segment: (..., stream)."""
        flat = returns.reshape(-1, returns.shape[-1]).astype(np.float64)
        fresh = 1.0 - self.memory
        self.weight = self.memory * self.weight + fresh
        self.first = self.memory * self.first + fresh * flat.mean(axis=0)
        self.second = self.memory * self.second + fresh * (flat**2).mean(axis=0)

    def normalised(self, values: Array) -> Array:
        """Values in standard deviations from the mean."""
        scaled: Array = ((values - self.mean) / self.sd).astype(np.float32)
        return scaled

    def restored(self, normalised: Array) -> Array:
        """The inverse of ``normalised``."""
        values: Array = (normalised * self.sd + self.mean).astype(np.float32)
        return values


class Learner:
    """Actors, critic, their optimisers and the value normaliser."""

    def __init__(
        self, groups: Sequence[GroupSetup], state_size: int, streams: int, config: TrainConfig
    ) -> None:
        self.config = config
        self.device = torch.device(config.device)
        self.used = [torch.from_numpy(g.used).to(self.device) for g in groups]
        self.agent_streams = [torch.from_numpy(g.streams).to(self.device) for g in groups]
        self.actors = [Actor(g.group, g.start, config).to(self.device) for g in groups]
        self.critic = make_critic(state_size, streams, config).to(self.device)
        self.actor_adam = _adam(nn.ModuleList(self.actors), config.actor_rate)
        self.critic_adam = _adam(self.critic, config.critic_rate)
        self.normaliser = ValueNormaliser(streams, config.normaliser_memory)

    def weights(self) -> Weights:
        """Numpy copies of what the rollout needs."""
        return Weights(
            tuple(actor.mean.arrays() for actor in self.actors),
            tuple(actor.log_std.detach().cpu().numpy().copy() for actor in self.actors),
        )

    def update(self, batch: Batch, number: int, progress: float) -> UpdateStats:
        """Learn from one segment; ``progress`` is the share of the budget that is used up.

        Raises TrainingError when a loss is not a finite number.
        """
        self._set_rates(1.0 - progress * (1.0 - self.config.final_rate_share))
        values, advantage, returns = self._targets(batch)
        self._renormalise(returns)
        explained = explained_variance(values, returns)
        data = self._data(batch, advantage, self.normaliser.normalised(returns))
        order = stream(self.config.seed, f"minibatches/{number}")
        value_loss = self._learn_values(data, order, number)
        policy_loss, kl, clip_share = self._learn_policies(data, order, number)
        entropy = self._entropy()
        return UpdateStats(policy_loss, value_loss, entropy, kl, clip_share, explained)

    def _learn_values(self, data: _Data, order: np.random.Generator, number: int) -> float:
        """All gradient steps of the critic; the mean loss."""
        losses = [
            self._critic_step(data, rows, number)
            for _ in range(self.config.critic_epochs)
            for rows in self._minibatches(data, order)
        ]
        return float(np.mean(losses))

    def _learn_policies(
        self, data: _Data, order: np.random.Generator, number: int
    ) -> tuple[float, float, float]:
        """Gradient steps of the actors until the policies have moved far enough; mean figures."""
        steps: list[tuple[float, float, float]] = []
        for _ in range(self.config.epochs):
            steps += [
                self._actor_step(data, rows, number) for rows in self._minibatches(data, order)
            ]
            if steps[-1][1] > self.config.kl_stop:
                break
        policy_loss, kl, clip_share = np.mean(steps, axis=0).tolist()
        return policy_loss, kl, clip_share

    def _minibatches(self, data: _Data, order: np.random.Generator) -> tuple[Tensor, ...]:
        """Rows of one pass in random order, in equal parts."""
        rows = torch.from_numpy(order.permutation(len(data.states))).to(self.device)
        return rows.tensor_split(self.config.minibatches)

    @torch.no_grad()
    def _renormalise(self, returns: Array) -> None:
        """Take in the returns and keep the critic's values what they were.

        PopArt: van Hasselt et al. 2016, "Learning values across many orders of magnitude".
        """
        mean, sd = self.normaliser.mean, self.normaliser.sd
        self.normaliser.update(returns)
        head = self.critic.linear[-1]
        scale = torch.from_numpy(sd / self.normaliser.sd).float().to(self.device)
        shift = (mean - self.normaliser.mean) / self.normaliser.sd
        head.weight.mul_(scale[:, None])
        head.bias.mul_(scale).add_(torch.from_numpy(shift).float().to(self.device))

    def _targets(self, batch: Batch) -> tuple[Array, Array, Array]:
        """Values, advantages and returns in money: each (period, replication, stream)."""
        values = self._values(batch.states)
        next_values = np.concatenate([values[1:], values[-1:]])
        next_values[batch.cut] = self._values(batch.cut_states)
        config = self.config
        advantage, returns = advantages(
            batch.rewards, values, next_values, batch.cut, config.gamma, config.lam
        )
        return values, advantage, returns

    @torch.no_grad()
    def _values(self, states: Array) -> Array:
        normalised = self.critic(torch.from_numpy(states).to(self.device))
        return self.normaliser.restored(normalised.cpu().numpy())

    def _data(self, batch: Batch, advantage: Array, targets: Array) -> _Data:
        mean, sd = advantage.mean(axis=(0, 1)), advantage.std(axis=(0, 1))
        scaled = (advantage - mean) / (sd + 1e-8)
        groups = [
            (self._rows(g.inputs), self._rows(g.actions), self._rows(g.log_probability))
            for g in batch.groups
        ]
        return _Data(groups, self._rows(batch.states), self._rows(scaled), self._rows(targets))

    def _rows(self, array: Array) -> Tensor:
        """(period, replication, ...) to (period x replication, ...) on the device."""
        return torch.from_numpy(array).flatten(0, 1).to(self.device)

    def _actor_step(self, data: _Data, rows: Tensor, number: int) -> tuple[float, float, float]:
        """One gradient step of the actors: loss, approximate KL divergence, clipped share."""
        clip = self.config.clip_range
        advantage = data.advantage[rows]
        log_ratios, gains = [], []
        for g, (inputs, actions, old) in enumerate(data.groups):
            actor = self.actors[g]
            new = actor.log_probability(inputs[rows], actions[rows], self.used[g])
            log_ratio = new - old[rows]
            ratio = torch.exp(log_ratio)
            own = advantage[:, self.agent_streams[g]]
            log_ratios.append(log_ratio.detach())
            gains.append(torch.minimum(ratio * own, ratio.clamp(1 - clip, 1 + clip) * own))
        loss = -torch.cat(gains, 1).mean()
        self._step(loss, self.actor_adam, "policy loss", number)
        log_ratio = torch.cat(log_ratios, 1)
        ratio = torch.exp(log_ratio)
        kl = (ratio - 1 - log_ratio).mean()
        clipped = ((ratio - 1).abs() > clip).float().mean()
        return loss.item(), kl.item(), clipped.item()

    def _critic_step(self, data: _Data, rows: Tensor, number: int) -> float:
        """One gradient step of the critic."""
        values = self.critic(data.states[rows])
        loss = nn.functional.huber_loss(values, data.targets[rows], delta=self.config.huber)
        self._step(loss, self.critic_adam, "value loss", number)
        return loss.item()

    def _step(self, loss: Tensor, adam: Adam, name: str, number: int) -> None:
        adam.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        parameters = adam.param_groups[0]["params"]
        norm = nn.utils.clip_grad_norm_(parameters, self.config.gradient_norm)
        for what, value in ((name, loss.item()), (f"gradient of the {name}", norm.item())):
            if not math.isfinite(value):
                raise TrainingError(
                    f"{what} is not finite", f"update {number}", str(value), "a finite number"
                )
        adam.step()

    def _set_rates(self, share: float) -> None:
        for adam, rate in (
            (self.actor_adam, self.config.actor_rate),
            (self.critic_adam, self.config.critic_rate),
        ):
            for group in adam.param_groups:
                group["lr"] = rate * share

    def _entropy(self) -> float:
        pairs = zip(self.actors, self.used, strict=True)
        with torch.no_grad():
            return float(np.mean([a.entropy(used).item() for a, used in pairs]))


@dataclass(frozen=True)
class _Data:
    """A batch as rows of tensors: row = one period of one replication."""

    groups: list[tuple[Tensor, Tensor, Tensor]]  # inputs, actions, log probability
    states: Tensor  # (row, state)
    advantage: Tensor  # (row, stream) normalised
    targets: Tensor  # (row, stream) normalised returns


def explained_variance(values: Array, returns: Array) -> float:
    """Share of the returns' variance that the values explain: 1 - Var(R - V) / Var(R)."""
    total = float(np.var(returns))
    return 1.0 - float(np.var(returns - values)) / total if total > 0 else 0.0


def _adam(module: nn.Module, rate: float) -> Adam:
    options: dict[str, Any] = {"lr": rate, "eps": ADAM_EPSILON, "fused": True}
    return Adam(module.parameters(), **options)
