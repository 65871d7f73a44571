"""Command-line overrides: ``nodes.dc.stock=400``, ``lanes.dc->north.lead_time=2 d``."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from pydantic import BaseModel

from twin.errors import Problem, ScenarioError
from twin.scenario.excerpt import OVERRIDE
from twin.scenario.findings import clip, did_you_mean, dotted, shown
from twin.scenario.nodes import Entry, ListNode, MapNode, Mark, Node, ScalarNode, to_data
from twin.scenario.shape import (
    Leaf,
    ListShape,
    MapShape,
    ModelShape,
    Shape,
    TaggedShape,
    UnionShape,
    intended,
)
from twin.scenario.yaml12 import parse

MAX_LENGTH = 10_000
MAX_PARTS = 32
_PART = re.compile(r"""(?:\s*"((?:[^"\\]|\\.)*)"\s*|\s*'([^']*)'\s*|([^.="']+))([.=])""")


@dataclass(frozen=True)
class Part:
    """One step of a path, with its column in the override."""

    name: str
    column: int


class _Refused(Exception):  # noqa: N818 - carries a problem up, never leaves this file
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True)
class _Override:
    """One override taken apart."""

    mark: Mark
    parts: tuple[Part, ...]
    value: Node

    def refuse(self, index: int, message: str, hint: str = "") -> _Refused:
        part = self.parts[min(index, len(self.parts) - 1)]
        path = tuple(p.name for p in self.parts[: index + 1])
        mark = self.mark._replace(column=part.column)
        return _Refused(mark.problem(message, hint, path))


def apply_overrides(
    root: Node, overrides: tuple[str, ...], model: type[BaseModel]
) -> tuple[Node, tuple[Problem, ...]]:
    """Set every override in turn; one that does not fit is reported and left out.

    A null removes the entry, as it does in a file that extends another.
    """
    problems: list[Problem] = []
    for text in overrides:
        try:
            override = _parse(text)
            root = _put(root, ModelShape(model, model), override, 0)
        except _Refused as refused:
            problems.append(refused.problem)
    return root, tuple(problems)


def path_parts(text: str) -> tuple[str, ...]:
    """The names of a path as it is written in an override, such as ``nodes.dc.stock``.

    Raises ScenarioError when it is not a path.
    """
    try:
        return tuple(part.name for part in _parse(f"{text}=").parts)
    except _Refused as refused:
        raise ScenarioError((refused.problem,)) from None


def _parse(text: str) -> _Override:
    mark = Mark(OVERRIDE + clip(text, 200), 1, 1)
    if len(text) > MAX_LENGTH or "\n" in text or "\r" in text:
        raise _Refused(mark.problem(f"an override is one line of at most {MAX_LENGTH:,}"))
    parts: list[Part] = []
    position = 0
    while len(parts) < MAX_PARTS and (match := _PART.match(text, position)):
        parts.append(_part(match))
        position = match.end()
        if match[4] == "=":
            return _Override(mark, tuple(parts), _value(text[position:], position, mark))
    hint = "write path=value, such as nodes.dc.stock=400; quote names with dots"
    raise _Refused(mark._replace(column=position + 1).problem("not an override", hint))


def _part(match: re.Match[str]) -> Part:
    if match[1] is not None:
        return Part(re.sub(r"\\(.)", r"\1", match[1]), match.start(1) + 1)
    if match[2] is not None:
        return Part(match[2], match.start(2) + 1)
    indent = len(match[3]) - len(match[3].lstrip())
    return Part(match[3].strip(), match.start(3) + indent + 1)


def _value(text: str, offset: int, mark: Mark) -> Node:
    parsed = parse(text if text.strip() else "~", mark.file)
    if parsed.root is None or parsed.problems:
        problem = parsed.problems[0]
        raise _Refused(replace(problem, line=1, column=problem.column + offset))
    return _shifted(parsed.root, offset)


def _shifted(node: Node, offset: int) -> Node:
    mark = node.mark._replace(column=node.mark.column + offset)
    match node:
        case ScalarNode():
            return ScalarNode(mark, node.value)
        case ListNode():
            return ListNode(mark, tuple(_shifted(item, offset) for item in node.items))
        case MapNode():
            entries = {
                key: Entry(
                    entry.mark._replace(column=entry.mark.column + offset),
                    _shifted(entry.node, offset),
                )
                for key, entry in node.entries.items()
            }
            return MapNode(mark, entries)


def _put(node: Node, shape: Shape, override: _Override, index: int) -> Node:
    """The tree with the override's value at its path, from part ``index`` on."""
    if index == len(override.parts):
        return override.value
    shape = _resolved(shape, node)
    match node:
        case MapNode():
            return _put_in_map(node, shape, override, index)
        case ListNode():
            return _put_in_list(node, shape, override, index)
        case ScalarNode(value=None):
            return _put_in_map(MapNode(override.mark, {}), shape, override, index)
    message = f"{shown(node.value)} has no parts that could be set"
    raise override.refuse(index, message, "set the whole value")


def _put_in_map(node: MapNode, shape: Shape, override: _Override, index: int) -> MapNode:
    part = override.parts[index]
    mark = override.mark._replace(column=part.column)
    last = index + 1 == len(override.parts)
    key = node.find(part.name)
    if key is None:
        key = part.name
        _check_new(node, shape, override, index)
    elif last and isinstance(override.value, ScalarNode) and override.value.value is None:
        return node.without(key)
    below = node.entries[key].node if key in node.entries else ScalarNode(mark, None)
    value = _put(below, _field(shape, key), override, index + 1)
    entry = Entry(mark if last or key not in node.entries else node.entries[key].mark, value)
    return MapNode(node.mark, {**node.entries, key: entry})


def _check_new(node: MapNode, shape: Shape, override: _Override, index: int) -> None:
    """A name that is not in the file yet must be a field, or a new entry given as a whole."""
    name = override.parts[index].name
    last = index + 1 == len(override.parts)
    if isinstance(shape, ModelShape):
        known = list(shape.model.model_fields)
    elif isinstance(shape, MapShape) and not last:
        known = list(node.entries)
    else:
        return
    if name not in known:
        above = dotted(tuple(part.name for part in override.parts[:index])) or "the file"
        raise override.refuse(
            index, f"there is no {shown(name)} in {above}", did_you_mean(name, known)
        )


def _put_in_list(node: ListNode, shape: Shape, override: _Override, index: int) -> ListNode:
    name = override.parts[index].name
    position = int(name) if name.isdecimal() and len(name) < 10 else len(node.items)
    if position >= len(node.items):
        span = f"0 to {len(node.items) - 1}" if node.items else "an entry of a list that is empty"
        raise override.refuse(index, f"got {shown(name)}, expected {span}")
    items = list(node.items)
    item_shape = shape.item if isinstance(shape, ListShape) else Leaf(None)
    items[position] = _put(items[position], item_shape, override, index + 1)
    return ListNode(node.mark, tuple(items))


def _resolved(shape: Shape, node: Node) -> Shape:
    """The alternative that the data at hand is."""
    data = to_data(node) if isinstance(shape, UnionShape | TaggedShape) else None
    if isinstance(shape, UnionShape):
        shape = intended(shape, data) or Leaf(None)
    if isinstance(shape, TaggedShape):
        tag = data.get(shape.key) if isinstance(data, dict) else None
        return shape.choices.get(str(tag), Leaf(None))
    return shape


def _field(shape: Shape, name: str) -> Shape:
    if isinstance(shape, ModelShape) and name in shape.model.model_fields:
        return shape.field(name)
    return shape.value if isinstance(shape, MapShape) else Leaf(None)
