"""Laws of exporting: what is written can be read again, and says what the ledger says."""

from __future__ import annotations

import csv
import datetime
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow.parquet as pq
import pytest
from pydantic import AnyUrl, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

import twin
from agents.runs import create_run
from twin.cli import run
from twin.engine.ledger import PeriodLedger
from twin.exporters import geojson_text, tables_of, write_csv, write_epcis, write_parquet
from twin.importers import ImportOptions, read_draft, write_scenario
from twin.scenario import from_mapping, load

ROOT = Path(__file__).parent.parent
LIBRARY = [*sorted((ROOT / "scenarios").glob("*/*.yaml")), ROOT / "scenarios/quickstart.yaml"]
SCENARIOS = [p for p in LIBRARY if p.parent.name in ("library", "reference", "scenarios")]
PLACED: dict[str, Any] = {
    "kind": "scenario",
    "name": "placed",
    "description": "Two lines.\n\nAnd a third, to-and-fro.",
    "horizon": 12,
    "products": {"tea": {"weight": "2 kg"}, "r\u00f6st kaffee": {}},
    "nodes": {
        "Hafen Hamburg": {"kind": "supplier", "location": [9.99, 53.55]},
        "dc/1": {"kind": "warehouse", "stock": {"tea": 40}, "location": [9.73, 52.37]},
        "k\u00f6ln": {
            "kind": "store",
            "location": [6.96, 50.94],
            "demand": {"tea": {"model": "poisson", "mean": 3}},
        },
        "nowhere": {"kind": "store", "demand": {"tea": {"model": "constant", "mean": 1}}},
    },
    "lanes": {
        "Hafen Hamburg -> dc/1": {"lead_time": "2 d"},
        "dc/1 -> k\u00f6ln": {"lead_time": "1 d", "distance": "300 km"},
        "dc/1 -> nowhere": {"lead_time": "1 d"},
        "dc/1 -> k\u00f6ln via rail": {"lead_time": "2 d"},
    },
}


@pytest.fixture(scope="module")
def ledger() -> PeriodLedger:
    return twin.simulate(from_mapping(PLACED), seed=3)


def back(text: str, folder: Path) -> str:
    """The digest of a scenario that went to GeoJSON and came back as YAML."""
    path = folder / "map.geojson"
    path.write_text(text, encoding="utf-8")
    draft = read_draft("geojson", (path,), ImportOptions())
    assert draft.warnings == []
    return write_scenario(draft, folder / "back.yaml", force=True).scenario.digest


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_survives_the_way_to_geojson_and_back(path: Path, tmp_path: Path) -> None:
    scenario = load(path)
    assert back(geojson_text(scenario), tmp_path) == scenario.digest


def test_sites_are_points_and_lanes_are_lines_between_them(tmp_path: Path) -> None:
    scenario = from_mapping(PLACED)
    text = geojson_text(scenario)
    features = json.loads(text)["features"]
    kinds = [feature["geometry"] and feature["geometry"]["type"] for feature in features]
    assert kinds == ["Point"] * 3 + [None] + ["LineString"] * 2 + [None, "LineString"]
    assert features[4]["geometry"]["coordinates"] == [[9.99, 53.55], [9.73, 52.37]]
    assert back(text, tmp_path) == scenario.digest


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Place(Closed):
    id: AnyUrl


class Quantity(Closed):
    epc_class: AnyUrl = Field(alias="epcClass")
    quantity: float


class Source(Closed):
    type: Literal["owning_party", "possessing_party", "location"]
    source: AnyUrl


class Destination(Closed):
    type: Literal["owning_party", "possessing_party", "location"]
    destination: AnyUrl


class ObjectEvent(Closed):
    """The members that GS1's schema of an ObjectEvent requires, and those allowed that we write."""

    type: Literal["ObjectEvent"]
    event_id: Annotated[str, Field(alias="eventID", pattern=r"^urn:uuid:[0-9a-f-]{36}$")]
    event_time: AwareDatetime = Field(alias="eventTime")
    offset: Annotated[
        str,
        Field(
            alias="eventTimeZoneOffset",
            pattern=r"^([+]|[-])((0[0-9]|1[0-3]):([0-5][0-9])|14:00)$",
        ),
    ]
    action: Literal["OBSERVE", "ADD", "DELETE"]
    step: Literal["shipping", "receiving"] = Field(alias="bizStep")
    disposition: Literal["in_transit", "in_progress"]
    read_point: Place = Field(alias="readPoint")
    location: Place | None = Field(default=None, alias="bizLocation")
    sources: list[Source] = Field(alias="sourceList")
    destinations: list[Destination] = Field(alias="destinationList")
    quantities: Annotated[list[Quantity], Field(alias="quantityList", min_length=1)]


class EventList(Closed):
    events: list[ObjectEvent] = Field(alias="eventList")


class Document(Closed):
    context: Annotated[list[AnyUrl], Field(alias="@context", min_length=1)]
    type: Literal["EPCISDocument"]
    version: Literal["2.0"] = Field(alias="schemaVersion")
    created: AwareDatetime = Field(alias="creationDate")
    body: EventList = Field(alias="epcisBody")


