"""Training networks of which a share is disturbed, more severely as training goes on.

Domain randomisation (Tobin et al. 2017) with a curriculum: each disturbed network draws what
befalls it, and how severely, from its own seed; the range of severities widens linearly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agents.learn.config import TrainConfig
from agents.learn.disturbance import Disturbance
from agents.learn.setup import Setup
from agents.learn.sight import Numbers, Sight, own_eyes
from twin.engine.batch_path import BatchPath, stack_paths
from twin.errors import TrainingError
from twin.exogenous.path import draw_path
from twin.network.world import World


class Hardening:
    """Draws the networks that training plays, and those that judge it."""

    def __init__(self, setup: Setup, config: TrainConfig, disturbance: Disturbance) -> None:
        assert config.hardening is not None
        self.own = config.hardening
        self.disturbance = disturbance
        self.numbers = Numbers.of(setup.world)
        self.setup = own_eyes(setup)
        periods = config.planned_updates(setup.agents) * config.segment
        self.horizons = max(periods / setup.world.periods, 1e-9)

    @classmethod
    def of(
        cls, setup: Setup, config: TrainConfig, disturbance: Disturbance | None
    ) -> Hardening | None:
        """As the configuration says; None where nothing is to go wrong.

        Raises TrainingError when a hardened run is started without what disturbs it.
        """
        if config.hardening is None:
            return None
        if disturbance is None:
            raise TrainingError(
                "a hardened run needs its stress suite",
                "hardening.suite",
                config.hardening.suite,
                fix="Start it with `twin train --harden SUITE`.",
            )
        return cls(setup, config, disturbance)

    def reach(self, horizon: int) -> float:
        """How far severities go in the training horizon of a number: 0 mildest, 1 all."""
        done = horizon / self.horizons
        return 1.0 if done >= self.own.warmup else done / self.own.warmup

    def networks(
        self, world: World, seeds: Sequence[int], reach: float, dtype: Any = None
    ) -> tuple[BatchPath, Sight]:
        """The sample paths of some seeds, the first share of them disturbed, and what is seen."""
        disturbed = round(self.own.share * len(seeds))
        troubles = [self.disturbance.trouble(seed, reach) for seed in seeds[:disturbed]]
        drawn = [draw_path(world, seed) for seed in seeds]
        drawn[:disturbed] = [
            trouble.path(world, path) for trouble, path in zip(troubles, drawn, strict=False)
        ]
        clean = [None] * (len(seeds) - disturbed)
        sight = Sight(self.numbers, [*troubles, *clean], self.disturbance.memory)
        return stack_paths(world, drawn, np, dtype), sight
