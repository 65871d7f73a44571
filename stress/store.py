"""Case results on disk: appended durably while a campaign runs, consolidated when it is over.

cases.jsonl          one finished case per line, in order of finishing; the truth of a resume
cases.2-of-4.jsonl   the same of one shard
cases.parquet        one row per case, sorted by case id; written once all are done
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, get_origin

from pydantic import ValidationError

from stress.results import CaseResult
from twin.errors import UsageError

JOURNAL_STEM = "cases"
JOURNAL = f"{JOURNAL_STEM}.jsonl"
TABLE = "cases.parquet"
SYNC_LINES = 64
SYNC_SECONDS = 2.0


class Journal:
    """The append-only file of finished cases; use as a context manager.

    Lines reach the disk in batches, so that a crash loses seconds of work, never the file.
    """

    def __init__(self, folder: Path, suffix: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{JOURNAL_STEM}{suffix}.jsonl"
        _cut_torn_line(self.path)
        self._file = self.path.open("ab")
        self._unsynced = 0
        self._synced_at = time.monotonic()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sync()
        self._file.close()

    def append(self, result: CaseResult) -> None:
        """Add one finished case."""
        self._file.write(canonical(result) + b"\n")
        self._unsynced += 1
        waited = time.monotonic() - self._synced_at
        if self._unsynced >= SYNC_LINES or waited >= SYNC_SECONDS:
            self._sync()

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._unsynced = 0
        self._synced_at = time.monotonic()


def canonical(result: CaseResult) -> bytes:
    """The one JSON text of a result: sorted keys, no spaces, exact floats."""
    data = result.model_dump(mode="json")
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def campaign_digest(results: Iterable[CaseResult]) -> str:
    """SHA-256 over the results in the order of their ids, whatever order they came in."""
    sha = hashlib.sha256()
    for result in by_id(results):
        sha.update(canonical(result) + b"\n")
    return sha.hexdigest()


def by_id(results: Iterable[CaseResult]) -> list[CaseResult]:
    """The results sorted by case id."""
    return sorted(results, key=lambda result: result.case)


def read_journal(folder: Path) -> dict[str, CaseResult]:
    """The finished cases in a folder by id, those of shards too; a torn last line does not count.

    Raises UsageError for a line that is damaged in any other way.
    """
    found: dict[str, CaseResult] = {}
    for path in sorted(folder.glob(f"{JOURNAL_STEM}*.jsonl")):
        found |= _read_lines(path)
    return found


def _read_lines(path: Path) -> dict[str, CaseResult]:
    found = {}
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), 1):
        if not line.endswith(b"\n"):
            break
        try:
            result = CaseResult.model_validate_json(line)
        except ValidationError as error:
            raise UsageError(
                "a finished case cannot be read",
                f"{path}:{number}",
                str(error.errors(include_url=False)[0]["msg"]),
                "one case result",
                "Delete the line to run its case again, or the file to start over.",
            ) from None
        found[result.case] = result
    return found


def _cut_torn_line(path: Path) -> None:
    """Drop what follows the last line end, left by a crash in the middle of a line."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)


def drop_table(folder: Path) -> None:
    """Remove cases.parquet of an earlier campaign, so that nobody takes it for this one's."""
    (folder / TABLE).unlink(missing_ok=True)


def write_table(folder: Path, results: Sequence[CaseResult]) -> Path:
    """Write cases.parquet in one step: it is there as a whole or not at all."""
    import pyarrow.parquet as parquet

    path, unfinished = folder / TABLE, folder / f"{TABLE}.part"
    parquet.write_table(_table(by_id(results)), unfinished, compression="zstd")
    os.replace(unfinished, path)
    return path


def read_table(path: Path) -> list[CaseResult]:
    """Read the results of a finished campaign; ``path`` is the run folder or the file itself.

    Raises UsageError when there is no such file, or when it is something else.
    """
    import pyarrow as pa
    import pyarrow.parquet as parquet

    file = path / TABLE if path.is_dir() else path
    if not file.exists():
        raise UsageError("there are no case results here", str(file), fix="Run the campaign first.")
    try:
        rows = parquet.read_table(file).to_pylist()
        return [_result(row) for row in rows]
    except (pa.ArrowException, ValueError, KeyError) as error:
        text = str(error).splitlines()[0]
        raise UsageError("not a table of case results", str(file), text) from None


def _table(results: Sequence[CaseResult]) -> Any:
    import pyarrow as pa

    kinds: dict[Any, Any] = {int: pa.int64(), float: pa.float64()}
    columns = {}
    for name, field in CaseResult.model_fields.items():
        values = [getattr(result, name) for result in results]
        if name in _AS_JSON:
            values = [json.dumps(value, sort_keys=True) for value in values]
        columns[name] = pa.array(values, kinds.get(field.annotation, pa.string()))
    return pa.table(columns)


_AS_JSON = tuple(
    name
    for name, field in CaseResult.model_fields.items()
    if get_origin(field.annotation) in (dict, tuple)
)
"""Columns that hold a map or a list, written as JSON text."""


def _result(row: dict[str, Any]) -> CaseResult:
    # A table of an earlier version lacks the columns that came later: they have defaults.
    decoded = {name: json.loads(row[name]) for name in _AS_JSON if name in row}
    return CaseResult.model_validate({**row, **decoded})
