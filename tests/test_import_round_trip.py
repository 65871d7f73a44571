"""Real files there and back: the tables of each are rebuilt from the scenario that was written."""

from __future__ import annotations

import csv
import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

import twin
from twin.exporters import geojson_text
from twin.importers import ImportOptions, read_draft, write_scenario
from twin.scenario import load

DATA = Path(__file__).parent / "data" / "import"
CHAIN = DATA / "willems_03_SD.csv", DATA / "willems_03_LL.csv"
STOCKPYL = DATA / "stockpyl_instances.json"
INSTANCES = {
    one["name"]: one["data"]["_nodes"]
    for one in json.loads(STOCKPYL.read_text(encoding="utf-8"))["instances"]
    if one["type"] == "network"
}
Table = dict[str, Any]


def written(folder: Path, name: str, *files: Path, **options: Any) -> Any:
    """The model as a user gets it: from the file that the import wrote."""
    write_scenario(read_draft(name, files, ImportOptions(**options)), folder / "made.yaml")
    return load(folder / "made.yaml").model


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def links(model: Any, supplier: str) -> set[tuple[str, str]]:
    """Lanes between stages, without those of the supplier that the import added."""
    ends = (tuple(key.split(" -> ")) for key in model.lanes)
    return {(source, end) for source, end in ends if source != supplier}


def stage_times(row: dict[str, str]) -> Any:
    """What the row says of the stage's time: values with their shares, or the one value."""
    pairs = [(row[f"stageTime_{i}"], row[f"stageTime_%_{i}"]) for i in (1, 2, 3)]
    told = [(float(time), float(share)) for time, share in pairs if time and share]
    return told or float(row["stageTime"])


def rebuilt_time(lane: Any) -> Any:
    spec = lane.lead_time
    if spec.model != "empirical":
        return spec.value
    return list(zip(spec.values, spec.weights, strict=True))


def test_a_chain_of_willems_comes_back_stage_by_stage(tmp_path: Path) -> None:
    model = written(tmp_path, "willems", *CHAIN, stem="chain-03")
    inputs: dict[str, list[str]] = defaultdict(list)
    for row in rows(CHAIN[1]):
        inputs[row["destinationStage"]].append(row["sourceStage"])
    assert links(model, "external supplier") == {
        (source, end) for end, sources in inputs.items() for source in sources
    }
    for row in rows(CHAIN[0]):
        name = row["Stage Name"]
        node, sources = model.nodes[name], inputs[name]
        if len(sources) > 1:
            assert node.production is not None
            assert node.production.lead_time == float(row["stageTime"])
            assert len(node.production.bom[name]) == len(sources)
        else:
            source = sources[0] if sources else "external supplier"
            assert rebuilt_time(model.lanes[f"{source} -> {name}"]) == stage_times(row)
        if row["avgDemand"]:
            (demand,) = node.demand.values()
            said = float(row["avgDemand"]), float(row["stdDevDemand"])
            assert (demand.mean, demand.sd) == said
            level = node.penalty / (node.penalty + node.holding)
            assert level == pytest.approx(float(row["serviceLevel"]))
        else:
            assert node.demand is None


def test_the_costs_of_a_chain_of_willems_come_back(tmp_path: Path) -> None:
    """Holding is a share of what all stages up to this one have added."""
    model = written(tmp_path, "willems", *CHAIN, stem="chain-03")
    worth = {name: node.holding * 365 / 0.25 for name, node in model.nodes.items()}
    inputs = links(model, "external supplier")
    for row in rows(CHAIN[0]):
        name = row["Stage Name"]
        before = sum(worth[source] for source, end in inputs if end == name)
        assert worth[name] - before == pytest.approx(float(row["stageCost"]), abs=1e-4)
    assert twin.simulate(load(tmp_path / "made.yaml"), seed=1).sold.sum() > 0


def coordinates(text: str) -> dict[int, tuple[float, float]]:
    section = text.partition("NODE_COORD_SECTION")[2].partition("DEMAND_SECTION")[0]
    points = (line.split() for line in section.strip().splitlines())
    return {int(number): (float(x), float(y)) for number, x, y in points}


def demands(text: str) -> dict[int, float]:
    section = text.partition("DEMAND_SECTION")[2].partition("DEPOT_SECTION")[0]
    return {int(n): float(d) for n, d in (line.split() for line in section.strip().splitlines())}


