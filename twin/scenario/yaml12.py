"""Reads one YAML text by the rules of YAML 1.2's core schema, with the place of every value.

PyYAML scans and parses; its YAML 1.1 rules are replaced: ``NO`` and ``10:30`` are text, ``010`` is
ten, ``1e3`` a number, keys are text as written, and a key that is given twice is a problem.
Everything is bounded: bytes, depth, and what aliases expand to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

from twin.errors import Problem
from twin.scenario.findings import clip, shown
from twin.scenario.nodes import (
    MAX_DEPTH,
    Entry,
    ListNode,
    MapNode,
    Mark,
    Node,
    ScalarNode,
    collector_held_off,
)
from twin.scenario.yaml_errors import syntax_problem

MAX_EXPANDED = 100_000
"""Nodes that all aliases of a file together may stand for."""
MAX_VALUES = 300_000
"""Values that one file may hold, maps and lists counted too."""
MAX_ENTRIES = 100_000
"""Entries of one map or list."""
MAX_TOP = 1_000
"""Entries of the map that is the document."""
MAX_COMPLAINTS = 200
MAX_DIGITS = 400
"""A longer plain scalar is text: no number needs as many digits."""
TAG = "tag:yaml.org,2002:"
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_NOT_TEXT = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


def _infinity(text: str) -> float:
    return float("-inf" if text[0] == "-" else "inf")


CORE_SCHEMA: tuple[tuple[str, str, str, Callable[[str], object]], ...] = (
    ("null", r"(?:~|null|Null|NULL|)\Z", "~nN", lambda _: None),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)\Z", "tTfF", lambda t: t[0] in "tT"),
    ("int", r"[-+]?[0-9]+\Z", "-+0123456789", int),
    ("int", r"0o[0-7]+\Z", "0", lambda text: int(text[2:], 8)),
    ("int", r"0x[0-9a-fA-F]+\Z", "0", lambda text: int(text[2:], 16)),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z",
        "-+.0123456789",
        float,
    ),
    ("float", r"[-+]?\.(?:inf|Inf|INF)\Z", "-+.", _infinity),
    ("float", r"\.(?:nan|NaN|NAN)\Z", ".", lambda _: float("nan")),
)
"""Tag, pattern, first characters and reader of every plain scalar that is not text (10.3.2)."""

_Rule = tuple[str, re.Pattern[str], Callable[[str], object]]


def _by_first_character() -> dict[str, list[_Rule]]:
    table: dict[str, list[_Rule]] = {}
    for tag, pattern, first, read in CORE_SCHEMA:
        for character in [*first, *([""] if tag == "null" else [])]:
            table.setdefault(character, []).append((tag, re.compile(pattern), read))
    return table


_RULES = _by_first_character()
_SEQUENCE, _MAPPING = frozenset({"!", TAG + "seq"}), frozenset({"!", TAG + "map"})
_SCALAR = frozenset({"!", *(TAG + name for name in ("str", "int", "float", "bool", "null"))})


def resolve(text: str) -> object:
    """The value of a plain scalar.

    >>> [resolve(text) for text in ("NO", "010", "1e3", "10:30", "~", "0o10", "true")]
    ['NO', 10, 1000.0, '10:30', None, 8, True]
    """
    for _, pattern, read in _RULES.get(text[:1], ()):
        if pattern.match(text):
            return read(text)
    return text


class Dumper(DUMPER):  # type: ignore[misc]  # the base is chosen at run time
    """Writes YAML that reads the same by these rules and by YAML 1.1's."""


for _tag, _pattern, _first, _ in CORE_SCHEMA:
    Dumper.add_implicit_resolver(TAG + _tag, re.compile(_pattern), list(_first))


@dataclass(frozen=True)
class Parsed:
    """What one text holds: a tree, unless it could not be read to the end, and what is wrong."""

    root: Node | None
    problems: tuple[Problem, ...]


class _Refused(Exception):  # noqa: N818 - carries a problem up, never leaves this file
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


class _Extent(NamedTuple):
    """How many nodes stand in an anchored one, itself included, and how deep."""

    size: int
    height: int


