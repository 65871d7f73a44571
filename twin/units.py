"""Units in strings: ``"3 d"``, ``"40 t"``, ``"2 m3"``, ``"250 km"``, ``"64 KB/s"``, ``"10 %"``.

Base units inside the twin: days, kilograms, cubic metres, kilometres, bytes per second, shares.
A bare number is taken to be in the base unit.
"""

from __future__ import annotations

import math
import re

from twin.errors import UsageError

DURATION_D = {
    "ms": 1 / 86_400_000,
    "s": 1 / 86_400,
    "min": 1 / 1_440,
    "h": 1 / 24,
    "d": 1.0,
    "w": 7.0,
}
MASS_KG = {"g": 0.001, "kg": 1.0, "t": 1000.0}
VOLUME_M3 = {"cm3": 1e-6, "l": 1e-3, "m3": 1.0}
DISTANCE_KM = {"m": 0.001, "km": 1.0, "mi": 1.609344}
RATE_BYTES_S = {"B/s": 1.0, "KB/s": 1e3, "MB/s": 1e6, "GB/s": 1e9}
SHARE = {"%": 0.01}

_QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(\S*)\s*\Z")


def parse_quantity(value: object, table: dict[str, float], kind: str) -> float:
    """Return ``value`` in base units.

    Raises UsageError when it is not a finite number with a unit of ``table``.

    >>> parse_quantity("36 h", DURATION_D, "duration")
    1.5
    >>> parse_quantity(3, DURATION_D, "duration")
    3.0
    """
    units = ", ".join(table)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise UsageError(f"not a {kind}", "", repr(value), f"a number with a unit of: {units}")
    if isinstance(value, str):
        match = _QUANTITY.match(value[:64])
        if match is None or (match[2] and match[2] not in table):
            raise UsageError(f"not a {kind}", "", repr(value), f"a number with a unit of: {units}")
        number = float(match[1]) * (table[match[2]] if match[2] else 1.0)
    else:
        number = float(value)
    if not math.isfinite(number):
        raise UsageError(f"not a finite {kind}", "", repr(value), "a finite number")
    return number


def duration_d(value: object) -> float:
    """Days of a duration such as ``"90 min"``; a bare number is days."""
    return parse_quantity(value, DURATION_D, "duration")


def mass_kg(value: object) -> float:
    """Kilograms of a mass such as ``"40 t"``; a bare number is kilograms."""
    return parse_quantity(value, MASS_KG, "mass")


def volume_m3(value: object) -> float:
    """Cubic metres of a volume such as ``"40 l"``; a bare number is cubic metres."""
    return parse_quantity(value, VOLUME_M3, "volume")


def distance_km(value: object) -> float:
    """Kilometres of a distance such as ``"250 km"``; a bare number is kilometres."""
    return parse_quantity(value, DISTANCE_KM, "distance")


def rate_bytes_s(value: object) -> float:
    """Bytes per second of a rate such as ``"64 KB/s"``; a bare number is bytes per second."""
    return parse_quantity(value, RATE_BYTES_S, "data rate")


def share(value: object) -> float:
    """Share of one of a percentage such as ``"10 %"``; a bare number is a share."""
    return parse_quantity(value, SHARE, "share")
