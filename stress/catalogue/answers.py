"""Sound answers with other numbers in them: what a failing sensor or a mistaken tool sends.

Everything that a check of form could look at stays right: call, tool, entity, unit, time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic_core import from_json, to_json

from twin.tools.catalogue import CATALOGUE

Document = dict[str, Any]
Numbers = list[float]
Change = Callable[[str, Numbers], Numbers]
"""Maps a field's name and numbers to the numbers that are sent instead."""


def opened(body: bytes) -> Document | None:
    """A successful answer as a document; None for an error answer and for what is no object."""
    try:
        document = from_json(body)
    except ValueError:
        return None
    sound = isinstance(document, dict) and document.get("is_error") is False
    return document if sound else None


def sealed(document: Document) -> bytes:
    """The document as an honest server would write it."""
    body: bytes = to_json(document)
    return body


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