class _Composer:
    """Builds the tree from the parser's events."""

    def __init__(self, text: str, file: str, limits: Mapping[str, int]) -> None:
        self.file = file
        self.limits = limits
        self.values = 0
        self.next: Callable[[], Any] = LOADER(text).get_event
        self.problems: list[Problem] = []
        self.anchors: dict[str, Node | None] = {}
        self.extents: dict[int, tuple[Node, _Extent]] = {}
        """Of every anchored node, by its ``id``; holding the node keeps the ``id`` its own."""
        self.expanded = 0

    def mark(self, event: Any) -> Mark:
        place = event.start_mark
        return Mark(self.file, place.line + 1, place.column + 1)

    def refuse(self, event: Any, message: str, hint: str = "") -> _Refused:
        return _Refused(self.mark(event).problem(message, hint))

    def complain(self, event: Any, message: str, hint: str = "") -> None:
        if len(self.problems) == MAX_COMPLAINTS:
            raise self.refuse(event, "too many problems to go on")
        self.problems.append(self.mark(event).problem(message, hint))

    def document(self) -> Node:
        self.next()
        event = self.next()
        if isinstance(event, yaml.StreamEndEvent):
            raise self.refuse(event, "the file is empty")
        root = self.node(self.next(), 0)
        self.next()
        event = self.next()
        if not isinstance(event, yaml.StreamEndEvent):
            self.complain(event, "a second document starts here", "a file holds exactly one")
        return root

    def node(self, event: Any, depth: int, section: str = "") -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, depth)
        if depth > MAX_DEPTH:
            raise self.refuse(event, f"nested deeper than {MAX_DEPTH} levels")
        self.values += 1
        if self.values > MAX_VALUES:
            raise self.refuse(event, f"the file holds more than {MAX_VALUES:,} values")
        if type(event) is yaml.ScalarEvent and event.tag is None and event.anchor is None:
            return ScalarNode(self.mark(event), self.plain(event))
        if event.anchor:
            self.anchors[event.anchor] = None
        node = self.collection(event, depth, section)
        if event.anchor:
            self.anchor(event.anchor, node)
        return node

    def anchor(self, name: str, node: Node) -> None:
        self.anchors[name] = node
        self.extents[id(node)] = (node, self.extent(node))

    def extent(self, node: Node) -> _Extent:
        """Measure a node; what is anchored in it has been measured, so no alias is followed."""
        if id(node) in self.extents:
            return self.extents[id(node)][1]
        if isinstance(node, ScalarNode):
            return _Extent(1, 0)
        inside = node.items if isinstance(node, ListNode) else _values(node)
        parts = [self.extent(part) for part in inside]
        height = 1 + max((part.height for part in parts), default=0)
        return _Extent(1 + sum(part.size for part in parts), height)

    def collection(self, event: Any, depth: int, section: str) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return ScalarNode(self.mark(event), self.scalar(event))
        if isinstance(event, yaml.SequenceStartEvent):
            self.check_tag(event, _SEQUENCE)
            return self.sequence(event, depth)
        self.check_tag(event, _MAPPING)
        return self.mapping(event, depth, section)

    def alias(self, event: Any, depth: int) -> Node:
        target = self.anchors.get(event.anchor)
        if target is None:
            inside = event.anchor in self.anchors
            what = "refers to the value it stands in" if inside else "has no anchor above it"
            raise self.refuse(event, f"the alias *{clip(event.anchor)} {what}")
        extent = self.extent(target)
        self.expanded += extent.size
        if self.expanded > MAX_EXPANDED:
            raise self.refuse(
                event,
                f"the aliases of this file stand for more than {MAX_EXPANDED:,} values",
                "write the values out, or generate the file",
            )
        if depth + extent.height > MAX_DEPTH:
            raise self.refuse(event, f"nested deeper than {MAX_DEPTH} levels")
        return target

    def sequence(self, start: Any, depth: int) -> ListNode:
        items: list[Node] = []
        while not isinstance(event := self.next(), yaml.SequenceEndEvent):
            if len(items) == MAX_ENTRIES:
                raise self.refuse(event, f"more than {MAX_ENTRIES:,} entries in one list")
            items.append(self.node(event, depth + 1))
        return ListNode(self.mark(start), tuple(items))

    def mapping(self, start: Any, depth: int, section: str = "") -> MapNode:
        entries: dict[str, Entry] = {}
        most = self.limits.get(section, MAX_ENTRIES) if depth else MAX_TOP
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            if len(entries) == most:
                raise self.refuse(event, f"more than {most:,} entries in {section or 'one map'}")
            key = self.key(event, depth)
            value = self.node(self.next(), depth + 1, "" if depth else key or "")
            if key is None or self.is_duplicate(event, key, entries):
                continue
            entries[key] = Entry(self.mark(event), value)
        return MapNode(self.mark(start), entries)

    def key(self, event: Any, depth: int) -> str | None:
        """The key as written, or None (with a problem) when it cannot be one."""
        if not isinstance(event, yaml.ScalarEvent):
            self.node(event, depth + 1)
            self.complain(event, "a key must be plain text")
            return None
        self.check_tag(event, _SCALAR)
        if event.anchor:
            self.anchor(event.anchor, ScalarNode(self.mark(event), event.value))
        if event.value == "<<" and event.implicit[0]:
            self.complain(event, "merge keys (<<) are not part of YAML 1.2", "write the fields out")
            return None
        if event.value == "" and event.implicit[0]:
            self.complain(event, "the key before ':' is missing")
            return None
        return str(event.value)

    def is_duplicate(self, event: Any, key: str, entries: dict[str, Entry]) -> bool:
        if key not in entries:
            return False
        first = entries[key].mark.line
        self.complain(event, f"the key {shown(key)} is given twice", f"first in line {first}")
        return True

    def scalar(self, event: Any) -> object:
        text = str(event.value)
        if not self.check_tag(event, _SCALAR):
            return text
        if event.tag not in (None, TAG + "str", "!"):
            return self.tagged(event, text)
        return text if event.tag is not None else self.plain(event)

    def plain(self, event: Any) -> object:
        """The value of a scalar without a tag."""
        text = str(event.value)
        return resolve(text) if event.implicit[0] and len(text) <= MAX_DIGITS else text

    def tagged(self, event: Any, text: str) -> object:
        kind = event.tag.removeprefix(TAG)
        for tag, pattern, read in _RULES.get(text[:1], ()):
            if tag == kind and len(text) <= MAX_DIGITS and pattern.match(text):
                return read(text)
        self.complain(event, f"{shown(text)} is not of the type !!{kind}")
        return None

    def check_tag(self, event: Any, allowed: frozenset[str]) -> bool:
        if event.tag is None or event.tag in allowed:
            return True
        tag = event.tag.replace(TAG, "!!", 1)
        self.complain(event, f"the tag {clip(tag)} is not allowed here", "leave it out")
        return False


def _values(node: MapNode) -> Iterator[Node]:
    return (entry.node for entry in node.entries.values())


NO_LIMITS: Mapping[str, int] = {}


def parse(text: str, file: str, limits: Mapping[str, int] = NO_LIMITS) -> Parsed:
    """Read one YAML document; every problem found on the way is reported, not only the first.

    ``limits`` are the most entries of the maps at the top of the document, by key: where there are
    more, reading stops.
    """
    unreadable = _NOT_TEXT.search(text)
    if unreadable is not None:
        return Parsed(None, (_not_text(text, unreadable.start(), file),))
    composer = _Composer(text, file, limits)
    try:
        with collector_held_off():
            root = composer.document()
    except _Refused as refused:
        return Parsed(None, (*composer.problems, refused.problem))
    except yaml.YAMLError as error:
        return Parsed(None, (*composer.problems, syntax_problem(error, text, file)))
    return Parsed(root, tuple(composer.problems))


def _not_text(text: str, index: int, file: str) -> Problem:
    line = text.count("\n", 0, index) + 1
    column = index - text.rfind("\n", 0, index)
    code = f"U+{ord(text[index]):04X}"
    return Mark(file, line, column).problem(f"the character {code} is not allowed in YAML text")
