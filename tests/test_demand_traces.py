"""Laws of demand read from a CSV file beside the scenario."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenario_files import GOOD, Write, problems_of
from twin.scenario import dump_yaml, load
from twin.scenario.quantities import TraceDemand


def traced(write: Write, csv: str, extra: str = "") -> Path:
    write("demand.csv", csv)
    model = f"{{model: trace, file: demand.csv{extra}}}"
    return write("traced.yaml", GOOD.replace("{model: poisson, mean: 20}", model))


def test_a_trace_fills_in_its_values_and_is_part_of_the_digest(write: Write) -> None:
    first = load(traced(write, "day,units\n1,5\n2,6.5\n3,0\n4,1e1\n"))
    demand = first.model.nodes["north"].demand
    assert isinstance(demand, TraceDemand)
    assert demand.values == (5.0, 6.5, 0.0, 10.0)
    assert [Path(file.path).name for file in first.files] == ["traced.yaml", "demand.csv"]
    again = write("again/dump.yaml", dump_yaml(first))
    assert load(again).digest == first.digest
    changed = load(traced(write, "day,units\n1,5\n2,6.5\n3,0\n4,11\n"))
    assert changed.digest != first.digest


@pytest.mark.parametrize(
    ("csv", "extra", "place", "words"),
    [
        ("day,unit\n1,5\n", "", (1, 1), "'units' is missing (did you mean 'unit'?)"),
        ("day;units\n1;5\n", "", (1, 1), "separate the columns with commas"),
        ("units,units\n1,5\n", "", (1, 1), "there more than once"),
        ("day,units\n\n1,5\n2,x\n3,-1\n4,1\n", "", (4, 3), "got 'x', expected a number"),
        ("day,units\n1,5\n2,\n3,1\n4,1\n", "", (3, 3), "the number is missing"),
        ("day,units\n1\n", "", (2, 3), "the number is missing"),
        ("day,units\n1,nan\n", "", (2, 3), "got 'nan', expected a number"),
        ("day,units\n1,5\n2,6\n", "", (3, 1), "got 2 rows, expected at least 4"),
        ("day,units\n", ", wrap: true", (1, 1), "got 0 rows, expected at least 1"),
        ("", "", (1, 1), "the trace is empty"),
        ('day,units\n1,"5\n', "", (2, 1), "bad CSV"),
    ],
)
def test_a_problem_of_a_trace_lies_in_the_csv_file(
    write: Write, csv: str, extra: str, place: tuple[int, int], words: str
) -> None:
    problem = problems_of(traced(write, csv, extra))[0]
    assert Path(problem.file).name == "demand.csv"
    assert (problem.line, problem.column) == place
    assert words in str(problem)


def test_a_short_trace_may_start_over(write: Write) -> None:
    assert load(traced(write, "units\n5\n", ", wrap: true")).model.nodes["north"].demand


def test_a_trace_is_looked_up_beside_the_file_that_names_it(write: Write) -> None:
    write("base/demand.csv", "units\n1\n2\n3\n4\n")
    model = "{model: trace, file: demand.csv}"
    write("base/base.yaml", GOOD.replace("{model: poisson, mean: 20}", model))
    assert load(write("over.yaml", "extends: base/base.yaml\n")).model.nodes["north"].demand
