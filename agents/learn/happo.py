"""HAPPO: agents learn one after the other, each knowing how those before it have moved.

Kuba et al. 2022, "Trust Region Policy Optimisation in Multi-Agent Reinforcement Learning". The
agent i_m in a random order maximises

    E[ min( r(i_m) M, clip(r(i_m), 1 - eps, 1 + eps) M ) ],   M = A * r(i_1) * ... * r(i_(m-1))

where r is an agent's new probability of its action over the old. The joint return does not fall in
theory only where agents share no network; with sharing, a group takes the place of an agent.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from agents.learn.climbing import Step, mean_step
from agents.learn.config import TrainConfig
from agents.learn.critics import CentralCritic
from agents.learn.data import Data
from agents.learn.policy_gradient import PolicyGradient
from agents.learn.setup import Setup
from twin.exogenous.streams import stream

MOST_MOVED = 3.0
"""Bound of one group's log ratio in the compound: with thousands of actions a product of
probabilities says little and overflows."""


class Happo(PolicyGradient):
    """Sequential updates with a compound ratio, on advantages from the global state."""

    def __init__(self, setup: Setup, config: TrainConfig, folder: Path | None = None) -> None:
        super().__init__(setup, config, CentralCritic(setup, config, torch.device(config.device)))

    def _learn_policies(self, data: Data, order: np.random.Generator, number: int) -> Step:
        """Group after group, in an order drawn for this update."""
        turns = stream(self.config.seed, f"agent order/{number}").permutation(len(self.actors))
        compound = torch.ones(len(data.advantage), device=self.device)
        steps: list[Step] = []
        for g in turns.tolist():
            steps += self._passes(data, order, number, [g], compound)
            compound = compound * self._moved(data, g)
        return mean_step(steps)

    @torch.no_grad()
    def _moved(self, data: Data, g: int) -> torch.Tensor:
        """New over old probability of what the agents of a group did, within bounds: (row,)."""
        rows = torch.arange(len(data.advantage), device=self.device)
        moved = self.climber.log_ratio(data, g, rows).sum(1)
        return torch.exp(moved.clamp(-MOST_MOVED, MOST_MOVED))
