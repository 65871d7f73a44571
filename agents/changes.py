"""What changed on disk since a run started: a changed file is a different scenario."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from agents.runs import FileRecord, RunFolder, open_run
from twin.scenario import Scenario
from twin.scenario.files import MAX_CSV_BYTES

SHOWN = 12
"""Digits of a hash that people are shown."""


def changed_files(folder: RunFolder) -> tuple[str, ...]:
    """A sentence for each file of the run's scenario that is no longer as it was, by its name.

    Silent where none of the files is there: the run is then looked at from another folder.
    """
    then = folder.record.files
    now = {file.path: _sha256(Path(file.path)) for file in then}
    if not any(now.values()):
        return ()
    return tuple(_told(file, now[file.path]) for file in then if now[file.path] != file.sha256)


def why_not_resumed(
    base: Path, scenario: Scenario, seed: int, settings: dict[str, str]
) -> tuple[str, ...]:
    """Why the newest unfinished run from the same file is not the run of ``scenario``."""
    now = {file.path: file.sha256 for file in scenario.files}
    for folder in _unfinished(base):
        record = folder.record
        same = (record.scenario_path, record.seed, record.settings)
        if same == (scenario.source, seed, settings) and record.scenario_digest != scenario.digest:
            files = [f for f in record.files if now.get(f.path, "") != f.sha256]
            return tuple(_told(f, now.get(f.path, "")) for f in files)
    return ()


def _unfinished(base: Path) -> Iterator[RunFolder]:
    for path in sorted(base.glob("*/run.json"), reverse=True):
        if not (path.parent / "verdict.json").exists():
            yield open_run(path.parent)


def _told(file: FileRecord, now: str) -> str:
    if not now:
        return f"{file.path} was read when the run started, and is not there any more"
    before, after = file.sha256[:SHOWN], now[:SHOWN]
    return f"{file.path} changed since training: sha256 {before}, now {after}"


def _sha256(path: Path) -> str:
    """The hash of a file's bytes; empty where it cannot be read or is too large to have been."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_CSV_BYTES:
            return ""
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
