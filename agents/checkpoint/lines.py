"""Files of JSON lines, one model each, whose last line a crash may cut off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from agents.checkpoint.files import write_file
from twin.scenario.quantities import Model

M = TypeVar("M", bound=Model)


def append_line(path: Path, row: Model) -> None:
    """Add one line."""
    with path.open("a", encoding="utf-8") as file:
        file.write(row.model_dump_json() + "\n")


def read_lines(path: Path, kind: type[M]) -> tuple[M, ...]:
    """The rows written so far; none without a file, and a torn last line is left out."""
    if not path.exists():
        return ()
    text = path.read_text(encoding="utf-8")
    complete = text[: text.rfind("\n") + 1]
    return tuple(kind.model_validate_json(line) for line in complete.splitlines())


def keep_lines(path: Path, kind: type[M], wanted: Callable[[M], bool]) -> None:
    """Drop the rows that are not wanted, in one step."""
    kept = [row for row in read_lines(path, kind) if wanted(row)]
    write_file(path, "".join(row.model_dump_json() + "\n" for row in kept).encode())
