"""What training reports: one TrainingRow per update, a line of ``metrics.jsonl``."""

from __future__ import annotations

from pathlib import Path

from agents.checkpoint.lines import append_line, keep_lines, read_lines
from twin.scenario.quantities import Model

METRICS = "metrics.jsonl"


class TrainingRow(Model):
    """One update of training, a line of metrics.jsonl."""

    update: int
    agent_steps: int
    seconds: float
    steps_per_second: float
    cost: float
    """Cost per period of the rollouts, exploration included."""
    baseline_cost: float
    """Cost per period of the static baseline on the same paths."""
    policy_loss: float
    value_loss: float
    entropy: float
    kl: float
    clip_share: float
    explained_variance: float
    drift: float = 0.0
    """Distance of behaviour from the parent's, or from the start: root mean square of actions."""
    events: tuple[str, ...] = ()
    """What happened besides: the disk was slow, a limit was passed, the run was rolled back."""


def append_row(folder: Path, row: TrainingRow) -> None:
    """Add one line to the metrics of a run folder."""
    append_line(folder / METRICS, row)


def read_rows(folder: Path) -> tuple[TrainingRow, ...]:
    """The rows written so far; a last line cut off by a crash is left out."""
    return read_lines(folder / METRICS, TrainingRow)


def keep_rows(folder: Path, last_update: int) -> None:
    """Drop the rows after an update, because resumed training will write them again."""
    keep_lines(folder / METRICS, TrainingRow, lambda row: row.update <= last_update)
