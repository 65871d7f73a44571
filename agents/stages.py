"""The stages of a run that lead to a trained fleet: tune the static policies, train.

Each stage leaves its result in the run folder and is skipped when the result is already there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import Progress

from agents.baselines import TunedRule, rule_from_json, rule_to_json, tune_baselines
from agents.joining import Invitation, invite
from agents.learn.ranks import ALONE, Ranks
from agents.runs import RunFolder
from twin.env.rules import TUNED_KINDS, OrderingRule, RuleKind
from twin.network.world import World
from twin.progress import Stage, stage

if TYPE_CHECKING:
    from agents.learn.config import TrainConfig
    from agents.learn.disturbance import Disturbance
    from agents.learn.metrics import TrainingRow

STATIC: RuleKind = "base_stock"
"""The baseline that fleets are measured against and that the gateway falls back to."""


def tune_stage(
    folder: RunFolder,
    world: World,
    seed: int,
    display: Progress,
    kinds: Iterable[RuleKind] = TUNED_KINDS,
) -> dict[str, OrderingRule]:
    """Tune the static policies, or read them back; by kind."""
    with stage(display, "tune") as line:
        if not folder.baselines.exists():
            tuned = tune_baselines(
                world, seed, kinds=tuple(kinds), progress=lambda kind, share: line(share, kind)
            )
            folder.write_json("baselines.json", {k: _row(world, t) for k, t in tuned.items()})
        rows = json.loads(folder.baselines.read_text(encoding="utf-8"))
        line(1.0, f"base-stock {rows[STATIC]['cost']:.2f} per period on held-out seeds")
    return {kind: rule_from_json(world, row["rule"]) for kind, row in rows.items()}


def _row(world: World, tuned: TunedRule) -> dict[str, object]:
    return {
        "cost": tuned.cost,
        "low": tuned.low,
        "high": tuned.high,
        "fill_rate": tuned.fill_rate,
        "seeds": tuned.seeds,
        "evaluations": tuned.evaluations,
        "rule": rule_to_json(world, tuned.rule),
    }


def train_stage(
    folder: RunFolder,
    world: World,
    static: OrderingRule,
    config: TrainConfig,
    display: Progress,
    parent: Path | None = None,
    disturbance: Disturbance | None = None,
    ranks: Ranks = ALONE,
) -> Path:
    """Train a fleet as a correction to the static policy, or go on where training stopped.

    With a ``parent`` bundle training starts from that fleet; a ``disturbance`` hardens it. Other
    ``ranks`` are told to join.
    """
    from agents.learn.train import train

    resume = (folder.path / "checkpoints").is_dir()
    trained, rule = folder.bundle.is_dir(), rule_to_json(world, static)
    where, first = str(folder.path), str(parent or "")
    invite(ranks, Invitation(run=where, trained=trained, resume=resume, rule=rule, parent=first))
    with stage(display, "train") as line:
        if trained:
            line(1.0, "already trained")
            return folder.bundle
        return train(
            world,
            folder.record.scenario,
            folder.record.scenario_digest,
            static.level[0],
            config,
            folder.path,
            report=lambda row: _live(line, display, row, config.agent_steps),
            resume=resume,
            parent=parent,
            disturbance=disturbance,
            ranks=ranks,
        )


def _live(line: Stage, display: Progress, row: TrainingRow, budget: int) -> None:
    """The live line: speed, cost against the baseline, KL, explained variance; events above it."""
    for event in row.events:
        display.console.print(f"update {row.update}: {event}", highlight=False)
    line(
        min(row.agent_steps / budget, 1.0),
        f"{row.steps_per_second / 1000:.0f} k steps/s  cost {row.cost:.1f} "
        f"(baseline {row.baseline_cost:.1f})  KL {row.kl:.4f}  EV {row.explained_variance:.2f}",
    )