def rebuilt_customers(model: Any) -> dict[int, Any]:
    """Demand of each customer and its distance from the depot, by number."""
    return {
        int(name.removeprefix("customer ")): (
            node.demand.mean,
            model.lanes[f"depot -> {name}"].distance,
        )
        for name, node in model.nodes.items()
        if node.demand is not None
    }


def test_the_first_instance_of_augerat_comes_back_customer_by_customer(tmp_path: Path) -> None:
    path = DATA / "A-n32-k5.vrp"
    text = path.read_text(encoding="utf-8")
    places, wanted = coordinates(text), demands(text)
    model = written(tmp_path, "vrplib", path)
    fleet = model.fleets["vehicles"]
    assert (model.name, fleet.vehicles, fleet.capacity.units) == ("A-n32-k5", 5, 100)
    assert sum(wanted.values()) == 410
    assert rebuilt_customers(model) == {
        n: (wanted[n], float(math.floor(math.dist(places[1], places[n]) + 0.5)))
        for n in range(2, 33)
    }


def test_the_first_25_customers_of_solomon_come_back(tmp_path: Path) -> None:
    path = DATA / "C101.25.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    table = [[float(cell) for cell in line.split()] for line in lines[9:]]
    model = written(tmp_path, "solomon", path)
    fleet = model.fleets["vehicles"]
    assert (model.name, fleet.vehicles, fleet.capacity.units) == ("C101", 25, 200)
    depot, *customers = table
    assert rebuilt_customers(model) == {
        int(n): (demand, pytest.approx(math.dist(depot[1:3], (x, y)), abs=5e-4))
        for n, x, y, demand, *_ in customers
    }


@pytest.mark.parametrize("name", INSTANCES)
def test_every_instance_of_stockpyl_comes_back_stage_by_stage(name: str, tmp_path: Path) -> None:
    model, stages = written(tmp_path, "stockpyl", STOCKPYL, instance=name), INSTANCES[name]
    called = {stage["_index"]: stage["name"] or f"stage {stage['_index']}" for stage in stages}
    assert links(model, "external supplier") == {
        (called[source], called[stage["_index"]])
        for stage in stages
        for source in stage["_predecessor_indices"]
        if source in called
    }
    for stage in stages:
        name = called[stage["_index"]]
        node, said = model.nodes[name], stage["demand_source"] or {}
        held = node.holding[name] if isinstance(node.holding, dict) else node.holding
        assert held == pytest.approx(local_holding(stage, stages))
        spec = next(iter(node.demand.values())) if isinstance(node.demand, dict) else node.demand
        assert (spec is not None) == bool(said.get("type"))
        if said.get("type") == "N":
            assert (spec.mean, spec.sd) == (said["mean"], said["standard_deviation"])


def local_holding(stage: Table, stages: list[Table]) -> float:
    """As the file says it, or the echelon costs of the stage and of everything above it."""
    if stage["local_holding_cost"] or not stage["echelon_holding_cost"]:
        return float(stage["local_holding_cost"] or 0)
    above = [s for s in stages if s["_index"] in stage["_predecessor_indices"]]
    return float(stage["echelon_holding_cost"] + sum(local_holding(s, stages) for s in above))


def test_demand_comes_back_day_by_day(tmp_path: Path) -> None:
    path = DATA / "demand_long.csv"
    model = written(tmp_path, "demand", path, stem="sales")
    days = sorted({row["date"] for row in rows(path)})
    for row in rows(path):
        values = model.nodes[row["store"]].demand[row["sku"]].values
        assert values[days.index(row["date"])] == float(row["quantity"])


def test_a_real_series_comes_back_day_by_day(tmp_path: Path) -> None:
    path = DATA / "births_1959.csv"
    model = written(tmp_path, "demand", path, stem="births")
    expected = [float(row["Births"]) for row in rows(path)]
    assert list(model.nodes["Births"].demand.values) == expected


def test_real_ports_and_their_lanes_come_back(tmp_path: Path) -> None:
    path = DATA / "ports.geojson"
    written(tmp_path, "geojson", path)
    told = json.loads(geojson_text(load(tmp_path / "made.yaml")))
    assert geometry(told) == geometry(json.loads(path.read_text(encoding="utf-8")))


def geometry(features: Table) -> list[tuple[str, str]]:
    """Names of sites, none for lanes, and the coordinates of both."""
    return sorted(
        (feature["properties"].get("name", ""), json.dumps(feature["geometry"]))
        for feature in features["features"]
    )
