"""Says what is wrong with YAML that cannot be parsed, in plain words."""

from __future__ import annotations

from typing import Any

import yaml

from twin.errors import Problem
from twin.scenario.findings import clip
from twin.scenario.nodes import Mark

_INDENT = "the indentation does not fit the lines above"
_ALIGN = "align the keys of one map, and the dashes of one list, with spaces"
WORDS: tuple[tuple[str, bool, str, str], ...] = (
    ("unexpected end of stream", True, "the quote that opens here is never closed", ""),
    ("',' or ']'", True, "the list that opens with '[' here is not closed", ""),
    ("',' or '}'", True, "the map that opens with '{' here is not closed", ""),
    (
        "mapping values are not allowed",
        False,
        "a ':' that YAML does not expect here",
        "check the indentation, and quote text that contains ': '",
    ),
    ("could not find expected ':'", True, "expected a ':' after this key", ""),
    ("expected '-' indicator", False, _INDENT, _ALIGN),
    ("but found '?'", False, _INDENT, _ALIGN),
    ("expected <block end>", False, _INDENT, _ALIGN),
    ("did not find expected key", False, _INDENT, _ALIGN),
    ("unknown escape character", False, "an unknown escape in a double-quoted text", "use '...'"),
    ("expected alphabetic or numeric", False, "the name after '*' or '&' is missing", "quote text"),
)
"""Part of the parser's words; whether the place is where the construct began; ours; the hint."""


def syntax_problem(error: yaml.YAMLError, text: str, file: str) -> Problem:
    """The one problem that a syntax error is, with the line and column it points at."""
    raw = str(getattr(error, "problem", None) or "this is not YAML")
    for part, at_start, words, hint in WORDS:
        if part in raw:
            return _mark(error, at_start, text, file).problem(words, hint)
    mark = _mark(error, False, text, file)
    if "cannot start any token" in raw:
        return _bad_start(mark, text)
    return mark.problem(f"not readable as YAML: {clip(raw, 200)}")


def _bad_start(mark: Mark, text: str) -> Problem:
    character = _lines(text)[mark.line - 1][mark.column - 1 : mark.column]
    if character == "\t":
        return mark.problem("a tab cannot indent YAML", "use spaces")
    return mark.problem(f"a value cannot begin with {character!r}", "put it in quotes")


def _mark(error: yaml.YAMLError, at_start: bool, text: str, file: str) -> Mark:
    """The parser's mark, never past the end of the text."""
    start, end = getattr(error, "context_mark", None), getattr(error, "problem_mark", None)
    chosen: Any = (start or end) if at_start else (end or start)
    if chosen is None:
        return Mark(file, 1, 1)
    lines = _lines(text)
    if chosen.line >= len(lines):
        return Mark(file, len(lines), len(lines[-1]) + 1)
    return Mark(file, chosen.line + 1, chosen.column + 1)


def _lines(text: str) -> list[str]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if len(lines) > 1 and not lines[-1] else lines
