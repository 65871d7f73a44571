"""Gradient steps up PPO's clipped objective, of some groups' actors at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from agents.learn.adam import Adam
from agents.learn.by_hand import ClippedGains
from agents.learn.config import TrainConfig
from agents.learn.data import Data
from agents.learn.masked import mean_over, portion, split_columns, weight_of
from agents.learn.minibatches import Minibatch
from agents.learn.networks import Actor
from agents.learn.ranks import Ranks
from agents.learn.tensors import descend, put_gradients, step_down

Step = tuple[float, float, float]
"""Loss, approximate KL divergence and clipped share of one gradient step."""


@dataclass(frozen=True)
class Chosen:
    """What one gradient step of some groups' actors learns from."""

    groups: Sequence[int]
    rows: Tensor
    advantage: Tensor  # (row, column)
    alive: Tensor | None  # (row, agent) in control; None for all
    weight: float  # of this rank's mean in that of all ranks


class Climber:
    """Actors, their optimiser, and which column of the advantages is each agent's own."""

    def __init__(
        self,
        config: TrainConfig,
        ranks: Ranks,
        actors: Sequence[Actor],
        used: Sequence[Tensor],
        columns: Sequence[Tensor],
    ) -> None:
        """``used`` (agent, action) and ``columns`` (agent,) are per group."""
        self.config, self.ranks = config, ranks
        self.actors, self.used, self.columns = actors, used, columns
        self.adam = Adam(nn.ModuleList(actors).parameters(), config.actor_rate)

    def step(
        self,
        data: Data,
        part: Minibatch,
        number: int,
        groups: Sequence[int],
        factor: Tensor | None,
    ) -> Step:
        """One gradient step of the actors of some groups; ``factor`` (row,) weighs advantages."""
        rows = part.rows
        groups = self._seen_somewhere(data, groups, rows)
        if not groups:
            return 0.0, 0.0, 0.0
        advantage = data.advantage.index_select(0, rows)
        if factor is not None:
            advantage = advantage * factor[rows, None]
        alive = data.in_control(groups, rows)
        weight = weight_of(part.weight, alive, self.ranks)
        own = Chosen(groups, rows, advantage, alive, weight)
        climb = self._climb if data.unrolling is None else self._climb_by_tape
        mean, log_ratio = climb(data, own, number)
        ratio = torch.exp(log_ratio)
        kl = mean_over(ratio - 1 - log_ratio, alive)
        clipped = mean_over(((ratio - 1).abs() > self.config.clip_range).float(), alive)
        figures = np.array([kl.item(), clipped.item()]) * weight
        return mean, *self.ranks.total(figures).tolist()

    def _climb(self, data: Data, own: Chosen, number: int) -> tuple[float, Tensor]:
        """Take the step; the loss, and the log ratios (row, agent) before it."""
        found = [self._gains(data, g, own.rows, own.advantage) for g in own.groups]
        gains = torch.cat([part.gains for part in found], 1)
        pulls = split_columns(
            portion(gains, own.alive) * -own.weight, [part.gains.shape[1] for part in found]
        )
        self.adam.zero_grad()
        for g, part, pull in zip(own.groups, found, pulls, strict=True):
            actor = self.actors[g]
            put_gradients([actor.log_std, *actor.mean.flat], part.gradients(pull))
        loss = mean_over(gains, own.alive) * -own.weight
        mean = step_down(loss, self.adam, *self._named("policy loss", number))
        return mean, torch.cat([part.log_ratio for part in found], 1)

    def _climb_by_tape(self, data: Data, own: Chosen, number: int) -> tuple[float, Tensor]:
        """The same for actors that remember, whose gradients go back through time."""
        clip, columns = self.config.clip_range, self.columns
        log_ratio = torch.cat([self.log_ratio(data, g, own.rows) for g in own.groups], 1)
        advantage = torch.cat([own.advantage[:, columns[g]] for g in own.groups], 1)
        ratio = torch.exp(log_ratio)
        gains = torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)
        loss = -mean_over(gains, own.alive)
        mean = descend(loss, self.adam, *self._named("policy loss", number), own.weight)
        return mean, log_ratio.detach()

    def _named(self, name: str, number: int) -> tuple[float, str, int, Ranks]:
        """What a gradient step has to know besides its loss."""
        return self.config.gradient_norm, name, number, self.ranks

    def _seen_somewhere(self, data: Data, groups: Sequence[int], rows: Tensor) -> list[int]:
        """The groups of which any agent was in control in some rows, on any rank."""
        if data.alive is None:
            return list(groups)
        seen = self.ranks.total(np.array([float(data.anybody(g, rows)) for g in groups]))
        return [g for g, count in zip(groups, seen, strict=True) if count > 0]

    def _gains(self, data: Data, g: int, rows: Tensor, advantage: Tensor) -> ClippedGains:
        """The clipped objective of a group's agents, from advantages (row, column)."""
        actor, columns = self.actors[g], self.columns[g]
        inputs, actions, old = (part.index_select(0, rows) for part in data.groups[g])
        return ClippedGains(
            actor.mean.flat,
            actor.log_std,
            self.used[g],
            (inputs, actions, old),
            advantage.index_select(1, columns),
            self.config.clip_range,
            None if data.alive is None else data.alive[g].index_select(0, rows),
        )

    def log_ratio(self, data: Data, g: int, rows: Tensor) -> Tensor:
        """How much likelier each agent's action has become, in logs: (row, agent).

        Zero, with zero gradients, where an agent was not in control: it did something else.
        """
        inputs, actions, old = data.groups[g]
        actor = self.actors[g]
        if data.unrolling is None:
            mean = actor.mean(inputs[rows])
        else:
            mean = data.unrolling.outputs(actor.mean, g, inputs, rows)
        new = actor.log_density(mean, actions[rows], self.used[g])
        moved = new - old[rows]
        return moved if data.alive is None else torch.where(data.alive[g][rows], moved, 0.0)


def mean_step(steps: Sequence[Step]) -> Step:
    """Mean figures of some gradient steps."""
    loss, kl, clipped = np.mean(steps, axis=0).tolist()
    return loss, kl, clipped
