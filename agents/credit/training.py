"""Audits while training: a few seeds every few updates, so that a lazy agent is seen early."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agents.checkpoint.acting import Actor, ActorPolicy
from agents.checkpoint.lines import append_line, keep_lines
from agents.credit.audit import standings
from agents.credit.estimate import estimates
from agents.credit.record import AUDITS, TrainingAudit, read_audits
from agents.credit.replay import Game, affordable
from agents.credit.shapley import seeds_within, shapley
from agents.learn.batch import Weights
from agents.learn.setup import Setup
from twin.env.rules import OrderingRule

FIRST_SEED = 600_000_000
"""Audits have their own paths: training counts from 1,000 million, evaluation from 500 million."""
MOST_SEEDS = 16


@dataclass(frozen=True)
class Moment:
    """Where training stands."""

    update: int
    agent_steps: int
    seconds: float
    """Spent on training so far, audits included."""


def audit_during_training(
    setup: Setup, weights: Weights, moment: Moment, episodes: int, folder: Path
) -> TrainingAudit:
    """Audit the actors as they are, without exploration, and append a line to audits.jsonl.

    Nothing that training draws or learns depends on it.
    """
    start = time.perf_counter()
    game = Game(
        setup.world,
        learnt_policy(setup, weights),
        OrderingRule("base_stock", setup.levels[None]),
        down=setup.absence.down,
    )
    count = seeds_within(len(game.agents), affordable(game, episodes), MOST_SEEDS)
    found = shapley(game, range(FIRST_SEED, FIRST_SEED + count))
    values = estimates(found.shapley, "shapley")
    seconds = time.perf_counter() - start
    before = sum(past.seconds for past in read_audits(folder))
    row = TrainingAudit(
        update=moment.update,
        agent_steps=moment.agent_steps,
        gain=estimates(found.saved[:, None], "gain")[0],
        shapley=dict(zip(found.agents, values, strict=True)),
        verdicts=standings(found),
        seconds=seconds,
        time_share=min(1.0, (before + seconds) / (moment.seconds + seconds)),
    )
    append_line(folder / AUDITS, row)
    return row


def keep_audits(folder: Path, last_update: int) -> None:
    """Drop the audits after an update, because resumed training will make them again."""
    if (folder / AUDITS).exists():
        keep_lines(folder / AUDITS, TrainingAudit, lambda row: row.update <= last_update)


def learnt_policy(setup: Setup, weights: Weights) -> ActorPolicy:
    """What the learner's actors do without exploration, as a Policy."""
    actors: dict[str, Actor] = {}
    for g, (group, layers) in enumerate(zip(setup.groups, weights.layers, strict=True)):
        for i, agent in enumerate(group.group.agents):
            grid = weights.grids[g][i : i + 1] if weights.grids else None
            cell = weights.cells[g] if weights.cells else None
            choices = setup.masks[g][i] if setup.masks else None
            actors[agent] = Actor(group.group, layers, grid, cell, choices)
    return ActorPolicy("learnt", setup.world, np.asarray(setup.start), actors)
