"""Confirmations that the server never wrote, for a write that it never saw."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from stress.catalogue.answers import sealed
from twin.tools.catalogue import CATALOGUE, VERSION


def receipt(request: bytes) -> bytes | None:
    """What an honest server would answer to a write that it accepts in time.

    None for a request that another fault has spoilt: no server would confirm it.
    """
    try:
        return _confirmed(from_json(request))
    except (ValueError, KeyError, TypeError):
        return None


def _confirmed(asked: dict[str, Any]) -> bytes:
    spec = CATALOGUE[asked["tool"]]
    return sealed(
        {
            "version": VERSION,
            "call": asked["call"],
            "tool": spec.name,
            "entity": asked["entity"],
            "unit": spec.unit,
            "as_of": asked["period"],
            "is_error": False,
            "key": asked["key"],
            "effective": asked["period"],
            **{name: asked[name] for name in spec.fields},
        }
    )
