"""Training from the first update to the bundle, resumable at every checkpoint.

A run that was interrupted, even by a kill, and resumed ends with the same weights, bit for bit, as
one that was not: everything random is a stream keyed by the seed and the number of the update, and
a checkpoint holds the rest.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from agents.checkpoint.bundle import (
    FORMAT,
    BundleManifest,
    actor_arrays,
    levels_by_name,
    save_bundle,
    spaces_of,
)
from agents.learn.alignment import alignments
from agents.learn.batch import Array, Weights
from agents.learn.config import TrainConfig
from agents.learn.learner import UpdateStats, make_learner
from agents.learn.metrics import TrainingRow, append_row, keep_rows
from agents.learn.parent import Parent, read_parent
from agents.learn.rollout import Sampler, Segment, evaluate, evaluation_seeds
from agents.learn.setup import Setup
from agents.learn.state import CHECKPOINTS, Progress, State, capture, load_latest, write_state
from twin.env.act import codecs
from twin.errors import TrainingError
from twin.network.world import World

Floats = NDArray[np.float64]
Report = Callable[[TrainingRow], None]
BUNDLE = "bundle"


def train(
    world: World,
    scenario_name: str,
    scenario_digest: str,
    levels: Floats,
    config: TrainConfig,
    folder: Path,
    report: Report | None = None,
    resume: bool = False,
    parent: Path | None = None,
) -> Path:
    """Train a fleet as a correction to the static ``levels`` (node, product); returns the bundle.

    With a ``parent`` bundle training goes on from its actors, which correct the parent's own
    levels; the result is never worse than the parent on the evaluation seeds, because the best
    actors seen are kept.

    Writes metrics.jsonl, checkpoints/ and bundle/ into ``folder``. On Ctrl-C it writes a checkpoint
    of the last whole update and lets the interrupt pass. Raises TrainingError when a loss is not a
    finite number, or when the checkpoint to resume from is damaged or of another configuration.
    """
    with _threads(config.threads):
        origin = read_parent(parent, world) if parent is not None else None
        run = _Run(world, levels, config, folder, origin)
        run.start(resume)
        try:
            while run.progress.update < run.updates:
                row = run.advance()
                if report is not None:
                    report(row)
        finally:
            run.save()
        return _write_bundle(run, scenario_name, scenario_digest)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Torch with this many threads; more of them only get in each other's way in small networks."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Run:
    """The state of a training run between updates."""

    def __init__(
        self,
        world: World,
        levels: Floats,
        config: TrainConfig,
        folder: Path,
        parent: Parent | None = None,
    ) -> None:
        self.setup = Setup.of(world, levels, config, parent.levels if parent else None)
        self.parent = parent
        self.config = config
        self.folder = folder
        self.learner = make_learner(self.setup, config, folder)
        if parent is not None:
            self.learner.adopt(parent)
        self.sampler = Sampler(self.setup, config)
        per_update = config.replications * config.segment * self.setup.agents
        self.steps_per_update = per_update
        self.updates = config.updates or math.ceil(config.agent_steps / per_update)
        first = self.learner.weights()
        self.progress = Progress(best=first, best_cost=self.greedy_cost(first))
        self.state = self._capture()

    def greedy_cost(self, weights: Weights) -> float:
        """Cost per period without exploration, on the fixed evaluation seeds."""
        seeds = evaluation_seeds(self.config.eval_seeds)
        return float(evaluate(self.setup, weights.layers, seeds, weights.grids).mean())

    def start(self, resume: bool) -> None:
        """Go on from the newest checkpoint, or start afresh in a folder without one.

        Raises TrainingError rather than write over the checkpoints of another run.
        """
        if not resume and (self.folder / CHECKPOINTS).exists():
            raise TrainingError(
                "there is a training run already",
                str(self.folder),
                fix="Resume it, or choose another folder.",
            )
        found = load_latest(self.folder, self.learner, self.sampler, self.config)
        if found is not None:
            self.progress = found
            self.state = self._capture()
        keep_rows(self.folder, self.progress.update)

    def save(self) -> None:
        """Write a checkpoint of the last whole update."""
        write_state(self.folder, self.state, self.config.keep_checkpoints)

    def _capture(self) -> State:
        return capture(self.learner, self.sampler, self.progress, self.config)

    def advance(self) -> TrainingRow:
        """One update: collect, learn, and now and then evaluate and save."""
        start = time.perf_counter()
        done = self.progress
        segment = self.learner.collect(self.sampler, done.update)
        share = done.update / self.updates
        stats = self.learner.update(segment.batch, done.update, share)
        done.update += 1
        if done.update % self.config.eval_every == 0 or done.update == self.updates:
            self._keep_best()
        done.seconds += time.perf_counter() - start
        row = self._row(segment, stats)
        append_row(self.folder, row)
        self.state = self._capture()
        if done.update % self.config.checkpoint_every == 0:
            self.save()
        return row

    def _said_before(self) -> tuple[str, ...]:
        """What is known before training, with the first update: whose reward misleads."""
        seeds = self.config.reward.alignment_seeds
        if self.progress.update > 1 or not seeds:
            return ()
        tests = alignments(self.setup, evaluation_seeds(seeds))
        return tuple(str(test) for test in tests if test.misaligned)

    def _keep_best(self) -> None:
        weights = self.learner.weights()
        cost = self.greedy_cost(weights)
        if cost < self.progress.best_cost:
            self.progress.best, self.progress.best_cost = weights, cost

    def _row(self, segment: Segment, stats: UpdateStats) -> TrainingRow:
        done = self.progress
        steps = done.update * self.steps_per_update
        return TrainingRow(
            update=done.update,
            agent_steps=steps,
            seconds=done.seconds,
            steps_per_second=steps / done.seconds,
            cost=segment.cost,
            baseline_cost=segment.baseline_cost,
            policy_loss=stats.policy_loss,
            value_loss=stats.value_loss,
            entropy=stats.entropy,
            kl=stats.kl,
            clip_share=stats.clip_share,
            explained_variance=stats.explained_variance,
            events=(*self._said_before(), *stats.events),
        )


def _write_bundle(run: _Run, scenario_name: str, scenario_digest: str) -> Path:
    """The bundle of the best actors seen, with the critic as it is now."""
    world, config = run.setup.world, run.config
    action = world.model.agents.action
    groups = {group.group.name: group.group.agents for group in run.setup.groups}
    arrays = {**_best_actors(run, tuple(groups)), **run.learner.judges()}
    manifest = BundleManifest(
        format=FORMAT,
        algorithm=config.algorithm,
        scenario=scenario_name,
        scenario_digest=scenario_digest,
        groups=groups,
        agents=spaces_of({c.spec.name: c for c in codecs(world)}),
        form=action.form,
        range=action.range,
        levels=levels_by_name(world, run.setup.start),
        seed=config.seed,
        agent_steps=run.progress.update * run.steps_per_update,
        config=config.model_dump(mode="json"),
        versions={"torch": torch.__version__, "numpy": np.__version__},
        parent=run.parent.digest if run.parent else "",
        weights_sha256="",
    )
    save_bundle(run.folder / BUNDLE, manifest, arrays)
    return run.folder / BUNDLE


def _best_actors(run: _Run, groups: tuple[str, ...]) -> dict[str, Array]:
    """The best actors by name, with their exploration, or with the grid that they choose from."""
    best = run.progress.best
    arrays: dict[str, Array] = {}
    for name, layers in zip(groups, best.layers, strict=True):
        arrays |= actor_arrays(name, layers)
    for kind, of_groups in (("log_std", best.log_std), ("grid", best.grids)):
        arrays |= {f"actor/{n}/{kind}": part for n, part in zip(groups, of_groups, strict=False)}
    return arrays
