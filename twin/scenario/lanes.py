"""Lane keys: ``source -> destination``, or ``source -> destination via way`` for parallel lanes."""

from __future__ import annotations

ARROW = "->"
VIA = " via "


def split_lane(key: str) -> tuple[str, str] | None:
    """Source and destination of a lane key, or None when it is not one.

    >>> split_lane("plant->dc")
    ('plant', 'dc')
    >>> split_lane("plant -> dc via rail")
    ('plant', 'dc')
    """
    parts = [part.strip() for part in key.split(ARROW)]
    if len(parts) != 2:
        return None
    destination = parts[1].partition(VIA)[0].strip()
    return (parts[0], destination) if parts[0] and destination else None


def way_of(key: str) -> str:
    """The way of a parallel lane, empty where there is none.

    >>> way_of("plant -> dc via rail")
    'rail'
    """
    return key.rpartition(ARROW)[2].partition(VIA)[2].strip()


def lane_name(key: str) -> str:
    """A lane key as the ledger names it: without spaces around the arrow.

    >>> lane_name("plant -> dc via rail")
    'plant->dc via rail'
    """
    return normal_lane(key).replace(f" {ARROW} ", ARROW, 1)


def normal_lane(key: str) -> str:
    """A lane key with exactly one space on both sides of the arrow; other text as it is."""
    ends = split_lane(key)
    way = way_of(key)
    return f"{ends[0]} {ARROW} {ends[1]}{VIA + way if way else ''}" if ends else key
