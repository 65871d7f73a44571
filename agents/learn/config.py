"""The one configuration of training; defaults live here and nowhere else."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from agents.learn.algorithms import GAUSSIAN, Algorithm
from agents.learn.config_parts import (
    Absence,
    Count,
    Fraction,
    GuardLimits,
    Hardening,
    Pathwise,
    Positive,
    Recurrent,
    Reward,
    ValueLearning,
)
from twin.scenario import load_document
from twin.scenario.quantities import Model

Widths = Annotated[tuple[Count, ...], Field(min_length=1, max_length=8)]


class TrainConfig(Model):
    """Everything that determines a training run, besides the scenario and its static levels."""

    kind: Literal["training"] = "training"
    algorithm: Algorithm = "mappo"
    """mappo: one critic on the global state; ippo: every agent for itself; happo: agents learn one
    after the other; vdn: choices on a grid whose values sum to the team's; iql: each its own;
    pathwise: actors go down the gradient of cost through the batch engine."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the initial weights, the exploration noise, the minibatches and the sample paths."""
    agent_steps: Count = 3_000_000
    """Budget: decisions of single agents; rounded up to whole updates."""
    updates: Count | None = None
    """Budget in updates; replaces ``agent_steps`` where given."""
    warm_start: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the budget in which actors first go down the gradient through the twin, while the
    critic only watches; mappo, ippo and happo."""
    replications: Count = 32
    """Networks simulated side by side."""
    segment: Count = 40
    """Periods per update; the networks run on through the horizon from update to update."""
    sharing: Literal["auto", "role", "all", "none"] = "auto"
    """One network per role, for all agents (told apart by a one-hot), or one per agent; ``auto`` is
    ``none`` for happo and ``role`` for the others."""
    hidden: Widths = (64, 64)
    """Widths of the actors' tanh layers."""
    recurrent: Recurrent | None = None
    """Actors that remember what they saw, learning through time within a segment; mappo, ippo and
    happo, without warm_start."""
    critic_hidden: Widths = (64, 64)
    """Widths of the critic's tanh layers."""
    initial_log_std: float = -0.7
    """Log of the initial standard deviation of actions; large noise ratchets stock up. A run that
    goes on from a parent takes over the parent's where that is smaller."""
    actor_rate: Positive = 3e-3
    """Adam's learning rate for the actors."""
    critic_rate: Positive = 3e-3
    """Adam's learning rate for the critic."""
    final_rate_share: Fraction = 0.2
    """Share of both learning rates that is left at the end of the budget, falling linearly."""
    gamma: Fraction = 0.97
    """Discount per period."""
    horizon_end: Literal["truncation", "termination"] = "truncation"
    """What the end of the horizon is. ``truncation``: watching stops, but the network runs on, and
    what is in stock keeps its value. ``termination``: nothing counts afterwards; for problems whose
    last orders cannot pay. Pathwise always counts what the horizon holds and nothing else."""
    lam: Fraction = 0.9
    """Lambda of generalised advantage estimation."""
    epochs: Count = 8
    """Passes over the data of an update."""
    critic_epochs: Count = 8
    """Passes of the critic."""
    critic_first: Annotated[int, Field(ge=0)] = 0
    """Updates at the start in which only the critic learns: before it knows anything it would spoil
    actors that come from a parent. mappo, ippo and happo."""
    minibatches: Count = 4
    """Gradient steps per pass."""
    clip_range: Positive = 0.2
    """The probability ratio is clipped to 1 +- this."""
    gradient_norm: Positive = 0.5
    """Gradients are scaled down to this norm, actors and critic each."""
    kl_stop: Positive = 0.02
    """The actors stop learning from a batch once the approximate KL divergence passes this."""
    huber: Positive = 10.0
    """Where the value loss turns from quadratic to linear, in standard deviations of the return."""
    normaliser_memory: Fraction = 0.9
    """Weight of the past in the running mean and variance of returns, per update."""
    foresight: Annotated[int, Field(ge=0, le=100)] = 7
    """Periods of coming demand that the critic (never an actor) sees: no luck in advantages."""
    control_variate: bool = True
    """Subtract the static policy's reward on the same sample path, luck that no action changes; not
    from difference rewards, which subtract a twin's."""
    eval_every: Count = 10
    """Updates between greedy evaluations; the best checkpoint so far is kept."""
    eval_seeds: Count = 32
    """Sample paths of each greedy evaluation, the same every time."""
    audit_every: Annotated[int, Field(ge=0)] = 100
    """Updates between audits of who contributes what (``audits.jsonl``); 0 for none."""
    audit_episodes: Count = 512
    """Budget of each audit."""
    reward: Reward = Reward()
    """What agents are rewarded for while they learn."""
    absence: Absence = Absence()
    """Who is out of control now and then while the fleet learns; not for pathwise."""
    guard: GuardLimits = GuardLimits()
    """When training is rolled back."""
    value_learning: ValueLearning = ValueLearning()
    """VDN and IQL."""
    pathwise: Pathwise = Pathwise()
    """The gradient through the twin."""
    hardening: Hardening | None = None
    """What goes wrong in a share of the training networks; nothing without."""
    checkpoint_every: Count = 25
    """Updates between checkpoints to resume from."""
    keep_checkpoints: Count = 2
    """How many of them to keep; the newest win."""
    threads: Count = 1
    """Threads torch may use while training."""
    device: str = "cpu"
    """Torch device of the update, cpu or cuda; the rollout is numpy."""
    paths: Literal["seeds", "device"] = "seeds"
    """Where training's sample paths come from: ``seeds`` draws each as the event engine would;
    ``device`` draws those of all networks at once where tensors live: other numbers of the same
    distributions, many times as fast. Evaluation stays with seeds."""
    engine: Literal["batch", "event"] = "batch"
    """What plays the networks: the batch engine, or event engines, which are slower and the truth.
    Evaluation stays with the batch engine."""
    actors: Annotated[int, Field(ge=1, le=256)] = 1
    """Processes that play the event engines; the result does not depend on how many."""

    @model_validator(mode="after")
    def _sums_need_the_team(self) -> Self:
        if self.algorithm == "vdn" and self.reward.mode == "difference":
            raise ValueError(
                "reward.mode: vdn splits the team's reward itself; use team, or another algorithm"
            )
        return self

    @model_validator(mode="after")
    def _only_actors_can_be_warmed(self) -> Self:
        if self.warm_start > 0 and self.algorithm not in GAUSSIAN:
            raise ValueError(f"warm_start needs one of {', '.join(GAUSSIAN)}")
        return self

    @model_validator(mode="after")
    def _event_engines_are_undisturbed(self) -> Self:
        if self.hardening is not None and self.engine != "batch":
            raise ValueError("hardening needs engine: batch")
        if self.hardening is not None and self.paths == "device":
            raise ValueError("hardening disturbs paths drawn by seed; use paths: seeds")
        return self

    @model_validator(mode="after")
    def _only_actors_remember(self) -> Self:
        if self.recurrent and (self.algorithm not in GAUSSIAN or self.warm_start > 0):
            raise ValueError(f"recurrent needs one of {', '.join(GAUSSIAN)}, without warm_start")
        if self.recurrent and self.engine != "batch":
            raise ValueError("recurrent needs engine: batch")
        return self

    @model_validator(mode="after")
    def _slopes_know_no_absence(self) -> Self:
        if self.absence.possible and (self.algorithm == "pathwise" or self.warm_start > 0):
            raise ValueError("absence needs an algorithm other than pathwise, without warm_start")
        return self

    @model_validator(mode="after")
    def _actors_play_the_event_engine(self) -> Self:
        if self.engine == "batch" and self.actors > 1:
            raise ValueError("actors: more than one needs engine: event")
        if self.actors > self.replications:
            raise ValueError(f"actors: at most one per replication, {self.replications}")
        if self.engine == "event" and self.paths == "device":
            raise ValueError("paths: event engines need paths drawn by seed; use seeds")
        if self.engine == "event" and (self.algorithm == "pathwise" or self.warm_start > 0):
            raise ValueError(
                "engine: the gradient through the twin (pathwise, warm_start) needs batch"
            )
        return self

    def planned_updates(self, agents: int) -> int:
        """Updates of the whole budget."""
        per_update = self.replications * self.segment * agents
        return self.updates or math.ceil(self.agent_steps / per_update)

    @property
    def shared(self) -> str:
        """The sharing that is meant."""
        if self.sharing != "auto":
            return self.sharing
        return "none" if self.algorithm == "happo" else "role"


def train_config(
    seed: int,
    agent_steps: int | None = None,
    algorithm: str | None = None,
    file: Path | None = None,
    device: str | None = None,
) -> TrainConfig:
    """The configuration of a training file, or the default, with a seed and what else is given.

    Raises ScenarioError for a file that is not valid.
    """
    base = TrainConfig() if file is None else load_document(file, TrainConfig)[0]
    given = {"seed": seed, "agent_steps": agent_steps, "algorithm": algorithm, "device": device}
    changed = {name: value for name, value in given.items() if value is not None}
    return TrainConfig.model_validate({**base.model_dump(), **changed})


def training_digest(config: TrainConfig) -> str:
    """SHA-256 over the canonical JSON of a configuration."""
    text = json.dumps(config.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
