"""Laws of importing tables of demand: long or wide, with gaps, alone or over a scenario."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.foreign_files import DATA, ROOT, draft_of, into, refused, warned
from twin.importers import ImportOptions, read_draft
from twin.scenario import load


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


def test_a_table_with_few_rows_over_many_years_is_refused_before_it_grows(tmp_path: Path) -> None:
    table = tmp_path / "sales.csv"
    rows = [f"20{10 + i % 20}-01-01,n{i},1" for i in range(2_000)]
    table.write_text("\n".join(["date,node,quantity", *rows]), encoding="utf-8")
    (told,) = refused("demand", table, gaps="zero")
    assert told.startswith("1: got 2,000 series of 6,941 days")
