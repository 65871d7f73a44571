"""Reads foreign files within bounds: JSON, CSV tables, plain lines; problems have a place."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import ConfigDict, ValidationError

from twin.errors import Problem, ScenarioError
from twin.scenario.explain import validation_findings
from twin.scenario.files import FileHash, Reader, UnreadableError
from twin.scenario.findings import did_you_mean, dotted, shown
from twin.scenario.nodes import MAX_DEPTH, Mark
from twin.scenario.quantities import Model

MAX_BYTES = 16 * 1024**2
MAX_ROWS = 500_000
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


class Foreign(Model):
    """A part of a foreign file: frozen, finite, and open to fields that nobody here reads."""

    model_config = ConfigDict(extra="ignore")


F = TypeVar("F", bound=Foreign)


def refuse(problems: Iterable[Problem], source: Path | str) -> NoReturn:
    """Raise ScenarioError with every problem of a foreign file."""
    raise ScenarioError(tuple(problems), str(source))


def refuse_at(file: Path | str, message: str, hint: str = "", line: int = 1) -> NoReturn:
    """Raise ScenarioError with one problem."""
    refuse([Mark(str(file), line, 1).problem(message, hint)], file)


def read_text(path: Path) -> tuple[str, FileHash]:
    """The text of a UTF-8 file of at most 16 MiB, with its hash; raises ScenarioError."""
    reader = Reader()
    try:
        text = reader.text(str(path), MAX_BYTES)
    except UnreadableError as error:
        refuse_at(path, error.message, line=error.line)
    return text, reader.files[0]


def read_json(path: Path) -> tuple[Any, FileHash]:
    """A JSON document; raises ScenarioError for bad JSON, deep nesting, NaN and double keys."""
    text, digest = read_text(path)
    depth = deepest = 0
    for match in _BRACKETS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        refuse_at(path, f"nested deeper than {MAX_DEPTH} levels")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            refuse_at(path, f"the key {shown(twice)} is given twice in one object")
        return found

    def not_a_number(word: str) -> NoReturn:
        refuse_at(path, f"{word} is not a number in JSON")

    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=not_a_number), digest
    except json.JSONDecodeError as error:
        mark = Mark(str(path), error.lineno, error.colno)
        refuse([mark.problem(f"this is not JSON: {error.msg}")], path)
    except ValueError as error:
        refuse_at(path, f"this is not JSON: {error}")


def validated(data: object, model: type[F], file: Path) -> F:
    """Foreign data as a model; raises ScenarioError with the path of everything that is wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        mark = Mark(str(file), 1, 1)
        findings = validation_findings(error, model, data)
        refuse((mark.problem(f.message, f.hint, f.path) for f in findings), file)


@dataclass(frozen=True)
class Row:
    """One row of a table: its line, and its cells by column."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A CSV file with a header row; columns are found whatever their case, spaces and underscores.

    ``problems`` collects what is wrong in cells, so that all of it is told at once.
    """

    file: Path
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    digest: FileHash
    problems: list[Problem]

    def column(self, *names: str) -> str | None:
        """The header cell that means one of ``names``, or None."""
        folded = {_fold(cell): cell for cell in self.header}
        return next((folded[_fold(name)] for name in names if _fold(name) in folded), None)

    def need(self, *names: str) -> str:
        """Like ``column``; raises ScenarioError where there is none."""
        found = self.column(*names)
        if found is None:
            hint = did_you_mean(names[0], self.header)
            refuse_at(self.file, f"the column {shown(names[0])} is missing", hint)
        return found

    def complain(self, row: Row, message: str, hint: str = "") -> None:
        """Note a problem in one row."""
        self.problems.append(Mark(str(self.file), row.line, 1).problem(message, hint))

    def number(self, row: Row, column: str | None, least: float = 0.0) -> float | None:
        """The number in a cell; None where it is empty, a problem where it is not a number."""
        cell = row.cells.get(column, "").strip() if column else ""
        if not cell:
            return None
        if not _NUMBER.match(cell) or not least <= float(cell) <= 1e12:
            message = f"{column}: got {shown(cell)}, expected a number of at least {least:g}"
            self.complain(row, message)
            return None
        return float(cell)

    def stop_at_problems(self) -> None:
        """Raise ScenarioError where anything was wrong."""
        if self.problems:
            refuse(self.problems, self.file)


def read_table(path: Path, width_may_vary: bool = False) -> Table:
    """A CSV file with a header row, separated by commas, semicolons or tabs."""
    text, digest = read_text(path)
    first = text.lstrip("\r\n").split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        lines = [(line, cells) for line, cells in _numbered(rows) if any(c.strip() for c in cells)]
    except csv.Error as error:
        refuse_at(path, f"bad CSV: {error}", line=max(rows.line_num, 1))
    if not lines:
        refuse_at(path, "the table is empty", "a header row and one row per entry")
    header = tuple(cell.strip() for cell in lines[0][1])
    _check_header(path, header)
    table = Table(path, header, (), digest, [])
    found = []
    for line, cells in lines[1:]:
        row = Row(line, dict(zip(header, (cell.strip() for cell in cells), strict=False)))
        found.append(row)
        if len(cells) > len(header) and any(c.strip() for c in cells[len(header) :]):
            message = f"got {len(cells):,} cells, expected {len(header):,} as in the header"
            table.complain(row, message)
    return Table(path, header, tuple(found), digest, table.problems)


def _numbered(rows: Any) -> Iterator[tuple[int, Sequence[str]]]:
    line = 1
    for cells in rows:
        if line > MAX_ROWS:
            raise csv.Error(f"more than {MAX_ROWS:,} rows")
        yield line, cells
        line = rows.line_num + 1


def _check_header(path: Path, header: tuple[str, ...]) -> None:
    seen: set[str] = set()
    for cell in header:
        if cell and cell in seen:
            refuse_at(path, f"the column {shown(cell)} is there more than once")
        seen.add(cell)


def _fold(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum() or c == "%")


def at(path: Iterable[str | int]) -> str:
    """A path as a person would write it."""
    return dotted(tuple(path))
