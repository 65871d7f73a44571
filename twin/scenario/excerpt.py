"""Shows problems the way compilers do: the line, and a caret under the column."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

from twin.errors import Problem
from twin.scenario.files import MAX_CSV_BYTES, Reader, UnreadableError

WIDTH = 100
OVERRIDE = "--set "
"""Begins the file name of problems that lie in a command-line override."""


def render(problems: Iterable[Problem], sources: Mapping[str, str]) -> str:
    """Every problem with its line of ``sources`` (file name to text) and a caret under it."""
    lines = {file: _lines(text) for file, text in sources.items()}
    return "\n".join(_rendered(problem, _line_of(problem, lines)) for problem in problems)


def read_sources(problems: Iterable[Problem]) -> dict[str, str]:
    """Texts of the files that problems lie in, as far as they can (still) be read."""
    texts: dict[str, str] = {}
    for file in {problem.file: None for problem in problems}:
        try:
            texts[file] = Reader().text(file, MAX_CSV_BYTES)
        except UnreadableError:
            continue
    return texts


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if text else []


def _line_of(problem: Problem, sources: Mapping[str, list[str]]) -> str | None:
    if problem.file.startswith(OVERRIDE):
        return problem.file.removeprefix(OVERRIDE)
    lines = sources.get(problem.file, [])
    return lines[problem.line - 1] if problem.line <= len(lines) else None


def _rendered(problem: Problem, line: str | None) -> str:
    if line is None:
        return str(problem)
    start = max(0, problem.column - 1 - WIDTH * 3 // 4) if len(line) > WIDTH else 0
    cut = _printable(line[start : start + WIDTH])
    before = cut[: problem.column - 1 - start]
    gutter = f"{problem.line:>5} | "
    caret = " " * sum(map(_cells, before)) + "^"
    return f"{problem}\n{gutter}{cut}\n{'|':>{len(gutter) - 1}} {caret}"


def _printable(text: str) -> str:
    """Tabs as a space, and nothing that could move a terminal's cursor."""
    return "".join(" " if c == "\t" else c if c.isprintable() else "?" for c in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
