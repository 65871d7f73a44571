"""Laws of importing: what can be said comes across, and what cannot is said by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

import twin
from twin.cli import run
from twin.env.rules import default_rule
from twin.errors import ScenarioError, UsageError
from twin.exogenous.path import path_with_demand
from twin.exogenous.streams import stream
from twin.importers import FORMATS, Draft, ImportOptions, Written, read_draft, write_scenario
from twin.importers.commands import FORMAT_NAMES
from twin.importers.draft import Names
from twin.importers.sphere import great_circle_km
from twin.importers.writing import with_overrides
from twin.network.world import compile_world
from twin.scenario import Scenario, load
from twin.scenario.quantities import Name
from twin.simulation import run_rule

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "data" / "import"
STOCKPYL = DATA / "stockpyl_instances.json"
COSTS = json.loads((DATA / "stockpyl_costs.json").read_text(encoding="utf-8"))
SERIAL = [name for name in COSTS if not name.startswith("assembly")]
OPTIMA = {
    "example_6_1": 47.66539,
    "shang_song_1": 12.68694,
    "shang_song_9": 53.00644,
    "shang_song_17": 16.19788,
    "shang_song_25": 74.55429,
}
"""Expected cost per day that stockpyl's ``optimize_base_stock_levels`` gives."""


def draft_of(name: str, *files: str | Path, **options: Any) -> Draft:
    return read_draft(name, tuple(DATA / file for file in files), ImportOptions(**options))


def imported(draft: Draft, *overrides: str) -> Scenario:
    with_overrides(draft, overrides)
    return write_scenario(draft, None).scenario


def into(folder: Path, draft: Draft, name: str = "made.yaml") -> Written:
    return write_scenario(draft, folder / name)


def refused(name: str, path: Path, **options: Any) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        read_draft(name, (path,), ImportOptions(**options))
    return [f"{p.line}: {p.message}" for p in caught.value.problems]


def warned(draft: Draft) -> str:
    return "\n".join(draft.warnings)


@pytest.mark.parametrize("batch", [False, True], ids=["event", "batch"])
@pytest.mark.parametrize("name", SERIAL)
def test_an_imported_instance_costs_what_stockpyl_simulated(name: str, batch: bool) -> None:
    recorded = COSTS[name]
    demand = {f"stage {index}": units for index, units in recorded["demand"].items()}
    draft = draft_of("stockpyl", STOCKPYL, instance=name)
    world = compile_world(imported(draft, f"horizon={len(recorded['cost'])} d").model)
    ledger = run_rule(world, path_with_demand(world, demand), default_rule(world), batch=batch)
    np.testing.assert_allclose(ledger.cost, recorded["cost"], rtol=0, atol=1e-6)


