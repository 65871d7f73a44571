"""Two ways to learn in a foreign PettingZoo environment: this project's, and a plain loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.checkpoint.groups import Group, forward
from agents.learn.batch import Batch, GroupBatch
from agents.learn.config import TrainConfig
from agents.learn.mappo import Mappo
from agents.learn.ranks import ALONE, Ranks
from agents.learn.setup import Setup
from tests.benchmarks.learning.waiting import ACTIONS, AGENTS, ENVS, SEEN, STEPS, Waiting
from twin.exogenous.streams import stream

HALF_LOG_2PI = 0.5 * float(np.log(2 * np.pi))
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Shapes:
    """What a learner needs to know of an environment: ``Setup`` without a world."""

    group: Group
    used: Floats
    streams: NDArray[np.intp]
    start: Floats


@dataclass(frozen=True)
class Foreign:
    """One group of agents that share a network and a reward."""

    groups: tuple[Shapes, ...]
    state_size: int = AGENTS * SEEN
    streams: int = 1
    ranks: Ranks = ALONE


def mappo(epochs: int) -> Mappo:
    """This project's learner on the environment's shapes, 64-64 networks, one value per state."""
    names = tuple(f"agent_{i}" for i in range(AGENTS))
    shapes = Shapes(
        Group("all", names, SEEN, ACTIONS),
        np.ones((AGENTS, ACTIONS), dtype=np.float32),
        np.zeros(AGENTS, dtype=np.intp),
        np.zeros(ACTIONS, dtype=np.float32),
    )
    config = TrainConfig.model_validate(
        {"epochs": epochs, "critic_epochs": epochs, "minibatches": 1, "kl_stop": 1e9}
    )
    return Mappo(cast(Setup, Foreign((shapes,))), config)


class Collector:
    """The thin adapter: lock-step episodes of a ParallelEnv as a ``Batch``, acted for in numpy."""

    def __init__(self, envs: Sequence[Waiting]) -> None:
        self.envs = envs
        self.names = envs[0].possible_agents
        self.seen = self._rows([env.reset()[0] for env in envs])

    def collect(self, learner: Mappo, update: int) -> Batch:
        """One batch with exploration noise that was drawn before."""
        weights = learner.weights()
        layers, log_std = weights.layers[0], weights.log_std[0]
        shape = (STEPS, ENVS, AGENTS, ACTIONS)
        noise = stream(0, f"foreign/{update}").standard_normal(shape, dtype=np.float32)
        spread = np.exp(log_std)
        inputs = np.zeros((STEPS, ENVS, AGENTS, SEEN + AGENTS), dtype=np.float32)
        inputs[..., SEEN:] = np.eye(AGENTS)
        actions = np.zeros(shape, dtype=np.float32)
        rewards = np.zeros((STEPS, ENVS, 1), dtype=np.float32)
        cut, after = np.zeros(STEPS, dtype=np.bool_), []
        for k in range(STEPS):
            inputs[k, ..., :SEEN] = self.seen
            columns = inputs[k].reshape(-1, inputs.shape[-1]).T
            actions[k] = forward(layers, columns).T.reshape(shape[1:]) + spread * noise[k]
            rewards[k, :, 0], cut[k] = self._step(actions[k])
            cut[k] |= k == STEPS - 1
            if cut[k]:
                after.append(self.seen.copy())
                self.seen = self._rows([env.reset()[0] for env in self.envs])
        density = -(0.5 * noise**2 + log_std + HALF_LOG_2PI).sum(-1)
        ends = np.array(after)
        cut_inputs = np.zeros((len(ends), *inputs.shape[1:]), dtype=np.float32)
        cut_inputs[..., :SEEN], cut_inputs[..., SEEN:] = ends, np.eye(AGENTS)
        group = GroupBatch(inputs, actions, density, cut_inputs)
        states = np.ascontiguousarray(inputs[..., :SEEN]).reshape(STEPS, ENVS, -1)
        return Batch((group,), states, cut, ends.reshape(len(ends), ENVS, -1), rewards)

    def _step(self, actions: Floats) -> tuple[list[float], bool]:
        shown, gained, over = [], [], False
        for env, acts in zip(self.envs, actions, strict=True):
            seen, rewards, _, truncated, _ = env.step(dict(zip(self.names, acts, strict=True)))
            shown.append(seen)
            gained.append(sum(rewards.values()))
            over = truncated[self.names[0]]
        self.seen = self._rows(shown)
        return gained, over

    def _rows(self, shown: list[dict[str, Floats]]) -> Floats:
        return np.array([[seen[name] for name in self.names] for seen in shown])


@dataclass(frozen=True)
class Played:
    """A batch of the plain loop, step by step."""

    seen: list[Tensor]  # (env, agent, seen)
    acted: list[Tensor]  # (env, agent, action)
    density: list[Tensor]  # (env, agent)
    reward: list[Tensor]  # (env, agent)
    value: list[Tensor]  # (env, agent)
    ended: list[float]  # 1 where the step was an episode's last


class PlainLoop:
    """A loop in the style of CleanRL's ppo_continuous_action: torch at every step, one Adam.

    Actor and critic are modules of torch, the distribution is ``torch.distributions.Normal``, the
    batch is shuffled into four minibatches per epoch, advantages are normalised per minibatch.
    """

    def __init__(self, envs: Sequence[Waiting], epochs: int) -> None:
        self.envs, self.epochs = envs, epochs
        self.actor = _mlp(SEEN, ACTIONS)
        self.critic = _mlp(AGENTS * SEEN, 1)
        self.log_std = nn.Parameter(torch.zeros(1, ACTIONS))
        parameters = [*self.actor.parameters(), *self.critic.parameters(), self.log_std]
        self.adam = torch.optim.Adam(parameters, lr=3e-4, eps=1e-5)
        self.parameters = parameters
        self.seen = self._tensor([env.reset()[0] for env in envs])

    def collect(self) -> Played:
        """One batch, what was seen after its last step included."""
        names = self.envs[0].possible_agents
        seen, acted, density, reward, value, ended = [], [], [], [], [], []
        for _ in range(STEPS):
            with torch.no_grad():
                action, logp, _, v = self._judged(self.seen, None)
            seen.append(self.seen)
            acted.append(action)
            density.append(logp)
            value.append(v)
            shown, gained, over = [], [], False
            for env, acts in zip(self.envs, action.numpy(), strict=True):
                found, rewards, _, cut, _ = env.step(dict(zip(names, acts, strict=True)))
                over = cut[names[0]]
                shown.append(env.reset()[0] if over else found)
                gained.append([rewards[name] for name in names])
            self.seen = self._tensor(shown)
            reward.append(torch.tensor(gained))
            ended.append(float(over))
        return Played(seen, acted, density, reward, value, ended)

    def learn(self, played: Played) -> None:
        """All epochs on one batch."""
        advantage, returns = self._advantages(played)
        stored = (played.seen, played.acted, played.density)
        flat = [torch.stack(x).flatten(0, 1) for x in stored]
        self._epochs(*flat, advantage.flatten(0, 1), returns.flatten(0, 1))

    def _judged(self, seen: Tensor, action: Tensor | None) -> tuple[Tensor, ...]:
        mean = self.actor(seen)
        normal = torch.distributions.Normal(mean, self.log_std.expand_as(mean).exp())
        action = normal.sample() if action is None else action
        value = self.critic(seen.flatten(-2)).expand(*seen.shape[:-1])
        return action, normal.log_prob(action).sum(-1), normal.entropy().sum(-1), value

    def _advantages(self, played: Played) -> tuple[Tensor, Tensor]:
        reward, value, ended = played.reward, played.value, played.ended
        with torch.no_grad():
            following = self._judged(self.seen, None)[3]
        found, running = [], torch.zeros_like(following)
        for k in range(STEPS - 1, -1, -1):
            alive = 1.0 - ended[k]
            delta = reward[k] + 0.99 * following * alive - value[k]
            running = delta + 0.99 * 0.95 * alive * running
            found.append(running)
            following = value[k]
        advantage = torch.stack(found[::-1])
        return advantage, advantage + torch.stack(value)

    def _epochs(
        self, seen: Tensor, acted: Tensor, density: Tensor, advantage: Tensor, returns: Tensor
    ) -> None:
        for _ in range(self.epochs):
            for rows in torch.randperm(len(seen)).tensor_split(4):
                _, logp, entropy, value = self._judged(seen[rows], acted[rows])
                ratio = (logp - density[rows]).exp()
                own = advantage[rows]
                own = (own - own.mean()) / (own.std() + 1e-8)
                policy = torch.max(-own * ratio, -own * ratio.clamp(0.8, 1.2)).mean()
                loss = policy + 0.5 * ((value - returns[rows]) ** 2).mean() - 0 * entropy.mean()
                self.adam.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(self.parameters, 0.5)
                self.adam.step()

    def _tensor(self, shown: list[dict[str, Floats]]) -> Tensor:
        names = self.envs[0].possible_agents
        return torch.from_numpy(np.array([[seen[name] for name in names] for seen in shown]))


def _mlp(size_in: int, size_out: int) -> nn.Sequential:
    sizes = (size_in, 64, 64, size_out)
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), nn.Tanh()]
    return nn.Sequential(*layers[:-1])
