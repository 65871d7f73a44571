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
    """A successful answer of a tool of the catalogue as a document; None for anything else."""
    try:
        document = from_json(body)
    except ValueError:
        return None
    sound = isinstance(document, dict) and document.get("is_error") is False
    return document if sound and document.get("tool") in CATALOGUE else None


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
