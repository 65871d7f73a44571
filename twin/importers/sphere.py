"""Distances on the globe."""

from __future__ import annotations

import math
from itertools import pairwise

EARTH_KM = 6_371.0088
"""Mean radius of the earth (IUGG)."""
TSPLIB_EARTH_KM = 6_378.388
"""Radius that TSPLIB's GEO distances are defined with (Reinelt 1995)."""


def great_circle_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Kilometres between two points (longitude, latitude in degrees), by the haversine formula.

    >>> round(great_circle_km((13.405, 52.52), (2.3522, 48.8566)))
    877
    """
    lon_a, lat_a, lon_b, lat_b = map(math.radians, (*a, *b))
    h = math.sin((lat_b - lat_a) / 2) ** 2
    h += math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_KM * math.asin(math.sqrt(min(h, 1.0)))


def path_km(points: list[tuple[float, float]]) -> float:
    """Kilometres along a line of points."""
    return sum(great_circle_km(a, b) for a, b in pairwise(points))


def tsplib_geo_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """TSPLIB's GEO distance between points given as DDD.MM latitude and longitude."""
    lat_a, lon_a, lat_b, lon_b = (_radians(value) for value in (*a, *b))
    q1 = math.cos(lon_a - lon_b)
    q2, q3 = math.cos(lat_a - lat_b), math.cos(lat_a + lat_b)
    cosine = 0.5 * ((1.0 + q1) * q2 - (1.0 - q1) * q3)
    return float(int(TSPLIB_EARTH_KM * math.acos(max(-1.0, min(1.0, cosine))) + 1.0))


def _radians(value: float) -> float:
    degrees = math.trunc(value)
    return math.pi * (degrees + 5.0 * (value - degrees) / 3.0) / 180.0
