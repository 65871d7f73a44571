"""One training run, and what its policy is worth on the evaluation paths."""

from __future__ import annotations

import platform
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from agents.learn.config import TrainConfig
from tests.benchmarks.learning.policies import Trained, keep, train_fleet, train_one_for_all
from tests.benchmarks.learning.problems import BOTH, CENTRAL, PATHWISE, Problem
from tests.benchmarks.learning.results import Row, key_of
from twin.env.episode import run_policy
from twin.exogenous.path import draw_path
from twin.network.world import World

Floats = NDArray[np.float64]
FIRST_PATH = 700_000_000
"""Evaluation paths count from here; neither tuning nor training nor the choice of the best did."""
CHUNK = 250
"""Evaluation paths at once."""
ON_EVENT_ENGINE = 4
"""Evaluation paths that the event engine plays as well."""


@dataclass(frozen=True)
class Job:
    """One training run of the comparison."""

    problem: Problem
    learner: str
    seed: int
    share: float = 1.0  # of the budget

    @property
    def config(self) -> TrainConfig:
        """Everything that determines it."""
        return self.problem.config(self.learner, self.seed, self.share)

    @property
    def parent(self) -> Job | None:
        """The run whose fleet this one goes on from."""
        return replace(self, learner=PATHWISE) if self.learner == BOTH else None

    @property
    def key(self) -> str:
        """What its row is stored under; settings that are the defaults do not count."""
        settings = self.config.model_dump(mode="json", exclude_defaults=True)
        before = self.parent.key if self.parent else ""
        start = () if self.problem.tuned_start else ("mean demand",)
        problem = (self.problem.digest, self.problem.judged)
        return key_of(*problem, self.learner, settings, before, *start)


def learner_row(job: Job, world: World, levels: Floats, kept: Path, spent: float = 0.0) -> Row:
    """Train once, keep the policy in ``kept`` under the job's key, and judge.

    ``spent`` are the CPU seconds of the parent.
    """
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        trained = _trained(job, world, levels, kept, Path(folder))
        cpu = time.process_time() - start
        keep(Path(folder), kept / job.key)
    values = judged(job.problem, trained)
    return Row(
        key=job.key,
        problem=job.problem.name,
        who=job.learner,
        kind="learner",
        seed=job.seed,
        mean=float(values.mean()),
        error=standard_error(values),
        paths=len(values),
        engines=_difference(job.problem, world, trained, values),
        updates=job.config.planned_updates(trained.setup.agents),
        cpu_s=round(cpu + spent, 1),
        date=date.today().isoformat(),
        machine=machine(),
    )


def _trained(job: Job, world: World, levels: Floats, kept: Path, folder: Path) -> Trained:
    if job.learner == CENTRAL:
        return train_one_for_all(world, levels, job.config, folder)
    bundle = kept / job.parent.key / "bundle" if job.parent else None
    return train_fleet(job.problem, world, levels, job.config, folder, bundle)


def judged(problem: Problem, trained: Trained) -> Floats:
    """The measure of a policy on every evaluation path, by the batch engine."""
    discount = problem.discount(trained.setup.world)
    last = FIRST_PATH + problem.judged
    chunks = [range(a, min(a + CHUNK, last)) for a in range(FIRST_PATH, last, CHUNK)]
    costs = np.concatenate([trained.costs(chunk, discount) for chunk in chunks])
    return problem.measure(costs, trained.setup.world)


def _difference(problem: Problem, world: World, trained: Trained, values: Floats) -> float:
    """How far the event engine's measure is from the batch engine's, relative, on some paths."""
    played = [
        run_policy(world, draw_path(world, FIRST_PATH + i), trained.policy).cost
        for i in range(ON_EVENT_ENGINE)
    ]
    weight = problem.discount(world) ** np.arange(world.periods) / world.periods
    found = problem.measure(np.array(played) @ weight, world)
    known = values[:ON_EVENT_ENGINE]
    return float(np.max(np.abs(found - known) / np.maximum(np.abs(known), 1.0)))


def standard_error(values: Floats) -> float:
    """Of the mean of independent values."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def machine() -> str:
    """What the times depend on."""
    return f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}"
