"""A scenario as GeoJSON (RFC 7946): sites are points, lanes are lines, fields are properties.

What is neither a site nor a lane stands in the member ``scenario``, so that ``twin import geojson``
gives the same scenario back. Sites without a location, and their lanes, have no geometry.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from twin.scenario import Scenario
from twin.scenario.dump import plain
from twin.scenario.lanes import split_lane, way_of
from twin.scenario.model import ScenarioModel


def geojson_text(scenario: Scenario) -> str:
    """The feature collection, one feature per line."""
    data = plain(scenario.model, defaults=False)
    rest = {key: value for key, value in data.items() if key not in ("nodes", "lanes")}
    lines = ",\n  ".join(_json(feature) for feature in features(scenario.model, data))
    return (
        f'{{"type": "FeatureCollection",\n "name": {_json(scenario.name)},\n'
        f' "scenario": {_json(rest)},\n "features": [\n  {lines}\n ]}}\n'
    )


def features(model: ScenarioModel, data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every site, then every lane, in the order of the scenario."""
    places = {name: node.location for name, node in model.nodes.items()}
    for name in model.nodes:
        fields = {k: v for k, v in data["nodes"][name].items() if k != "location"}
        place = places[name]
        point = {"type": "Point", "coordinates": list(place)} if place else None
        yield _feature(point, {"name": name, **fields})
    for key in model.lanes:
        ends = split_lane(key)
        assert ends is not None
        here, there = (places.get(end) for end in ends)
        both = here is not None and there is not None
        line = {"type": "LineString", "coordinates": [here, there]} if both else None
        way = {"via": way_of(key)} if way_of(key) else {}
        names = {"source": ends[0], "destination": ends[1], **way}
        yield _feature(line, {**names, **data["lanes"][key]})


def _feature(geometry: dict[str, Any] | None, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
