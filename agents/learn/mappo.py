"""MAPPO: decentralised actors, one critic that sees the global state (Yu et al. 2022)."""

from __future__ import annotations

from pathlib import Path

import torch

from agents.learn.config import TrainConfig
from agents.learn.critics import CentralCritic
from agents.learn.policy_gradient import PolicyGradient
from agents.learn.setup import Setup


class Mappo(PolicyGradient):
    """All actors take each gradient step together, on advantages from the global state."""

    def __init__(self, setup: Setup, config: TrainConfig, folder: Path | None = None) -> None:
        super().__init__(setup, config, CentralCritic(setup, config, torch.device(config.device)))
