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
from agents.learn.ranks import EVERYTHING
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
        self,
        world: World,
        seeds: Sequence[int],
        reach: float,
        dtype: Any = None,
        own: slice = EVERYTHING.columns,
    ) -> tuple[BatchPath, Sight]:
        """The sample paths of some seeds, the first share of them disturbed, and what is seen.

        Of these networks only those of the slice ``own``.
        """
        disturbed = seeds[: round(self.own.share * len(seeds))]
        troubles = {seed: self.disturbance.trouble(seed, reach) for seed in disturbed}
        troubled = [(seed, troubles.get(seed)) for seed in seeds[own]]
        drawn = [
            trouble.path(world, draw_path(world, seed)) if trouble else draw_path(world, seed)
            for seed, trouble in troubled
        ]
        sight = Sight(self.numbers, [t for _, t in troubled], self.disturbance.memory)
        return stack_paths(world, drawn, np, dtype), sight
