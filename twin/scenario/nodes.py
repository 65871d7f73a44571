"""The tree a YAML text is read into: plain values, each with its place in a file.

Named tuples, because a file of 4 MiB has hundreds of thousands of these and they are made fastest.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from twin.errors import Problem, ScenarioError
from twin.scenario.findings import Finding, Path, dotted
from twin.scenario.lanes import ARROW, normal_lane

MAX_DEPTH = 64
MEMORY = "<memory>"
"""Stands for the file name of data that was built in Python."""


class Mark(NamedTuple):
    """A place: file, line and column, both counted from 1."""

    file: str
    line: int
    column: int

    def problem(self, message: str, hint: str = "", path: Path = ()) -> Problem:
        """A problem at this place."""
        return Problem(self.file, self.line, self.column, dotted(path), message, hint)


class ScalarNode(NamedTuple):
    """Text, a number, true, false or null."""

    mark: Mark
    value: Any


class ListNode(NamedTuple):
    """A list."""

    mark: Mark
    items: tuple[Node, ...]


class Entry(NamedTuple):
    """A value of a map, with the place of its key."""

    mark: Mark
    node: Node


class MapNode(NamedTuple):
    """A map; keys are always text, as written."""

    mark: Mark
    entries: dict[str, Entry]

    def find(self, key: str) -> str | None:
        """The key as it stands in the map; lane keys match whatever the spaces around ``->``."""
        if key in self.entries or ARROW not in key:
            return key if key in self.entries else None
        wanted = normal_lane(key)
        return next((own for own in self.entries if normal_lane(own) == wanted), None)

    def without(self, key: str) -> MapNode:
        """The map without one entry."""
        return MapNode(self.mark, {k: e for k, e in self.entries.items() if k != key})


Node = ScalarNode | ListNode | MapNode


@contextmanager
def collector_held_off() -> Iterator[None]:
    """Hold the garbage collector off: it would walk a growing tree again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def to_data(node: Node) -> Any:
    """Plain dicts, lists and scalars, freshly built."""
    match node:
        case ScalarNode():
            return node.value
        case ListNode():
            return [to_data(item) for item in node.items]
        case MapNode():
            return {key: to_data(entry.node) for key, entry in node.entries.items()}


def from_data(value: object, mark: Mark, depth: int = 0) -> Node:
    """The tree of data built in Python; everything in it is at ``mark``.

    Raises ScenarioError when it is nested deeper than MAX_DEPTH.
    """
    if depth > MAX_DEPTH:
        raise ScenarioError((mark.problem(f"nested deeper than {MAX_DEPTH} levels"),), mark.file)
    if isinstance(value, Mapping):
        entries = {
            str(key): Entry(mark, from_data(child, mark, depth + 1)) for key, child in value.items()
        }
        return MapNode(mark, entries)
    if isinstance(value, list | tuple):
        return ListNode(mark, tuple(from_data(item, mark, depth + 1) for item in value))
    return ScalarNode(mark, value)


def child(node: Node, part: str | int) -> Entry | None:
    """The value that ``part`` leads to, with the place of its key (or of the item itself)."""
    if isinstance(node, MapNode) and isinstance(part, str):
        return node.entries.get(part)
    if isinstance(node, ListNode) and isinstance(part, int) and 0 <= part < len(node.items):
        return Entry(node.items[part].mark, node.items[part])
    return None


def entry_at(root: Node, path: Path) -> Entry:
    """The entry at ``path``, or the deepest one on the way to it."""
    entry = Entry(root.mark, root)
    for part in path:
        deeper = child(entry.node, part)
        if deeper is None:
            return entry
        entry = deeper
    return entry


def place(root: Node, finding: Finding) -> Problem:
    """Give a finding its file, line and column.

    It points at the value where that is a scalar, else at its key; where the path is not in the
    file (a missing field), at the nearest key above it.
    """
    entry = entry_at(root, finding.path)
    scalar = isinstance(entry.node, ScalarNode) and not finding.at_key
    mark = entry.node.mark if scalar else entry.mark
    return mark.problem(finding.message, finding.hint, finding.path)
