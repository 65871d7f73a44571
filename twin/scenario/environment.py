"""Puts environment variables into a document: ``${NAME}`` and ``${NAME:-default}``, nothing else.

Only values are looked at, never keys. Where a value is one reference and nothing else, the result
is read as if it stood in the file, so that ``stock: ${STOCK:-300}`` is a number; inside other text
it stays text. ``$${`` stands for a plain ``${``. What a variable holds is not looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from twin.errors import Problem
from twin.scenario.findings import did_you_mean, shown
from twin.scenario.nodes import Entry, ListNode, MapNode, Node, ScalarNode
from twin.scenario.yaml12 import resolve

MAX_REFERENCES = 1_000
"""References in one file."""
MAX_COMPLAINTS = 200
MAX_VALUE = 1_000
"""Characters of one value."""
WHOLE_REFERENCE = r"^\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^{}$]*)?\}$"
"""A value that is one reference, as a regular expression that JSON Schema also reads."""
_REFERENCE = re.compile(
    r"\$(?:(?P<literal>\$\{)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}$]*))?\})"
)
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f]*\Z")
_HINT = "write ${NAME} or ${NAME:-default}; $${ for a plain ${"


class _Refused(Exception):  # noqa: N818 - carries a message up, never leaves this file
    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint


@dataclass
class Filler:
    """Fills in the references of one document and collects what is wrong with them."""

    variables: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)
    count: int = 0

    def fill(self, node: Node) -> Node:
        """The tree with every reference replaced; one that cannot be stays, with a problem."""
        match node:
            case MapNode():
                entries = {k: Entry(e.mark, self.fill(e.node)) for k, e in node.entries.items()}
                return MapNode(node.mark, entries)
            case ListNode():
                return ListNode(node.mark, tuple(self.fill(item) for item in node.items))
            case ScalarNode(value=str() as text) if "${" in text:
                return ScalarNode(node.mark, self._filled(node, text))
        return node

    def _filled(self, node: ScalarNode, text: str) -> object:
        try:
            return self._value(text)
        except _Refused as refused:
            if len(self.problems) < MAX_COMPLAINTS:
                self.problems.append(node.mark.problem(refused.message, refused.hint))
            return text

    def _value(self, text: str) -> object:
        match = _REFERENCE.fullmatch(text)
        if match is not None and match["name"]:
            return resolve(self._looked_up(match))
        left_over = _REFERENCE.sub("", text)
        if "${" in left_over:
            raise _Refused(f"got {shown(text)}, which holds no reference that can be read", _HINT)
        filled = _REFERENCE.sub(self._looked_up, text)
        if len(filled) > MAX_VALUE * 10:
            raise _Refused(f"the text is longer than {MAX_VALUE * 10:,} characters when filled in")
        return filled

    def _looked_up(self, match: re.Match[str]) -> str:
        name = match["name"]
        if not name:
            return "${"
        self.count += 1
        if self.count > MAX_REFERENCES:
            raise _Refused(f"more than {MAX_REFERENCES:,} environment variables in one file")
        value = self.variables.get(name)
        if not value and match["default"] is not None:
            value = match["default"]
        if value is None:
            known = [other for other in self.variables if other.casefold() == name.casefold()]
            hint = did_you_mean(name, known) if known else f"set it, or write ${{{name}:-default}}"
            raise _Refused(f"the environment variable {name} is not set", hint)
        if len(value) > MAX_VALUE or not _PRINTABLE.match(value):
            limit = f"one line of at most {MAX_VALUE:,} characters"
            raise _Refused(f"the environment variable {name} is not {limit}")
        return value
