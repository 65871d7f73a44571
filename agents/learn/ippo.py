"""IPPO: every agent learns alone, its critic sees what it sees itself (de Witt et al. 2020).

"Is Independent Learning All You Need in the StarCraft Multi-Agent Challenge?" With shared networks
agents of a group share actor and critic and are told apart by a one-hot, as the actors are.
"""

from __future__ import annotations

from pathlib import Path

import torch

from agents.learn.config import TrainConfig
from agents.learn.critics import OwnCritic
from agents.learn.policy_gradient import PolicyGradient
from agents.learn.setup import Setup


class Ippo(PolicyGradient):
    """As MAPPO, with values of each agent's own reward from its own observation."""

    def __init__(self, setup: Setup, config: TrainConfig, folder: Path | None = None) -> None:
        super().__init__(setup, config, OwnCritic(setup, config, torch.device(config.device)))
