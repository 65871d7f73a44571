"""Confirmations that the server never wrote, for a write that it never saw."""

from __future__ import annotations

from pydantic_core import from_json

from stress.catalogue.answers import sealed
from twin.tools.catalogue import CATALOGUE, VERSION


def receipt(request: bytes) -> bytes:
    """What an honest server would answer to a write that it accepts in time."""
    asked = from_json(request)
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
