"""Networks that learn what choices are worth, from a replay; VDN and IQL say what is summed.

An agent's value is the sum over its actions of the value of each choice (action branching: Tavakoli
et al. 2018), so that the best joint choice is the best of each. Targets are Peng's Q(lambda)
returns (Peng and Williams 1996) with double Q-learning's choice (van Hasselt et al. 2016):

    G_t = r_t + gamma [(1 - lambda) V(s'_t) + lambda G_(t+1)],  V(s) = sum of Q'(s, argmax Q(s))

After a cut G_t = r_t + gamma V(s'_t) with the true state after it: a time limit is never an end.
Rewards are centred and scaled once, by the first segment; a constant moves no choice.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.learn.adam import Adam
from agents.learn.batch import Array, Batch, Flags, Weights
from agents.learn.config import TrainConfig
from agents.learn.grid import action_grid, prior_values
from agents.learn.learner import UpdateStats
from agents.learn.masked import Counts, explained, huber, weight_of
from agents.learn.networks import Mlp, make_chooser
from agents.learn.parent import Parent, copy_layers
from agents.learn.replay import Replay, Sequences
from agents.learn.rollout import Sampler, Segment
from agents.learn.setup import Setup
from agents.learn.storage import Storage
from agents.learn.tensors import (
    Arrays,
    descend,
    restore_tensors,
    tensor_arrays,
)
from twin.exogenous.streams import stream


class ValueLearner(ABC):
    """Choosers, their target networks, one optimiser, one replay."""

    def __init__(
        self, setup: Setup, config: TrainConfig, folder: Path, storage: Storage | None = None
    ) -> None:
        self.config = config
        self.options = config.value_learning
        self.device = torch.device(config.device)
        integral = setup.world.model.integral
        self.names = [g.group.name for g in setup.groups]
        self.grids = [
            action_grid(g, self.options.choices, self.options.bend, integral) for g in setup.groups
        ]
        self.allowed = [torch.from_numpy(np.isfinite(g)).to(self.device) for g in self.grids]
        priors = [
            prior_values(grid, g.start, self.options.prior)
            for g, grid in zip(setup.groups, self.grids, strict=True)
        ]
        self.networks = [
            make_chooser(g.group, prior, config).to(self.device)
            for g, prior in zip(setup.groups, priors, strict=True)
        ]
        self.targets = copy.deepcopy(self.networks)
        self.adam = Adam(nn.ModuleList(self.networks).parameters(), self.options.rate)
        self.ranks = setup.ranks
        self.replay = Replay(setup, config, folder, storage)
        self.streams = np.concatenate([g.streams for g in setup.groups])
        self.rate_scale = 1.0
        self.progress = 0.0
        self.mean = np.zeros(setup.streams)
        self.scale: NDArray[np.float64] | None = None  # (column,) set by the first segment

    @abstractmethod
    def columns(self, values: Any) -> Any:
        """What is learned from values (..., agent): a column per sum that has its own target."""

    @abstractmethod
    def column_rewards(self, rewards: Array) -> Array:
        """Rewards (..., stream) as (..., column)."""

    @property
    def epsilon(self) -> float:
        """Share of choices made at random now."""
        done = min(self.progress / self.options.epsilon_until, 1.0)
        return self.options.epsilon + done * (self.options.final_epsilon - self.options.epsilon)

    def weights(self) -> Weights:
        """Numpy copies of what the rollout needs."""
        layers = tuple(network.arrays() for network in self.networks)
        return Weights(layers, grids=tuple(self.grids), epsilon=self.epsilon)

    def collect(self, sampler: Sampler, number: int) -> Segment:
        """One segment with epsilon-greedy exploration."""
        return sampler.collect(self.weights(), number)

    def update(self, batch: Batch, number: int, progress: float) -> UpdateStats:
        """Keep the segment, then learn from sequences of many.

        Raises TrainingError when a loss is not a finite number, or the disk full or too slow.
        """
        self.progress = progress
        share = 1 - progress * (1 - self.config.final_rate_share)
        self.adam.rate = self.options.rate * share * self.rate_scale
        waited = self.replay.append(number, batch)
        if self.scale is None:
            self._measure(self.column_rewards(batch.rewards))
        rng = stream(self.config.seed, f"replay/{number}")
        steps = [
            self._step(self.replay.sample(self.options.sequences, rng), number)
            for _ in range(self.options.steps)
        ]
        loss, explained = np.mean(steps, axis=0).tolist()
        return UpdateStats(0.0, loss, self._entropy(), 0.0, 0.0, explained, self._said(waited))

    @torch.no_grad()
    def values(self, batch: Batch) -> Array:
        """What the best choices of a segment are worth: (period, replication, column) money.

        Less a constant: rewards are centred.
        """
        seen = [torch.from_numpy(group.inputs).to(self.device) for group in batch.groups]
        found = [
            self._values(self.networks[g], g, inputs, batch.groups[g].possible)
            for g, inputs in enumerate(seen)
        ]
        best = [values.argmax(-1, keepdim=True) for values in found]
        scale = 1.0 if self.scale is None else self.scale
        worth: Array = (self._total(found, best).cpu().numpy() * scale).astype(np.float32)
        return worth

    def adopt(self, parent: Parent) -> None:
        """Start from the parent's choosers; raises TrainingError where they do not fit."""
        for name, network, target in zip(self.names, self.networks, self.targets, strict=True):
            copy_layers(network, parent, name)
            target.load_state_dict(network.state_dict())

    def state(self) -> Arrays:
        """Weights, targets, optimiser, scale, exploration, and which segments are in the replay."""
        scale = np.zeros(0) if self.scale is None else self.scale
        own = {"mean": self.mean, "scale": scale, "progress": np.array([self.progress])}
        replay = {f"replay/{name}": values for name, values in self.replay.state().items()}
        return {**tensor_arrays(self._modules(), {"chooser": self.adam}), **own, **replay}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Put back what ``state`` gave; raises TrainingError where the replay is another."""
        restore_tensors(dict(state), self._modules(), {"chooser": self.adam})
        self.mean = state["mean"]
        self.scale = state["scale"] if len(state["scale"]) else None
        self.progress = float(state["progress"][0])
        self.replay.restore({name: state[f"replay/{name}"] for name in ("numbers", "digests")})

    def judges(self) -> dict[str, Array]:
        """Choosers judge themselves."""
        return {}

    def _modules(self) -> dict[str, nn.Module]:
        online = {f"chooser{g}": network for g, network in enumerate(self.networks)}
        return {**online, **{f"target{g}": network for g, network in enumerate(self.targets)}}

    def _measure(self, rewards: Array) -> None:
        """Centre and scale of the rewards, about one standard deviation of the return."""
        flat = rewards.reshape(-1, rewards.shape[-1]).astype(np.float64)
        self.mean = self.ranks.mean(flat, 0)
        horizon = 1.0 / np.sqrt(max(1.0 - self.config.gamma**2, 1e-6))
        spread = np.sqrt(self.ranks.variance(flat, 0))
        self.scale = np.maximum(spread * horizon, 1e-6)

    def _step(self, data: Sequences, number: int) -> tuple[float, float]:
        """One gradient step: loss, explained variance."""
        seen = [torch.from_numpy(inputs).to(self.device) for inputs in data.inputs]
        steps = data.rewards.shape[1]
        alive = None if data.alive is None else torch.from_numpy(data.alive).to(self.device)
        now = None if alive is None else alive[:, :steps]
        counts = None if data.alive is None else self.columns(data.alive.astype(np.float32))
        can: Sequence[Flags | None] = data.possible or [None] * len(seen)
        values = [self._values(self.networks[g], g, x, can[g]) for g, x in enumerate(seen)]
        with torch.no_grad():
            best = [v.argmax(-1, keepdim=True) for v in values]
            aside = [self._values(self.targets[g], g, x, can[g]) for g, x in enumerate(seen)]
            ahead = self._total(aside, best, alive)
        taken = [torch.from_numpy(c).to(self.device)[..., None] for c in data.choices]
        found = self._total([v[:, :steps] for v in values], taken, now)
        returns = self._returns(data, ahead.cpu().numpy(), counts)
        targets = torch.from_numpy(returns).to(self.device)
        judged = None if counts is None else counts[:, :steps]
        some = None if judged is None else torch.from_numpy(judged > 0).to(self.device)
        loss = huber(found, targets, self.config.huber, some)
        return self._descend(loss, some, data.weight, number), self._explained(
            data, found.detach().cpu().numpy(), returns, judged
        )

    def _descend(self, loss: Tensor, some: Tensor | None, share: float, number: int) -> float:
        """One step, unless nobody on any rank was in control; the loss."""
        if some is not None and not self.ranks.anywhere(bool(some.any())):
            return 0.0
        weight, longest = weight_of(share, some, self.ranks), self.config.gradient_norm
        mean = descend(loss, self.adam, longest, "value loss", number, self.ranks, weight)
        self._pull_targets()
        return mean

    def _explained(
        self, data: Sequences, found: Array, returns: Array, judged: Counts | None
    ) -> float:
        """Explained variance of the sequences of all ranks."""
        here = slice(None if data.weight else 0)
        counts = None if judged is None else judged[here]
        return explained(found[here], returns[here], counts, self.ranks)

    def _values(self, network: Mlp, g: int, inputs: Tensor, can: Flags | None) -> Tensor:
        """Value of each choice: (sequence, step, agent, action, choice).

        ``can`` of the same shape says which are possible in the state; None: all of the grid.
        """
        found: Tensor = network(inputs).unflatten(-1, self.grids[g].shape[1:])
        if can is None:
            return found.masked_fill(~self.allowed[g], -torch.inf)
        return found.masked_fill(~torch.from_numpy(can).to(self.device), -torch.inf)

    def _total(
        self, values: list[Tensor], index: list[Tensor], alive: Tensor | None = None
    ) -> Tensor:
        """Values of the chosen, summed over each agent's actions and into columns.

        Agents that are not ``alive`` (..., agent) choose nothing, which is worth nothing.
        """
        per_agent = []
        for g, (of_group, chosen) in enumerate(zip(values, index, strict=True)):
            picked = of_group.gather(-1, chosen)[..., 0]
            real = self.allowed[g].any(-1)  # (agent, action), false for padding
            per_agent.append(torch.where(real, picked, 0.0).sum(-1))
        worth = torch.cat(per_agent, -1)
        total: Tensor = self.columns(worth if alive is None else torch.where(alive, worth, 0.0))
        return total

    def _returns(self, data: Sequences, ahead: Array, counts: Counts | None) -> Array:
        """Returns (sequence, step, column) from the values of all places, cuts included."""
        assert self.scale is not None
        rewards = (self.column_rewards(data.rewards) - self.mean) / self.scale
        ended = data.following < 0
        following = np.take_along_axis(ahead, data.following[..., None], axis=1)
        following[ended] = 0
        return lambda_returns(
            rewards.astype(np.float32),
            following,
            ended | (data.following >= rewards.shape[1]),
            self.config.gamma,
            self.options.lam,
            None if counts is None else counts > 0,
        )

    @torch.no_grad()
    def _pull_targets(self) -> None:
        for network, target in zip(self.networks, self.targets, strict=True):
            for mine, slow in zip(network.parameters(), target.parameters(), strict=True):
                slow.lerp_(mine, self.options.target_pull)

    def _entropy(self) -> float:
        """Mean entropy of an agent's choices: one is likely, the others share epsilon."""
        count = torch.cat([a.sum(-1).flatten() for a in self.allowed]).double()
        count = count[count > 1]
        rare = torch.full_like(count, self.epsilon) / count
        likely = 1 - rare * (count - 1)
        entropy = -torch.xlogy(likely, likely) - (count - 1) * torch.xlogy(rare, rare)
        return float(entropy.sum() / len(self.streams))

    def _said(self, waited: float) -> tuple[str, ...]:
        if waited < self.options.replay.slow_after:
            return ()
        return (f"collection waited {waited:.1f} s for the disk of the replay",)


def lambda_returns(
    rewards: Array,
    following: Array,
    cut: NDArray[np.bool_],
    gamma: float,
    lam: float,
    alive: NDArray[np.bool_] | None = None,
) -> Array:
    """Returns of the shape of ``rewards`` (sequence, step, column).

    ``following`` is the value of the true next state of every step; ``cut`` (sequence, step) says
    after which steps the trajectory breaks off. Where nobody is ``alive`` (sequence, place, column)
    no value was learnt, so returns pass through such steps as they are.
    """
    found = np.zeros_like(rewards)
    running = following[:, -1]
    for t in range(rewards.shape[1] - 1, -1, -1):
        share = np.where(cut[:, t], 0.0, lam)[:, None].astype(np.float32)
        if alive is not None and t + 1 < rewards.shape[1]:
            share = np.where(alive[:, t + 1] | cut[:, t, None], share, np.float32(1))
        found[:, t] = rewards[:, t] + gamma * ((1 - share) * following[:, t] + share * running)
        running = found[:, t]
    return found
