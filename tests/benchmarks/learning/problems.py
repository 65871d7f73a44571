"""What is learned, with which settings, what others have reached, and what is to be reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from agents.learn.config import TrainConfig
from twin.network.world import World, compile_world
from twin.scenario import load
from twin.scenario.loader import Scenario

Floats = NDArray[np.float64]
SCENARIOS = Path(__file__).parents[3] / "scenarios"
Changes = Mapping[str, Any]
Measure = Literal["discounted return", "cost per period", "cost"]

MAPPO, PATHWISE, BOTH, CENTRAL = "MAPPO", "pathwise", "pathwise, then MAPPO", "pathwise, central"
LEARNERS = (CENTRAL, PATHWISE, BOTH, MAPPO)
"""One policy that sees everything, by the gradient; a fleet by the gradient; a fleet by the
gradient and then by MAPPO; a fleet by MAPPO from scratch."""


@dataclass(frozen=True)
class Problem:
    """One scenario and how each learner is set for it."""

    name: str
    file: str
    overrides: tuple[str, ...] = ()
    kind: Measure = "cost per period"
    published: tuple[tuple[str, float], ...] = ()
    targets: Mapping[str, float] = field(default_factory=dict)  # by learner
    learners: Mapping[str, Changes] = field(default_factory=dict)  # changes of the configuration
    judged: int = 1_000  # evaluation paths
    bounded: int = 0  # of them with a perfect-information bound
    tuned_start: bool = (
        True  # learners correct tuned levels; else mean demand over lead time and period
    )

    @property
    def higher_is_better(self) -> bool:
        """Returns are to be large and costs small."""
        return self.kind == "discounted return"

    @cached_property
    def scenario(self) -> Scenario:
        """The scenario with its overrides."""
        return load(SCENARIOS / self.file, self.overrides)

    @property
    def digest(self) -> str:
        """Of the scenario and every file that it reads."""
        return self.scenario.digest

    def world(self) -> World:
        """The compiled scenario."""
        return compile_world(self.scenario.model)

    def start(self, world: World, tuned: Floats) -> Floats:
        """Order-up-to levels (node, product) that learners correct."""
        if self.tuned_start:
            return tuned
        levels = np.zeros_like(tuned)
        for lane, node in enumerate(world.destination):
            wait = 1 + world.lead_periods(lane) + world.order_lag[lane]
            levels[node] = np.maximum(levels[node], wait * world.throughput[node])
        return levels

    def discount(self, world: World) -> float:
        """Of later periods' cost: the scenario's own."""
        return world.model.discount

    def measure(self, costs: Floats, world: World) -> Floats:
        """The measure of runs from their discounted cost per period."""
        return (
            costs
            * {
                "discounted return": -world.periods,
                "cost per period": 1,
                "cost": world.periods,
            }[self.kind]
        )

    def config(self, learner: str, seed: int, share: float = 1.0) -> TrainConfig:
        """The configuration of a learner, with this share of its budget."""
        merged = _merged(TrainConfig(audit_every=0).model_dump(), self.learners[learner])
        config = TrainConfig.model_validate({**merged, "seed": seed})
        updates = max(1, round((config.updates or 1) * share))
        return config.model_copy(update={"updates": updates})


def _merged(base: dict[str, Any], changes: Changes) -> dict[str, Any]:
    found = dict(base)
    for name, value in changes.items():
        nested = isinstance(value, Mapping)
        found[name] = _merged(found[name], value) if nested else value
    return found
