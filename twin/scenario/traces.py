"""Reads demand traces: one column of a CSV file (UTF-8, commas, a header row), a row per period."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from twin.errors import Problem
from twin.scenario.files import MAX_CSV_BYTES, Reader, UnreadableError
from twin.scenario.findings import Path, did_you_mean, shown
from twin.scenario.model import ScenarioModel
from twin.scenario.nodes import Mark
from twin.scenario.quantities import Demand, TraceDemand

MAX_CSV_PROBLEMS = 20
MAX_CSV_ROWS = 100_000
MAX_UNITS = 1e12
_NUMBER = re.compile(r"\s*[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\s*\Z")

Values = tuple[float, ...]


@dataclass(frozen=True)
class Table:
    """A CSV file: its header, and every row with its line."""

    file: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, list[str]], ...]  # (row,) line and cells

    def mark(self, line: int, row: list[str], index: int) -> Mark:
        """The place of a cell; the column is that of the unquoted text."""
        return Mark(self.file, line, 1 + sum(len(cell) + 1 for cell in row[:index]))


@dataclass
class TraceReader:
    """Reads the trace columns of one scenario, each file once."""

    reader: Reader
    periods: int | None
    """Rows needed; None where the horizon itself is wrong."""
    problems: list[Problem] = field(default_factory=list)
    tables: dict[str, Table | None] = field(default_factory=dict)

    def values(self, spec: TraceDemand, mark: Mark, path: Path, folder: str) -> Values:
        """The numbers of the column that ``spec`` names; its problems are collected."""
        file = os.path.normpath(os.path.join(folder, spec.file))
        if file not in self.tables:
            self.tables[file] = self._table(file, mark, path)
        table = self.tables[file]
        if table is None:
            return ()
        index = self._column(table, spec)
        if index is None:
            return ()
        numbers, problems = _numbers(table, index)
        self.problems.extend(problems)
        if not problems:
            self._check_length(table, spec, len(numbers))
        return numbers

    def _table(self, file: str, mark: Mark, path: Path) -> Table | None:
        try:
            text = self.reader.text(file, MAX_CSV_BYTES)
        except UnreadableError as error:
            self.problems.append(mark.problem(f"the trace {file}: {error.message}", "", path))
            return None
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            table = tuple((line, cells) for line, cells in _lines(rows) if cells)
        except csv.Error as error:
            self.problems.append(Mark(file, max(rows.line_num, 1), 1).problem(f"bad CSV: {error}"))
            return None
        if not table:
            self.problems.append(Mark(file, 1, 1).problem("the trace is empty", "no header row"))
            return None
        return Table(file, tuple(cell.strip() for cell in table[0][1]), table[1:])

    def _column(self, table: Table, spec: TraceDemand) -> int | None:
        found = [i for i, name in enumerate(table.header) if name == spec.column]
        if len(found) == 1:
            return found[0]
        hint = did_you_mean(spec.column, table.header)
        if len(table.header) == 1 and any(mark in table.header[0] for mark in ";\t|"):
            hint = "separate the columns with commas"
        what = "is there more than once" if found else "is missing"
        message = f"the column {shown(spec.column)} {what}"
        self._add(Mark(table.file, 1, 1).problem(message, "" if found else hint))
        return None

    def _check_length(self, table: Table, spec: TraceDemand, rows: int) -> None:
        needed = 1 if spec.wrap else self.periods
        if needed is None or rows >= needed:
            return
        line = table.rows[-1][0] if table.rows else 1
        message = f"got {rows:,} rows, expected at least {needed:,}, one per period"
        hint = "" if spec.wrap else "add rows, shorten the horizon, or set wrap: true"
        self._add(Mark(table.file, line, 1).problem(message, hint))

    def _add(self, problem: Problem) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def _lines(rows: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line each begins on."""
    line = 1
    for count, cells in enumerate(rows):
        if count > MAX_CSV_ROWS:
            raise csv.Error(f"more than {MAX_CSV_ROWS:,} rows")
        yield line, cells
        line = getattr(rows, "line_num", line) + 1


def _numbers(table: Table, index: int) -> tuple[Values, list[Problem]]:
    numbers: list[float] = []
    problems: list[Problem] = []
    for line, row in table.rows:
        cell = row[index] if index < len(row) else ""
        number = float(cell) if _NUMBER.match(cell) else -1.0
        if not 0 <= number <= MAX_UNITS:
            problems.append(table.mark(line, row, index).problem(_complaint(cell)))
            if len(problems) == MAX_CSV_PROBLEMS:
                break
        numbers.append(number)
    return tuple(numbers), problems


def _complaint(cell: str) -> str:
    if not cell.strip():
        return "the number is missing"
    if not _NUMBER.match(cell):
        return f"got {shown(cell)}, expected a number"
    return f"got {cell.strip()}, expected at least 0 and at most {MAX_UNITS:g}"


def traces(model: ScenarioModel) -> Iterator[tuple[Path, TraceDemand]]:
    """Every trace demand of a model that still has to be read, with its path."""
    for path, demand in demands(model):
        if isinstance(demand, TraceDemand) and not demand.values:
            yield path, demand


def demands(model: ScenarioModel) -> Iterator[tuple[Path, Demand]]:
    """Every demand model of a scenario, with its path."""
    for name, node in model.nodes.items():
        if isinstance(node.demand, dict):
            for product, demand in node.demand.items():
                yield ("nodes", name, "demand", product), demand
        elif node.demand is not None:
            yield ("nodes", name, "demand"), node.demand


def with_values(model: ScenarioModel, values: dict[Path, Values]) -> ScenarioModel:
    """The model with the numbers of its traces filled in."""
    nodes = dict(model.nodes)
    for path, demand in demands(model):
        if path not in values:
            continue
        name = str(path[1])
        filled: object = demand.model_copy(update={"values": values[path]})
        own = nodes[name].demand
        if isinstance(own, dict):
            filled = {**own, str(path[3]): filled}
        nodes[name] = nodes[name].model_copy(update={"demand": filled})
    return model.model_copy(update={"nodes": nodes})
