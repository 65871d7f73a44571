"""Read a run folder; the file names and models are the contract in ``stress.results``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from agents.credit.record import AUDIT, AUDITS, Audit, TrainingAudit
from stress.results import CaseResult, Manifest, Playback, TrainingRow, Verdict
from stress.store import read_table
from twin.errors import UsageError
from twin.scenario.quantities import Model

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Run:
    """What a run folder holds; everything but the manifest may be missing."""

    manifest: Manifest
    training: tuple[TrainingRow, ...] = ()
    cases: tuple[CaseResult, ...] = ()
    verdict: Verdict | None = None
    playback: Playback | None = None
    audit: Audit | None = None
    audits: tuple[TrainingAudit, ...] = ()
    """Made while training."""


def load_run(run_dir: Path) -> Run:
    """Read a run folder.

    Raises UsageError when there is no manifest, or when a file is there but cannot be read.
    """
    manifest = _model(run_dir / "manifest.json", Manifest)
    if manifest is None:
        raise UsageError(
            "not a run folder",
            str(run_dir),
            "no manifest.json",
            fix="Name the folder of a run, such as runs/<id>.",
        )
    return Run(
        manifest,
        read_training(run_dir / "metrics.jsonl"),
        read_cases(run_dir / "cases.parquet"),
        _model(run_dir / "verdict.json", Verdict),
        _checked(_model(run_dir / "playback.json", Playback), run_dir / "playback.json"),
        _model(run_dir / AUDIT, Audit),
        _lines(run_dir / AUDITS, TrainingAudit),
    )


def read_training(path: Path) -> tuple[TrainingRow, ...]:
    """Rows of metrics.jsonl; none where the run did not train."""
    return _lines(path, TrainingRow)


def _lines(path: Path, model: type[M]) -> tuple[M, ...]:
    if not path.is_file():
        return ()
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(_parse(line, model, path) for line in lines if line.strip())


def read_cases(path: Path) -> tuple[CaseResult, ...]:
    """Rows of cases.parquet; none where the run was not stressed."""
    return tuple(read_table(path)) if path.is_file() else ()


def _model(path: Path, model: type[M]) -> M | None:
    return _parse(path.read_text(encoding="utf-8"), model, path) if path.is_file() else None


def _parse(text: str, model: type[M], path: Path) -> M:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> UsageError:
    first = str(error).splitlines()
    return UsageError(
        "cannot be read", str(path), "; ".join(first[:3]), fix="Run the stage that writes it again."
    )


def _checked(playback: Playback | None, path: Path) -> Playback | None:
    """The playback, once its tables are known to fit its nodes and lanes."""
    if playback is None:
        return None
    tables = [playback.demand, *playback.on_hand.values(), *playback.unmet.values()]
    wide = all(len(row) == len(playback.nodes) for table in tables for row in table)
    lengths = {len(table) for table in tables} | {len(row) for row in playback.cost.values()}
    flows = all(len(row) == len(playback.lanes) for row in playback.shipped.values())
    known = {end for lane in playback.lanes for end in lane} <= set(playback.nodes)
    if (
        wide
        and len(lengths) == 1
        and flows
        and known
        and len(playback.kinds) == len(playback.nodes)
    ):
        return playback
    raise UsageError("tables do not fit the nodes, lanes and periods", str(path))
