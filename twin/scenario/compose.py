"""Puts a document together: ``extends: other.yaml`` below it, the environment filled in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from twin.errors import Problem
from twin.scenario.environment import Filler
from twin.scenario.files import MAX_YAML_BYTES, Reader, UnreadableError
from twin.scenario.lanes import normal_lane
from twin.scenario.nodes import Entry, MapNode, Mark, Node, ScalarNode
from twin.scenario.yaml12 import parse

EXTENDS = "extends"
MAX_EXTENDS = 8
"""Files in one chain of ``extends``."""


@dataclass
class Composer:
    """Reads a file and everything it extends; collects problems and hashes on the way."""

    limits: Mapping[str, int] = field(default_factory=dict)
    """Most entries of the maps at the top of a file, by key."""
    reader: Reader = field(default_factory=Reader)
    problems: list[Problem] = field(default_factory=list)

    def read(self, path: str, chain: tuple[str, ...] = ()) -> Node | None:
        """The composed tree of a file, or None (with a problem) when it cannot be read."""
        try:
            text = self.reader.text(path, MAX_YAML_BYTES)
        except UnreadableError as error:
            self.problems.append(Mark(path, error.line, 1).problem(error.message))
            return None
        parsed = parse(text, path, self.limits)
        self.problems.extend(parsed.problems)
        if parsed.root is None:
            return None
        root = self._fill(parsed.root) if "${" in text else parsed.root
        return self.extend(root, path, chain)

    def _fill(self, root: Node) -> Node:
        """Replace ``${NAME:-default}`` by environment variables."""
        filler = Filler(os.environ)
        filled = filler.fill(root)
        self.problems.extend(filler.problems)
        return filled

    def extend(self, root: Node, path: str, chain: tuple[str, ...] = ()) -> Node | None:
        """Lay a tree over the file it extends, if it does."""
        if not isinstance(root, MapNode) or EXTENDS not in root.entries:
            return root
        target = root.entries[EXTENDS].node
        own = root.without(EXTENDS)
        if not isinstance(target, ScalarNode) or not isinstance(target.value, str):
            problem = target.mark.problem("expected the path of one YAML file", "", (EXTENDS,))
            self.problems.append(problem)
            return own
        base = self._base(target, path, (*chain, os.path.realpath(path)))
        return base and merge(base, own)

    def _base(self, target: ScalarNode, path: str, chain: tuple[str, ...]) -> Node | None:
        other = os.path.normpath(os.path.join(os.path.dirname(path), target.value))
        message = ""
        if os.path.realpath(other) in chain:
            names = [os.path.basename(file) for file in (*chain, other)]
            message = f"files extend each other in a circle: {' -> '.join(names)}"
        elif len(chain) >= MAX_EXTENDS:
            message = f"more than {MAX_EXTENDS} files extend one another"
        elif not os.path.isfile(other):
            message = f"there is no file {other}"
        if message:
            self.problems.append(target.mark.problem(message, "", (EXTENDS,)))
            return None
        return self.read(other, chain)


def merge(base: Node, over: Node) -> Node:
    """Lay ``over`` on ``base``: maps key by key, everything else replaced.

    A null removes the entry (as in JSON merge patch, RFC 7396), and a map that names another
    ``model`` replaces the old one, whose fields would not fit. Lane keys match whatever their
    spaces.
    """
    if not isinstance(base, MapNode) or not isinstance(over, MapNode) or _other_model(base, over):
        return over
    entries = dict(base.entries)
    known = {normal_lane(key): key for key in entries}
    for key, entry in over.entries.items():
        own = known.get(normal_lane(key), key)
        if own not in entries:
            entries[own] = entry
        elif isinstance(entry.node, ScalarNode) and entry.node.value is None:
            del entries[own]
        else:
            entries[own] = Entry(entry.mark, merge(entries[own].node, entry.node))
    return MapNode(over.mark, entries)


def _other_model(base: MapNode, over: MapNode) -> bool:
    """Tell whether both maps name a ``model``, and not the same one."""
    names = [
        entry.node.value
        for entry in (base.entries.get("model"), over.entries.get("model"))
        if entry is not None and isinstance(entry.node, ScalarNode)
    ]
    return len(names) == 2 and names[0] != names[1]