def test_an_imported_assembly_holds_and_costs_what_stockpyl_simulated() -> None:
    recorded = COSTS["assembly_3_stage"]
    draft = draft_of("stockpyl", STOCKPYL, instance="assembly_3_stage")
    world = compile_world(imported(draft, "horizon=40 d").model)
    units = [[u if p == "stage 0" else 0 for p in world.products] for u in recorded["demand"]["0"]]
    ledger = run_rule(world, path_with_demand(world, {"stage 0": units}), default_rule(world))
    for index, levels in recorded["inventory_level"].items():
        node, product = (names.index(f"stage {index}") for names in (world.nodes, world.products))
        held = ledger.on_hand[:, node, product] - ledger.unmet[:, node, product]
        ends = zip(world.source, world.destination, strict=True)
        sent = [k for k, (source, to) in enumerate(ends) if source == node != to]
        held = held - ledger.unfilled[:, sent, product].sum(axis=1)
        np.testing.assert_allclose(held, levels, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ledger.cost, recorded["cost"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", OPTIMA)
def test_an_imported_optimum_costs_on_average_what_theory_says(name: str) -> None:
    draft = draft_of("stockpyl", STOCKPYL, instance=name)
    scenario = imported(draft)
    runs = [twin.simulate(scenario, seed=seed, engine="batch").cost[50:] for seed in range(5)]
    blocks = np.concatenate(runs).reshape(50, -1).mean(axis=1) / scenario.model.period
    error = blocks.std(ddof=1) / np.sqrt(len(blocks))
    assert error < 0.04 * OPTIMA[name]
    assert abs(blocks.mean() - OPTIMA[name]) < 4 * error


def test_fractions_of_a_period_become_whole_periods() -> None:
    scenario = imported(draft_of("stockpyl", STOCKPYL, instance="shang_song_9"))
    model = scenario.model
    assert (model.period, model.convention) == (0.25, "snyder")
    assert [node.holding for node in model.nodes.values()] == [0, 0.25, 2.75, 5.25, 5.5]
    assert model.nodes["stage 1"].penalty == 9


def test_what_stockpyl_says_and_the_twin_cannot_is_warned_of_by_name() -> None:
    told = warned(draft_of("stockpyl", STOCKPYL, instance="problem_6_7"))
    assert "Glazing: demand_bound_constant is not used" in told
    assert "Forming: external_inbound_cst is not used" in told
    assert "Firing: processing_time became the lead time of the lanes into it" in told


@pytest.mark.parametrize(
    ("instance", "words"),
    [
        ("", "the file holds 10 networks"),
        ("example_6_2", "there is no instance 'example_6_2'"),
    ],
)
def test_an_instance_that_cannot_be_chosen_is_refused(instance: str, words: str) -> None:
    assert words in " ".join(refused("stockpyl", STOCKPYL, instance=instance))


WILLEMS = ("willems_links.csv", "willems_stages.csv")


def test_a_willems_chain_assembles_products_and_takes_its_stage_times() -> None:
    model = imported(draft_of("willems", *WILLEMS, stem="chain")).model
    assert list(model.products) == ["Part_Motor", "Part_Housing", "Manuf_Pump"]
    assert model.products["Manuf_Pump"].value == 35 + 12.5 + 18
    pump = model.nodes["Manuf_Pump"].production
    assert pump is not None
    assert (pump.mode, pump.lead_time) == ("to_stock", 4)
    assert pump.bom == {"Manuf_Pump": {"Part_Motor": 1, "Part_Housing": 1}}
    housing = model.lanes["external supplier -> Part_Housing"].lead_time
    assert housing.model == "empirical"
    assert housing.values == (10, 15.333333)
    assert model.lanes["Manuf_Pump -> Retail_West"].lead_time.value == 5


def test_a_willems_chain_runs_and_makes_its_service_level_the_best_one() -> None:
    scenario = imported(draft_of("willems", *WILLEMS, stem="chain"), "horizon=60 d")
    node = scenario.model.nodes["Retail_West"]
    assert node.penalty / (node.penalty + node.holding) == pytest.approx(0.97)
    assert twin.simulate(scenario, seed=1).sold.sum() > 0


def test_what_the_willems_layout_leaves_open_is_warned_of() -> None:
    told = warned(draft_of("willems", *WILLEMS))
    assert "columns: xPosition, yPosition and relDepth are not used" in told
    assert "Retail_West: customers wait up to 2 d" in told
    assert "Manuf_Pump: its time varies" in told


def test_willems_links_that_form_a_cycle_are_refused_with_the_cycle(tmp_path: Path) -> None:
    links = tmp_path / "links.csv"
    text = (DATA / "willems_links.csv").read_text(encoding="utf-8")
    links.write_text(text + "Dist_East,Part_Motor\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"form a cycle: .*Manuf_Pump -> Dist_East"):
        read_draft("willems", (DATA / "willems_stages.csv", links), ImportOptions())


def test_long_demand_becomes_a_trace_per_node_and_product(tmp_path: Path) -> None:
    draft = draft_of("demand", "demand_long.csv", stem="made", gaps="zero")
    model = into(tmp_path, draft).scenario.model
    demand = model.nodes["north"].demand
    assert isinstance(demand, dict)
    assert demand["tea"].values == (12, 15.5, 11)
    assert demand["coffee"].values == (3, 4, 5)
    assert model.horizon == 3


@pytest.mark.parametrize(
    ("gaps", "north", "east"),
    [("zero", (20, 18, 0, 25), (31, 0, 0, 28)), ("previous", (20, 18, 18, 25), (31, 31, 31, 28))],
)
def test_gaps_of_the_calendar_are_filled_and_named(
    tmp_path: Path, gaps: str, north: tuple[int, ...], east: tuple[int, ...]
) -> None:
    draft = draft_of("demand", "demand_wide.csv", stem="made", gaps=gaps)
    nodes = into(tmp_path, draft).scenario.model.nodes
    assert nodes["north"].demand.values == north  # type: ignore[union-attr]
    assert nodes["east"].demand.values == east  # type: ignore[union-attr]
    assert "east: 2 missing days are" in warned(draft)
    assert "2026-01-06 and 2026-01-07" in warned(draft)


def test_gaps_of_the_calendar_are_refused_by_name() -> None:
    assert refused("demand", DATA / "demand_wide.csv") == [
        "1: 'north' has no 2026-01-07",
        "1: 'east' has no 2026-01-06 and 2026-01-07",
    ]


def test_demand_is_laid_over_a_scenario_and_nothing_of_the_old_one_stays(tmp_path: Path) -> None:
    base = ROOT / "scenarios" / "quickstart.yaml"
    table = tmp_path / "sales.csv"
    table.write_text("date,south\n2026-01-05,7\n2026-01-06,9\n", encoding="utf-8")
    options = ImportOptions(into=base, stem="over", folder=tmp_path)
    written = into(tmp_path, read_draft("demand", (table,), options), "over.yaml")
    before, after = load(base).model, written.scenario.model
    demand = after.nodes["south"].demand
    assert (demand.use, demand.values) == ("value", (7, 9))  # type: ignore[union-attr]
    assert after.nodes["north"] == before.nodes["north"]
    assert after.lanes == before.lanes
    assert "extends:" in written.text


def test_demand_of_a_node_that_the_scenario_does_not_have_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "sales.csv"
    table.write_text("date,node,quantity\n2026-01-05,soth,7\n", encoding="utf-8")
    into_ = ROOT / "scenarios" / "quickstart.yaml"
    assert refused("demand", table, into=into_) == ["1: unknown node 'soth'"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("date,node,quantity\n2026-01-05,a,x\n", "2: quantity: got 'x', expected a number"),
        ("date,node,quantity\n5 Jan,a,1\n", "2: date: got '5 Jan', expected a day"),
        ("date,node,quantity\n2026-01-05,a,-1\n", "2: quantity: got '-1', expected a number"),
        ("date,node,quantity\n2026-01-05,a,\n", "2: quantity: the number is missing"),
        ("date,node,quantity\n2026-01-05,,1\n", "2: node: the name is missing"),
        ("date,a\n2026-01-05,1\n2026-01-05,2\n", "3: 2026-01-05 of 'a' is given twice"),
        ("day\n2026-01-05\n", "1: there is no column with demand"),
        ("date,a,a\n2026-01-05,1,2\n", "1: the column 'a' is there more than once"),
        ("a,b\n1,2\n", "1: the column 'date' is missing"),
        ("", "1: the table is empty"),
        ("date,a\n", "1: the table has no rows"),
        ("date,a\n2026-01-05,1\n2126-01-05,2\n", "1: got 36,525 days, expected at most 10,000"),
    ],
)
def test_a_wrong_table_is_refused_at_its_line(tmp_path: Path, text: str, expected: str) -> None:
    table = tmp_path / "sales.csv"
    table.write_text(text, encoding="utf-8")
    assert refused("demand", table)[0].startswith(expected)


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


def test_the_command_writes_a_checked_scenario_that_names_its_origin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "six.yaml"
    arguments = ["import", "stockpyl", str(STOCKPYL), "--instance", "example_6_1"]
    assert run([*arguments, "--out", str(out), "--set", "horizon=50 d"]) == 0
    assert "warning: currency: the file has none" in capsys.readouterr().err
    text = out.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=")
    assert "stockpyl_instances.json, sha256" in text
    assert load(out).model.horizon == 50
    assert run([*arguments, "--out", str(out)]) == 2
    assert run([*arguments, "--out", str(out), "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["wrote"] == [str(out)]


def test_a_scenario_that_would_not_be_valid_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bad.yaml"
    arguments = ["import", "solomon", str(DATA / "solomon.txt"), "--out", str(out)]
    assert run([*arguments, "--set", "agents.replenish=[Atlantis]"]) == 3
    assert "unknown node 'Atlantis'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_written_scenario_is_the_one_that_is_read_from_its_file(tmp_path: Path) -> None:
    written = into(tmp_path, draft_of("demand", "demand_long.csv", stem="made", gaps="zero"))
    assert written.scenario == load(tmp_path / "made.yaml")


def test_every_format_is_a_choice_of_the_command_and_is_explained() -> None:
    assert list(FORMATS) == list(FORMAT_NAMES)
    rooms = (ROOT / "twin" / "importers" / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in rooms for name in FORMATS)


def test_names_that_are_not_allowed_are_changed_and_stay_apart() -> None:
    draft = Draft({}, "nothing")
    names = Names(draft)
    raw = ["a > b", "a - b", "a - b", " x ", "r via s", "", "n" * 200, "n" * 200]
    made = [names.allowed(name) for name in raw]
    assert made[:5] == ["a - b", "a - b 2", "a - b 3", "x", "r by way of s"]
    assert len(set(made)) == len(made)
    assert all(TypeAdapter(Name).validate_python(name) for name in made)
    assert len(draft.warnings) == len(raw)


def test_a_table_with_few_rows_over_many_years_is_refused_before_it_grows(tmp_path: Path) -> None:
    table = tmp_path / "sales.csv"
    rows = [f"20{10 + i % 20}-01-01,n{i},1" for i in range(2_000)]
    table.write_text("\n".join(["date,node,quantity", *rows]), encoding="utf-8")
    (told,) = refused("demand", table, gaps="zero")
    assert told.startswith("1: got 2,000 series of 6,941 days")


def test_an_import_of_several_files_needs_a_place_for_them() -> None:
    with pytest.raises(UsageError, match="more than one file"):
        write_scenario(draft_of("demand", "demand_long.csv", gaps="zero"), None)


SAMPLES = {
    "stockpyl": ("stockpyl_instances.json",),
    "willems": WILLEMS,
    "demand": ("demand_long.csv",),
    "geojson": ("sites.geojson",),
    "vrplib": ("small-n6-k2.vrp",),
    "solomon": ("solomon.txt",),
}
PIECES = (b"", b"-", b"9" * 400, b"nan", b'"', b",", b"\n", b"{", b"]", b"\x00", b"\xff", b"1e400",
          b"null", b"-1", b"->", b":", b"\t", b"0")  # fmt: skip


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """A file with one stretch cut out and something else put in its place."""
    start = int(rng.integers(len(content)))
    end = min(len(content), start + int(rng.integers(0, 30)))
    return content[:start] + PIECES[int(rng.integers(len(PIECES)))] + content[end:]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_damaged_file_is_refused_or_imported_and_never_more(name: str, tmp_path: Path) -> None:
    rng = stream(14, f"damaged/{name}")
    contents = [(DATA / file).read_bytes() for file in SAMPLES[name]]
    if name == "stockpyl":
        contents = [json.dumps(json.loads(contents[0])["instances"][0]).encode()]
        contents = [b'{"instances": [' + contents[0] + b"]}"]
    outcomes = set()
    for _ in range(60):
        paths = []
        for number, content in enumerate(contents):
            paths.append(tmp_path / f"{number}.txt")
            paths[-1].write_bytes(damaged(content, rng))
        try:
            draft = read_draft(name, tuple(paths), ImportOptions(stem="made", gaps="zero"))
            write_scenario(draft, tmp_path / "made.yaml", force=True)
            outcomes.add("imported")
        except (ScenarioError, UsageError) as error:
            outcomes.add("refused" if str(error) else "refused without a word")
    assert outcomes <= {"refused", "imported"}
    assert "refused" in outcomes
