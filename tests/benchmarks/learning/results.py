"""The results file: one JSON line per finished run, so that nothing is lost when time is up.

A line is keyed by what determines it: the scenario as compiled from its file and overrides, the
learner, its whole configuration with its seed, and the evaluation paths. A run whose key is there
is not run again; a changed setting is another key, and its old lines stay for the record.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Generic, Literal, TypeVar

from pydantic import ValidationError

from twin.errors import UsageError
from twin.scenario.quantities import Model

MOST_BYTES = 64 << 20
Kind = Literal["learner", "heuristic", "bound"]


class Line(Model):
    """A line of a results file."""

    key: str
    """Of everything that determines what is in it."""


L = TypeVar("L", bound=Line)


class Row(Line):
    """What one policy is worth on the evaluation paths of a problem."""

    problem: str
    who: str
    kind: Kind
    seed: int = 0
    """Training seed."""
    mean: float
    """Over the evaluation paths, in the problem's measure."""
    error: float
    """Standard error of the mean over evaluation paths; of a bound, of its distance to static."""
    paths: int
    engines: float = 0.0
    """Largest difference between the two engines' measure on one path, relative."""
    updates: int = 0
    cpu_s: float = 0.0
    date: str
    machine: str


def key_of(*parts: object) -> str:
    """SHA-256 over the canonical JSON of what determines a run."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Results(Generic[L]):
    """Lines by key, in the order in which they were written."""

    def __init__(self, file: Path, kind: type[L]) -> None:
        """Read what is there.

        Raises UsageError for a line that is none; a last line cut short by a kill is dropped.
        """
        self.file = file
        self.rows: dict[str, L] = {row.key: row for row in _read(file, kind)}

    def add(self, row: L) -> None:
        """Append a line at once."""
        self.rows[row.key] = row
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as lines:
            lines.write(row.model_dump_json() + "\n")


def _read(file: Path, kind: type[L]) -> list[L]:
    if not file.exists():
        return []
    if file.stat().st_size > MOST_BYTES:
        raise UsageError("too large", str(file), f"{file.stat().st_size} bytes", str(MOST_BYTES))
    text = file.read_text(encoding="utf-8")
    whole, _, cut = text.rpartition("\n")
    if cut:
        file.write_text(whole + "\n" if whole else "", encoding="utf-8")
    return [_line(file, kind, i, line) for i, line in enumerate(whole.splitlines(), 1)]


def _line(file: Path, kind: type[L], number: int, line: str) -> L:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        raise UsageError(
            "not a result", f"{file}:{number}", str(error.errors()[0]["msg"]), "a line of a run"
        ) from error
