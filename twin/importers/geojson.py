"""Imports GeoJSON (RFC 7946): Point features are sites, LineString features are lanes.

A property that is called like a field of a node or of a lane is that field. What
``twin export geojson`` writes into the member ``scenario`` comes back, so that a scenario survives
the way there and back. Features without a geometry are sites or lanes without a place.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from twin.errors import Problem
from twin.importers.draft import Draft, ImportOptions, Names
from twin.importers.formats import one_file
from twin.importers.sources import Foreign, read_json, refuse, validated
from twin.importers.sphere import great_circle_km, path_km
from twin.scenario.findings import Path as DataPath
from twin.scenario.findings import clip, did_you_mean, either, shown
from twin.scenario.lanes import ARROW, VIA, split_lane
from twin.scenario.model import ScenarioModel
from twin.scenario.nodes import Mark
from twin.scenario.sites import Node
from twin.scenario.transport import Lane

SNAP_KM = 1.0
"""How far the end of a line may be from the site it means."""
BAND_DEGREES = 0.01
"""Width of a band of latitude: a little more than SNAP_KM."""
SAME_PLACE_KM = 1e-6
NAMES = ("name", "id", "title")
ENDS = (("source", "from", "origin"), ("destination", "to", "target"))
WAY = "via"
"""Property that tells parallel lanes apart."""
OWN_MEMBERS = {"type", "features", "scenario", "bbox", "name"}
HORIZON = "90 d"
Position = tuple[float, float]


class GeoGeometry(Foreign):
    """A geometry; its coordinates are read by type."""

    type: str
    coordinates: Any = None


class GeoFeature(Foreign):
    """A feature."""

    type: Literal["Feature"]
    id: str | int | None = None
    geometry: GeoGeometry | None = None
    properties: dict[str, Any] | None = None


class GeoCollection(Foreign):
    """A feature collection, with the rest of the scenario where the twin wrote it."""

    type: Literal["FeatureCollection"]
    features: Annotated[tuple[GeoFeature, ...], Field(min_length=1, max_length=110_000)]
    scenario: dict[str, Any] | None = None


def read(files: tuple[Path, ...], options: ImportOptions) -> Draft:
    """Sites and lanes; raises ScenarioError for lines that join no sites, and all else at once."""
    path = one_file(files, "a GeoJSON feature collection")
    data, digest = read_json(path)
    collection = validated(data, GeoCollection, path)
    draft = Draft({}, "a GeoJSON feature collection", [digest])
    for member in data.keys() - OWN_MEMBERS:
        draft.warn(member, "this member of the collection is not used")
    _Importer(path, collection, draft, options.stem).fill()
    return draft


class _Importer:
    def __init__(self, path: Path, collection: GeoCollection, draft: Draft, stem: str) -> None:
        self.mark = Mark(str(path), 1, 1)
        self.path = path
        self.collection = collection
        self.draft = draft
        self.stem = stem
        self.names = Names(draft)
        self.problems: list[Problem] = []
        self.places: dict[str, Position] = {}
        self.bands: dict[int, list[str]] = {}
        """Names of sites by band of latitude, so that the nearest is found among few."""
        self.known: dict[str, str] = {}
        """Name in the scenario by name in the file."""

    def fill(self) -> None:
        """Write the scenario's data into the draft."""
        nodes: dict[str, Any] = {}
        lanes: dict[str, Any] = {}
        for index, feature in enumerate(self.collection.features):
            if self.is_site(feature):
                name, node = self.site(feature, index)
                nodes[name] = node
        for index, feature in enumerate(self.collection.features):
            if self.is_lane(feature) and (found := self.lane(feature, index)):
                if found[0] in lanes:
                    self.complain(index, f"the lane {shown(found[0])} is there twice")
                lanes[found[0]] = found[1]
            elif not self.is_site(feature) and not self.is_lane(feature):
                kind = feature.geometry.type if feature.geometry else "no geometry"
                self.draft.warn(f"features[{index}]", f"{clip(kind)} is not a site or a lane")
        self.check_joined(nodes, lanes)
        if self.problems:
            refuse(self.problems, self.path)
        self.guess_kinds(nodes, lanes)
        self.draft.data = self.scenario(nodes, lanes)

    def complain(self, index: int, message: str, hint: str = "", *more: str | int) -> None:
        """Note a problem of one feature."""
        where: DataPath = ("features", index, *more)
        self.problems.append(self.mark.problem(message, hint, where))

    def check_joined(self, nodes: dict[str, Any], lanes: dict[str, Any]) -> None:
        """Note that a map of places says nothing of what moves; a factory may do without lanes."""
        makes = any(node.get("kind") == "factory" for node in nodes.values())
        if lanes or makes or not nodes or self.problems or self.collection.scenario is not None:
            return
        message = f"got {len(nodes)} places and no lines between them, expected lanes too"
        hint = "add a LineString for each lane, or write nodes and lanes into a scenario in YAML"
        self.problems.append(self.mark.problem(message, hint, ("features",)))

    def is_lane(self, feature: GeoFeature) -> bool:
        """A line, or a feature without a geometry that names two ends."""
        if feature.geometry is not None:
            return feature.geometry.type == "LineString"
        return all(self.end_names(feature))

    def is_site(self, feature: GeoFeature) -> bool:
        """A point, or a feature without a geometry that is not a lane."""
        if feature.geometry is not None:
            return feature.geometry.type == "Point"
        return not self.is_lane(feature) and bool(feature.properties)

    def end_names(self, feature: GeoFeature) -> list[str | None]:
        """Source and destination as the properties name them."""
        properties = feature.properties or {}
        return [
            next((str(properties[key]) for key in keys if key in properties), None) for keys in ENDS
        ]

    def site(self, feature: GeoFeature, index: int) -> tuple[str, dict[str, Any]]:
        """A node by name."""
        properties = dict(feature.properties or {})
        title = next((properties.pop(key) for key in NAMES if properties.get(key)), feature.id)
        title = f"site {index + 1}" if title is None else str(title)
        if title in self.known:
            self.complain(index, f"the site {shown(clip(title))} is there twice")
        name = self.known[title] = self.names.allowed(title)
        own = self.fields(properties, Node.model_fields.keys() - {"location"}, f"site {name}")
        node: dict[str, Any] = {key: own.pop(key) for key in ("kind",) if key in own}
        if feature.geometry is not None:
            position = self.position(feature.geometry.coordinates, index, "coordinates")
            if position is not None:
                self.places[name] = position
                self.bands.setdefault(round(position[1] / BAND_DEGREES), []).append(name)
                node["location"] = list(position)
        return name, {**node, **own}

    def fields(self, properties: dict[str, Any], known: set[str], what: str) -> dict[str, Any]:
        """Properties that are fields; the others are warned of."""
        other = [key for key in properties if key not in known]
        if other:
            told = either([shown(clip(key)) for key in other], "and")
            self.draft.warn(what, f"the properties {told} are not used")
        return {key: value for key, value in properties.items() if key in known}

    def position(self, value: Any, index: int, *more: str | int) -> Position | None:
        """Longitude and latitude; a third number, the altitude, is warned of."""
        numbers = value if isinstance(value, list) else []
        fits = len(numbers) in (2, 3) and all(
            isinstance(x, int | float) and not isinstance(x, bool) for x in numbers
        )
        if not fits or abs(numbers[0]) > 180 or abs(numbers[1]) > 90:
            message = "expected longitude within 180 and latitude within 90 degrees"
            self.complain(index, message, "", "geometry", *more)
            return None
        if len(numbers) == 3:
            self.draft.warn("altitude", "is not used")
        return float(numbers[0]), float(numbers[1])

    def lane(self, feature: GeoFeature, index: int) -> tuple[str, dict[str, Any]] | None:
        """A lane by key, or None with a problem where it joins no two sites."""
        line = self.line(feature, index)
        named = self.end_names(feature)
        ends = [self.end(named[side], line, side, index) for side in (0, 1)]
        if None in ends:
            return None
        used = {key for keys in ENDS for key in keys} | {*NAMES, WAY}
        properties = {k: v for k, v in (feature.properties or {}).items() if k not in used}
        way = (feature.properties or {}).get(WAY)
        key = f"{ends[0]} {ARROW} {ends[1]}{f'{VIA}{way}' if way else ''}"
        lane = self.fields(properties, set(Lane.model_fields), f"lane {key}")
        if "lead_time" not in lane and self.collection.scenario is None:
            self.draft.warn(f"lane {key}", "has no lead_time; it is 0 d")
        if line and "distance" not in lane and not self.is_straight(line, ends):
            lane["distance"] = f"{round(path_km(line), 3)} km"
        return key, lane

    def line(self, feature: GeoFeature, index: int) -> list[Position]:
        """The points of a line; none where the lane has no geometry."""
        if feature.geometry is None:
            return []
        points = feature.geometry.coordinates
        if not isinstance(points, list) or not 2 <= len(points) <= 100_000:
            self.complain(index, "expected at least two positions", "", "geometry", "coordinates")
            return []
        found = [self.position(p, index, "coordinates", i) for i, p in enumerate(points)]
        return [point for point in found if point is not None]

    def end(self, name: str | None, line: list[Position], side: int, index: int) -> str | None:
        """The site at one end: the one that is named, or the nearest one within SNAP_KM."""
        if name is not None:
            if name not in self.known:
                hint = did_you_mean(name, list(self.known))
                self.complain(index, f"unknown site {shown(clip(name))}", hint, "properties")
            return self.known.get(name)
        if not line:
            self.complain(index, f"expected a property {ENDS[side][0]}")
            return None
        point = line[-side]
        near = self.nearest(point)
        if near is None or great_circle_km(self.places[near], point) > SNAP_KM:
            message = f"no site within {SNAP_KM:g} km of its {('start', 'end')[side]}"
            self.complain(index, message, f"name it in the property {ENDS[side][0]}")
            return None
        return near

    def nearest(self, point: Position) -> str | None:
        """The nearest site among those of about the same latitude, where there is one."""
        band = round(point[1] / BAND_DEGREES)
        close = [name for b in (band - 1, band, band + 1) for name in self.bands.get(b, ())]
        return min(close, key=lambda n: great_circle_km(self.places[n], point), default=None)

    def is_straight(self, line: list[Position], ends: list[str | None]) -> bool:
        """Tell a line from site to site, whose length the twin computes by itself."""
        places = [self.places.get(str(end)) for end in ends]
        if len(line) != 2 or None in places:
            return False
        return all(
            place is not None and great_circle_km(place, point) < SAME_PLACE_KM
            for place, point in zip(places, line, strict=True)
        )

    def guess_kinds(self, nodes: dict[str, Any], lanes: dict[str, Any]) -> None:
        """Where the file has no kind, the lanes tell."""
        ends = [split_lane(key) or ("", "") for key in lanes]
        fed, feeding = {end[1] for end in ends}, {end[0] for end in ends}
        for name, node in nodes.items():
            if "kind" not in node:
                kind = "supplier" if name not in fed and name in feeding else "warehouse"
                kind = "store" if name not in feeding else kind
                self.draft.warn(f"site {name}", f"has no kind; by its lanes it is a {kind}")
                nodes[name] = {"kind": kind, **node}

    def scenario(self, nodes: dict[str, Any], lanes: dict[str, Any]) -> dict[str, Any]:
        """The whole scenario: what the member ``scenario`` says, or a name and a horizon."""
        rest = self.collection.scenario
        if rest is None:
            self.draft.warn("horizon", f"the file has none; it is {HORIZON}")
            name = Names(self.draft).allowed(self.stem)
            return {"kind": "scenario", "name": name, "horizon": HORIZON, "nodes": nodes,
                    "lanes": lanes}  # fmt: skip
        parts = {**rest, "nodes": nodes, "lanes": lanes}
        order = [*ScenarioModel.model_fields, *rest]
        return {key: parts[key] for key in dict.fromkeys(order) if key in parts}
