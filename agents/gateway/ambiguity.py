"""What of an answer can be read in several ways, and the readings; nothing ambiguous is ever used.

    documents  more than one document in one answer
    unit       another unit than the tool's, or several
    entity     another entity than was asked about, or several
    as_of      another period than this one, or several

Only what was really said can be ambiguous: a body whose seal is broken was damaged on the way, and
is asked for again. Each reading is a complete answer that must pass every check in its turn.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from twin.errors import ToolBoundaryError
from twin.tools.catalogue import MAX_CHOICES, Ambiguity, ToolSpec
from twin.tools.wire import digest_of, guarded, is_sealed, sealed, unsealed

Document = dict[str, Any]
_HEAD = ("version", "call", "tool", "entity", "unit", "as_of", "is_error")


@dataclass(frozen=True)
class Reading:
    """One way to read an answer."""

    text: str
    body: bytes  # the answer, if it had been written so

    @property
    def digest(self) -> str:
        """Of the body without its seal."""
        return digest_of(unsealed(self.body)[:-1])


@dataclass(frozen=True)
class Ambiguous:
    """What is ambiguous, and two to MAX_CHOICES readings that differ."""

    what: Ambiguity
    readings: tuple[Reading, ...]


def ambiguous(
    spec: ToolSpec, entity: str, period: int, body: bytes, size_cap: int
) -> Ambiguous | None:
    """The ambiguity of an answer that failed its checks; None when there is none to clarify."""
    try:
        document = guarded(body, size_cap)
    except ToolBoundaryError as error:
        several = str(error.label) == "malformed_json" and len(body) <= size_cap
        return _documents(body) if several else None
    if not isinstance(document, dict) or not is_sealed(body):
        return None
    expected = {"unit": spec.unit, "entity": entity, "as_of": period}
    odd = [name for name, value in expected.items() if document.get(name) != value]
    if len(odd) != 1 or document.keys() - {"digest"} != {*_HEAD, *spec.fields}:
        return None
    (name,) = odd
    choices = _choices(expected[name], document[name])
    texts = [f"{name} = {choice}"[:512] for choice in choices]
    bodies = [_written(spec, {**document, name: choice}) for choice in choices]
    return _distinct(name, texts, bodies)


def _choices(expected: Any, got: Any) -> list[Any]:
    """What a field may mean: the values of a list, else what was expected and what was said."""
    if isinstance(got, list):
        return [value for value in got if type(value) is type(expected)]
    return [expected, got] if type(got) is type(expected) else []


def _written(spec: ToolSpec, document: Document) -> bytes:
    """A document as the server would have written it."""
    body: bytes = to_json({name: document[name] for name in (*_HEAD, *spec.fields)})
    return sealed(body)


def _documents(body: bytes) -> Ambiguous | None:
    """Sealed documents one after the other."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    found: list[bytes] = []
    start, end = 0, len(text.rstrip())
    while start < end and len(found) <= MAX_CHOICES:
        try:
            _, stop = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            return None
        found.append(text[start:stop].encode())
        start = stop + len(text[stop:]) - len(text[stop:].lstrip())
    if not all(is_sealed(part) for part in found):
        return None
    texts = [f"document {number}" for number in range(1, len(found) + 1)]
    return _distinct("documents", texts, found)


def _distinct(what: Any, texts: Sequence[str], bodies: Sequence[bytes]) -> Ambiguous | None:
    """The readings that differ, if there are several but not too many."""
    by_body = dict(zip(reversed(bodies), reversed(texts), strict=True))
    readings = tuple(Reading(by_body[body], body) for body in dict.fromkeys(bodies))
    return Ambiguous(what, readings) if 2 <= len(readings) <= MAX_CHOICES else None
