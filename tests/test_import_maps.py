"""Laws of importing maps and routing problems: GeoJSON, VRPLIB and Solomon's instances."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.foreign_files import draft_of, imported, into, refused, warned
from twin.cli import run
from twin.importers import ImportOptions, read_draft
from twin.importers.sphere import great_circle_km
from twin.scenario import load


def test_sites_and_lanes_come_from_points_and_lines() -> None:
    model = imported(draft_of("geojson", "sites.geojson", stem="rhine")).model
    assert {name: node.kind for name, node in model.nodes.items()} == {
        "Rotterdam": "supplier", "Duisburg hub": "warehouse", "Frankfurt": "store",
    }  # fmt: skip
    assert model.nodes["Frankfurt"].location == (8.6821, 50.1109)
    rhine = model.lanes["Rotterdam -> Duisburg hub"]
    straight = great_circle_km((4.4777, 51.9244), (6.7763, 51.2254))
    assert rhine.distance is not None
    assert straight < rhine.distance < 1.1 * straight
    assert model.lanes["Duisburg hub -> Frankfurt"].distance is None


def test_features_that_are_no_sites_or_lanes_are_named() -> None:
    told = warned(draft_of("geojson", "sites.geojson"))
    assert "features[5]: Polygon is not a site or a lane" in told
    assert "site Duisburg hub: the properties 'owner' are not used" in told
    assert "altitude: is not used" in told


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        ({"type": "Point", "coordinates": [200, 10]}, "expected longitude within 180"),
        ({"type": "Point", "coordinates": "here"}, "expected longitude within 180"),
        ({"type": "LineString", "coordinates": [[0, 0], [50, 50]]}, "no site within 1 km"),
        ({"type": "LineString", "coordinates": [[0, 0]]}, "at least two positions"),
    ],
)
def test_wrong_geometry_is_refused(tmp_path: Path, feature: Any, words: str) -> None:
    site = {"type": "Point", "coordinates": [0, 0]}
    features = [
        {"type": "Feature", "geometry": geometry, "properties": {}} for geometry in (site, feature)
    ]
    path = tmp_path / "map.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    assert words in " ".join(refused("geojson", path))


@pytest.mark.parametrize("asked", [[], ["--out"]], ids=["check", "write"])
def test_a_map_of_places_without_lines_is_told_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: list[str]
) -> None:
    path = tmp_path / "map.geojson"
    path.write_text(collection(point("Rotterdam"), point("Frankfurt", kind="store")))
    out = [*asked, str(tmp_path / "made.yaml")] if asked else []
    assert run(["import", "geojson", str(path), *out]) == 3
    told = " ".join(capsys.readouterr().err.split())
    assert "got 2 places and no lines between them, expected lanes too" in told
    assert "add a LineString for each lane, or write nodes and lanes into a scenario" in told
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_factory_with_customers_needs_no_lines(tmp_path: Path) -> None:
    path = tmp_path / "map.geojson"
    path.write_text(
        collection(point("Duisburg", kind="factory", demand={"model": "poisson", "mean": 3}))
    )
    written = into(tmp_path, read_draft("geojson", (path,), ImportOptions()))
    assert load(written.paths[0]).model.lanes == {}


def point(name: str, **properties: Any) -> dict[str, Any]:
    place = {"type": "Point", "coordinates": [0, 0]}
    return {"type": "Feature", "geometry": place, "properties": {"name": name, **properties}}


def collection(*features: dict[str, Any]) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features})


@pytest.mark.parametrize(
    "text", ["{", "[" * 10_000, '{"type": NaN}', '{"a": 1, "a": 2}', "[1]", "\x00", "9" * 5_000]
)
def test_wrong_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "map.geojson"
    path.write_text(text, encoding="utf-8")
    assert refused("geojson", path)


def test_a_vrplib_instance_becomes_a_depot_with_stores_and_vehicles() -> None:
    draft = draft_of("vrplib", "small-n6-k2.vrp")
    model = imported(draft).model
    assert model.fleets["vehicles"].vehicles == 2
    assert model.fleets["vehicles"].capacity.units == 100
    lanes = {key: lane.distance for key, lane in model.lanes.items() if lane.fleet}
    assert lanes["depot -> customer 2"] == round(np.hypot(96 - 82, 44 - 76))
    assert [n.demand.mean for n in model.nodes.values() if n.demand] == [19, 21, 6, 19, 7]  # type: ignore[union-attr]
    assert "one customer per trip" in warned(draft)


def test_distances_may_be_a_triangle_of_numbers() -> None:
    draft = draft_of("vrplib", "matrix-n4.vrp")
    lanes = imported(draft).model.lanes
    assert [lane.distance for lane in lanes.values() if lane.fleet] == [9, 14, 23]
    assert "DISTANCE: 200 is not used" in warned(draft)


def test_time_windows_of_solomon_are_said_not_to_be_used() -> None:
    draft = draft_of("solomon", "solomon.txt")
    model = imported(draft).model
    assert (model.name, model.fleets["vehicles"].vehicles) == ("C101-5", 25)
    assert model.lanes["depot -> customer 5"].distance == pytest.approx(15.133, abs=1e-3)
    assert "time windows and service times: of 5 customers are not used" in warned(draft)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("vrplib", "NAME : x\n"),
        ("vrplib", "DIMENSION : 2\nCAPACITY : ten\n"),
        ("vrplib", "DIMENSION : 2\nCAPACITY : 9\nEDGE_WEIGHT_TYPE : SPHERE\n"
                   "DEMAND_SECTION\n1 0\n2 3\n"),
        ("vrplib", "DIMENSION : 2\nCAPACITY : 9\nDEMAND_SECTION\n1 0\n2 3\n"
                   "NODE_COORD_SECTION\n1 1 1\n"),
        ("vrplib", "what is this\n\n"),
        ("solomon", ""),
        ("solomon", "C1\n\nVEHICLE\nNUMBER CAPACITY\n5 x\n"),
        ("solomon", "C1\n5 100\n0 1 1 0 0 9\n1 2 2 5 0 9\n"),
    ],
)  # fmt: skip
def test_a_wrong_routing_file_is_refused(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / "x.txt"
    path.write_text(text, encoding="utf-8")
    assert refused(name, path)
