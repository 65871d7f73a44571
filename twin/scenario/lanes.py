"""Lane keys: ``source -> destination``."""

from __future__ import annotations

ARROW = "->"


def split_lane(key: str) -> tuple[str, str] | None:
    """Source and destination of a lane key, or None when it is not one.

    >>> split_lane("plant->dc")
    ('plant', 'dc')
    """
    parts = [part.strip() for part in key.split(ARROW)]
    return (parts[0], parts[1]) if len(parts) == 2 and all(parts) else None


def normal_lane(key: str) -> str:
    """A lane key with exactly one space on both sides of the arrow; other text as it is."""
    ends = split_lane(key)
    return f"{ends[0]} {ARROW} {ends[1]}" if ends else key
