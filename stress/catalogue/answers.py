"""Sound answers with other numbers in them: what a failing sensor or a mistaken tool sends.

Everything that a check of form could look at stays right: call, tool, entity, unit, time, seal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic_core import from_json, to_json

from twin.tools.catalogue import CATALOGUE
from twin.tools.wire import new_sealed

Document = dict[str, Any]
Numbers = list[float]
Change = Callable[[str, Numbers], Numbers]
"""Maps a field's name and numbers to the numbers that are sent instead."""


def opened(body: bytes) -> Document | None:
    """A successful answer of a tool of the catalogue as a document; None for anything else.

    What another fault has spoilt already is something else: what it left of an answer need not hold
    the fields that this one would change.
    """
    try:
        document = from_json(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) and _is_sound(document) else None


def _is_sound(document: Document) -> bool:
    tool = document.get("tool")
    if document.get("is_error") is not False or not isinstance(tool, str) or tool not in CATALOGUE:
        return False
    named = isinstance(document.get("entity"), str) and isinstance(document.get("as_of"), int)
    return named and all(_is_numbers(document.get(name)) for name in CATALOGUE[tool].fields)


def _is_numbers(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(x, float) for x in value)


def sealed(document: Document) -> bytes:
    """The document as an honest server would write it, with a seal of its own."""
    said = {name: value for name, value in document.items() if name != "digest"}
    return new_sealed(to_json(said))


def numbers_of(document: Document) -> dict[str, Numbers]:
    """The numbers of an answer by field."""
    return {name: document[name] for name in CATALOGUE[document["tool"]].fields}


def with_numbers(document: Document, numbers: dict[str, Numbers]) -> bytes:
    """The answer with other numbers."""
    return sealed({**document, **numbers})


def changed(document: Document, change: Change) -> dict[str, Numbers]:
    """The numbers of an answer after a change, field by field."""
    return {name: change(name, numbers) for name, numbers in numbers_of(document).items()}


def is_read(tool: str) -> bool:
    """Whether a tool only tells."""
    return tool in CATALOGUE and CATALOGUE[tool].read_only


def is_write(tool: str) -> bool:
    """Whether a tool has an effect."""
    return tool in CATALOGUE and not CATALOGUE[tool].read_only