def test_events_have_the_structure_of_epcis_2_and_the_units_of_the_ledger(
    ledger: PeriodLedger, tmp_path: Path
) -> None:
    path = tmp_path / "events.jsonld"
    count = write_epcis(ledger, path, datetime.date(2026, 3, 1))
    document = TypeAdapter(Document).validate_json(path.read_bytes())
    events = document.body.events
    assert len(events) == count > 0
    assert len({event.event_id for event in events}) == count
    for step, moved in (("shipping", ledger.shipped), ("receiving", ledger.received)):
        told = [q.quantity for e in events if e.step == step for q in e.quantities]
        assert sum(told) == pytest.approx(moved.sum())
        assert len([e for e in events if e.step == step]) == (moved.sum(axis=2) > 1e-9).sum()
    times = [event.event_time for event in events]
    assert times == sorted(times)
    assert times[0] == datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
    assert "https://twin.example/location/dc%2F1" in path.read_text(encoding="utf-8")


def test_the_same_run_gives_the_same_events(ledger: PeriodLedger, tmp_path: Path) -> None:
    texts = []
    for name in ("a", "b"):
        again = twin.simulate(from_mapping(PLACED), seed=3)
        write_epcis(again, tmp_path / name)
        texts.append((tmp_path / name).read_bytes())
    assert texts[0] == texts[1]


def read_long(path: Path) -> dict[str, dict[tuple[str, str, str], float]]:
    found: dict[str, dict[tuple[str, str, str], float]] = {}
    with open(path, encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            key = (row["period"], row["item"], row["product"])
            found.setdefault(row["table"], {})[key] = float(row["value"])
    return found


def test_every_number_of_the_ledger_is_in_the_long_table(
    ledger: PeriodLedger, tmp_path: Path
) -> None:
    write_csv(ledger, tmp_path / "ledger.csv")
    told = read_long(tmp_path / "ledger.csv")
    for table in tables_of(ledger):
        values = np.array(list(told[table.name].values())).reshape(table.values.shape)
        np.testing.assert_array_equal(values, table.values)
    assert told["on_hand"][("0", "dc/1", "tea")] == ledger.on_hand[0, 1, 0]
    profit = ledger.accounts.revenue[:, 2]
    revenue = [told["money.revenue"][(str(t), "k\u00f6ln", "")] for t in range(12)]
    np.testing.assert_array_equal(revenue, profit)


def test_parquet_says_what_csv_says(ledger: PeriodLedger, tmp_path: Path) -> None:
    write_csv(ledger, tmp_path / "ledger.csv")
    write_parquet(ledger, tmp_path / "ledger.parquet")
    table = pq.read_table(tmp_path / "ledger.parquet").to_pydict()
    told: dict[str, dict[tuple[str, str, str], float]] = {}
    for t, name, item, product, value in zip(*table.values(), strict=True):
        told.setdefault(name, {})[(str(t), item, product)] = value
    assert told == read_long(tmp_path / "ledger.csv")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_wide_table_has_a_row_per_period_and_a_column_per_item(
    ledger: PeriodLedger, tmp_path: Path, kind: str
) -> None:
    write = write_csv if kind == "csv" else write_parquet
    paths = write(ledger, tmp_path / "wide", wide=True)
    assert {path.stem for path in paths} == {table.name for table in tables_of(ledger)}
    path = tmp_path / "wide" / f"on_hand.{kind}"
    if kind == "csv":
        with open(path, encoding="utf-8", newline="") as stream:
            header, *rows = csv.reader(stream)
        found = np.array(rows, dtype=float)[:, 1 + header[1:].index("dc/1/tea")]
    else:
        found = pq.read_table(path).column("dc/1/tea").to_numpy()
    np.testing.assert_array_equal(found, ledger.on_hand[:, 1, 0])


def test_nothing_half_written_is_left_where_writing_failed(
    ledger: PeriodLedger, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(twin.TwinError, match="cannot write the file"):
        write_csv(ledger, tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_run_is_exported_as_it_was_when_it_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = from_mapping(PLACED)
    made = create_run(tmp_path / "runs", scenario, 3, (), "twin train placed.yaml")
    out = tmp_path / "map.geojson"
    assert run(["export", "geojson", str(made.path), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scenario_digest"] == scenario.digest
    assert run(["export", "csv", str(made.path), "--out", str(tmp_path / "x.csv")]) == 0
    assert run(["export", "csv", str(tmp_path), "--out", str(tmp_path / "y.csv")]) == 3
    assert "there is no such file" in capsys.readouterr().err


def test_the_command_exports_scenarios_and_refuses_a_wrong_date(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(ROOT / "scenarios" / "quickstart.yaml")
    out = tmp_path / "events.json"
    assert run(["export", "epcis", source, "--out", str(out), "--seed", "3", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["wrote"] == [str(out)]
    assert document["digest"] == twin.simulate(load(source), seed=3).digest
    assert run(["export", "epcis", source, "--out", str(out), "--start", "soon"]) == 2
    assert "--start" in capsys.readouterr().err
