"""A training run between updates: what it is made of, one step of it, and the guard beside it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.credit.training import Moment, audit_during_training, keep_audits
from agents.learn.actors import make_sampler
from agents.learn.alignment import alignments
from agents.learn.batch import Weights
from agents.learn.config import TrainConfig
from agents.learn.disturbance import Disturbance
from agents.learn.evaluation import evaluate, evaluate_static, evaluation_seeds
from agents.learn.learner import NO_STATS, UpdateStats, make_learner
from agents.learn.metrics import TrainingRow, append_row, keep_rows
from agents.learn.parent import Parent
from agents.learn.ranks import ALONE, Ranks
from agents.learn.rollout import Segment
from agents.learn.setup import Setup
from agents.learn.state import CHECKPOINTS, Progress, State, capture, load_latest, write_state
from agents.learn.storage import Disk
from agents.stability.guard import Figures, Guard
from agents.stability.probe import Probe
from twin.engine.batch_drawn import drawn_by_seed
from twin.errors import DivergenceError, TrainingError, UsageError
from twin.network.world import World

Floats = NDArray[np.float64]


class TrainingRun:
    """The state of a training run between updates."""

    def __init__(
        self,
        world: World,
        levels: Floats,
        config: TrainConfig,
        folder: Path,
        parent: Parent | None = None,
        disturbance: Disturbance | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        """Of several ``ranks`` the first evaluates and writes; all of them learn."""
        check_ranks(config, ranks)
        self.ranks = ranks
        self.setup = Setup.of(world, levels, config, parent.levels if parent else None, ranks)
        self.parent = parent
        self.config = config
        self.folder = folder
        storage = disturbance.storage(Disk()) if disturbance else None
        self.learner = make_learner(self.setup, config, folder, storage)
        if parent is not None:
            self.learner.adopt(parent)
        self.sampler = make_sampler(self.setup, config, disturbance)
        per_update = config.replications * config.segment * self.setup.agents
        self.steps_per_update = per_update
        self.updates = config.planned_updates(self.setup.agents)
        self.discount = world.model.discount
        first = self.learner.weights()
        self.guard = Guard(config.guard, self.learner.state())
        self.probe = Probe.of(self.setup, first)
        self.static_cost = self._told(
            lambda: evaluate_static(self.setup, self._seeds, self.discount, self.sampler.hardening)
        )
        self.progress = self._at_the_start(first)
        self.state = self._capture()

    def _at_the_start(self, first: Weights) -> Progress:
        """The better of the first actors and, without a parent, those that see nothing yet.

        The latter play the static policy itself, so a run cannot end below it.
        """
        candidates = [first] if self.parent else [first, first.plain()]
        costs = [self.greedy_cost(weights) for weights in candidates]
        best = int(np.argmin(costs))
        return Progress(candidates[best], costs[best])

    @property
    def _seeds(self) -> range:
        return evaluation_seeds(self.config.eval_seeds)

    def greedy_cost(self, weights: Weights) -> float:
        """Cost per period without exploration, on the fixed evaluation seeds.

        A hardened run is judged on networks as disturbed as those it ends with. The cost is
        discounted where the scenario says so, for that is what a fleet is to minimise.
        """
        layers, grids, hardening = weights.layers, weights.grids, self.sampler.hardening
        judged = self._seeds, grids, self.discount, hardening, weights.cells
        return self._told(lambda: evaluate(self.setup, layers, *judged))

    def _told(self, evaluated: Callable[[], Floats]) -> float:
        """The mean of what the first rank finds."""
        found = evaluated().mean() if self.ranks.first else 0.0
        return float(self.ranks.told(np.array([found]))[0])

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
        found = load_latest(self.folder, self.learner, self.sampler, self.guard, self.config)
        if found is not None:
            self.progress = found
            self.state = self._capture()
        if self.ranks.first:
            keep_rows(self.folder, self.progress.update)
            keep_audits(self.folder, self.progress.update)

    def save(self) -> None:
        """Write a checkpoint of the last whole update; with several ranks, of the last one due."""
        if self.ranks.first:
            write_state(self.folder, self.state, self.config.keep_checkpoints)

    def close(self) -> None:
        """End the actor processes, where there are any."""
        self.sampler.close()

    def _capture(self) -> State:
        return capture(self.learner, self.sampler, self.progress, self.guard, self.config)

    @property
    def over(self) -> bool:
        """True when the budget is used up, or the guard has stopped the run."""
        return self.progress.update >= self.updates or self.guard.stopped

    def advance(self) -> TrainingRow:
        """One update: collect, learn, and now and then evaluate and save."""
        start = time.perf_counter()
        done = self.progress
        segment = self._together(self.learner.collect(self.sampler, done.update))
        stats, drift, breaches = self._learn(segment)
        done.update += 1
        if not breaches and (done.update % self.config.eval_every == 0 or self.over):
            breaches = self._evaluated()
        events = (*self._said_before(), *stats.events)
        if breaches:
            events = (*events, *self.guard.roll_back(self.learner, breaches))
            self.sampler.start_horizon(self.sampler.number + 1)
        if self.config.audit_every and done.update % self.config.audit_every == 0:
            self._audit(done.seconds + time.perf_counter() - start)
        done.seconds += time.perf_counter() - start
        row = self._row(segment, stats, drift, events)
        if self.ranks.first:
            append_row(self.folder, row)
        due = done.update % self.config.checkpoint_every == 0
        if due or self.over or self.ranks.alone:
            self.state = self._capture()
        if due:
            self.save()
        return row

    def _together(self, segment: Segment) -> Segment:
        """This rank's experience, and what the networks of all ranks cost."""
        if self.ranks.alone:
            return segment
        count = self.config.replications
        costs = np.array([segment.cost, segment.baseline_cost]) * self.ranks.share.count(count)
        cost, baseline = (self.ranks.total(costs) / count).tolist()
        batch = segment.batch
        if self.ranks.anywhere(batch.alive is not None):
            batch = batch.flagged()
        return Segment(batch, cost, baseline)

    def _learn(self, segment: Segment) -> tuple[UpdateStats, float, tuple[str, ...]]:
        """Learn from a segment: how it went, drift in behaviour, and the limits it passed."""
        number = self.progress.update
        try:
            stats = self.learner.update(segment.batch, number, number / self.updates)
            drift = self.probe.distance(self.learner.weights())
            check_finite(stats, drift, number)
        except DivergenceError as error:
            if not self.config.guard.enabled:
                raise
            return NO_STATS, 0.0, (str(error),)
        if not self.config.guard.enabled:
            return stats, drift, ()
        residual = 1.0 - stats.explained_variance
        figures = Figures(stats.kl, residual, drift, segment.cost, segment.baseline_cost)
        return stats, drift, self.guard.breaches(figures)

    def _evaluated(self) -> tuple[str, ...]:
        """Keep the best actors, and this state as good unless it costs too much."""
        weights = self.learner.weights()
        cost = self.greedy_cost(weights)
        if cost < self.progress.best_cost:
            self.progress.best, self.progress.best_cost = weights, cost
        if not self.config.guard.enabled:
            return ()
        breaches = self.guard.cost_breach(cost, self.static_cost)
        if not breaches:
            self.guard.keep(self.learner)
        return breaches

    def _audit(self, seconds: float) -> None:
        if not self.ranks.first:
            return
        steps = self.progress.update * self.steps_per_update
        moment = Moment(self.progress.update, steps, seconds)
        audit_during_training(
            self.setup, self.learner.weights(), moment, self.config.audit_episodes, self.folder
        )

    def _said_before(self) -> tuple[str, ...]:
        """What is known before training, with the first update: whose reward misleads."""
        if self.progress.update > 1 or not self.ranks.first:
            return ()
        slow = drawn_by_seed(self.setup.world) if self.config.paths == "device" else ()
        said = tuple(f"{what}: drawn network by network, by seed" for what in slow)
        seeds = self.config.reward.alignment_seeds
        tests = alignments(self.setup, evaluation_seeds(seeds)) if seeds else ()
        return said + tuple(str(test) for test in tests if test.misaligned)

    def _row(
        self, segment: Segment, stats: UpdateStats, drift: float, events: tuple[str, ...]
    ) -> TrainingRow:
        done = self.progress
        steps = done.update * self.steps_per_update
        return TrainingRow(
            update=done.update,
            agent_steps=steps,
            seconds=done.seconds,
            steps_per_second=steps / done.seconds,
            cost=segment.cost,
            baseline_cost=segment.baseline_cost,
            drift=drift,
            **{**asdict(stats), "events": events},
        )


def check_ranks(config: TrainConfig, ranks: Ranks) -> None:
    """Raise UsageError where several processes cannot train by a configuration together."""
    if config.replications < ranks.size:
        raise UsageError(
            "fewer replications than ranks",
            "replications",
            str(config.replications),
            f"at least {ranks.size}",
        )


def check_finite(stats: UpdateStats, drift: float, number: int) -> None:
    """Raise DivergenceError unless every figure of an update is a number."""
    for name, value in (*asdict(stats).items(), ("drift in behaviour", drift)):
        if name != "events" and not math.isfinite(value):
            what = f"{name.replace('_', ' ')} is not finite"
            raise DivergenceError(what, f"update {number}", str(value), "a finite number")
