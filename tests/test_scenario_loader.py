"""Laws of reading scenario files: what is refused, and what a person is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.scenario_files import BAD, GOOD, Write, complaints, mapping, problems_of, told
from twin.errors import ScenarioError
from twin.scenario import from_mapping, load_document, read_sources, render
from twin.scenario.files import MAX_YAML_BYTES
from twin.scenario.quantities import Model, PoissonDemand


@pytest.mark.parametrize("name", sorted(path.stem for path in BAD.glob("*.yaml")))
def test_a_wrong_scenario_is_told_in_the_expected_words(name: str) -> None:
    problems = problems_of(BAD / f"{name}.yaml")
    expected = (BAD / f"{name}.expected").read_text(encoding="utf-8").splitlines()
    assert told(problems, BAD) == expected


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_problem_has_a_place_in_its_file_and_the_caret_stands_under_it(path: Path) -> None:
    problems = problems_of(path)
    sources = read_sources(problems)
    for problem in problems:
        assert problem.line >= 1
        assert problem.column >= 1
        shown = render([problem], sources).splitlines()
        if path.stem in ("binary", "not_utf8"):
            assert shown == [str(problem)]
            continue
        line = sources[problem.file].splitlines()[problem.line - 1]
        assert shown[1].endswith(line)
        assert len(shown[2]) - 8 == problem.column


def test_problems_are_sorted_by_place() -> None:
    places = [(p.line, p.column) for p in problems_of(BAD / "several_problems.yaml")]
    assert places == sorted(places)
    assert len(places) >= 4


def test_a_wrong_value_does_not_hide_what_is_wrong_elsewhere() -> None:
    scenario = mapping(horizon="4.5 d", fleets={"vans": 3}, agents={"replenish": ["dc", "norht"]})
    scenario["nodes"]["dc"]["capacity"] = -1
    scenario["lanes"]["dc -> nroth"] = {"fleet": "vans"}
    text = complaints(scenario)
    for words in ("capacity: got -1", "unknown node 'nroth'", "unknown node 'norht'",
                  "whole number of periods", "fleets.vans: got 3"):  # fmt: skip
        assert words in text
    assert "unknown node 'dc'" not in text
    assert "unknown fleet" not in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"horizon": 20_000}, "expected at most 10,000"),
        ({"period": 3}, "whole number of periods of 3 d"),
        ({"nodes": {"a": {"kind": "warehouse"}}, "lanes": {}}, "nothing to simulate"),
        ({"agents": {"replenish": ["plant"]}}, "no lane leads to 'plant'"),
        ({"lanes": {"plant -> dc": {}, "plant -> north": {"share": 0.5}, "dc -> north": {}}},
         "shares are given for only some lanes into 'north'"),
        ({"lanes": {"plant -> dc": {"price": {"x": 1}}, "dc -> north": {}}}, "unknown product 'x'"),
        ({"nodes": {"a": {"kind": "supplier", "demand": {"model": "constant", "mean": 1}}},
          "lanes": {}}, "customers' demand at a supplier"),
    ],
)  # fmt: skip
def test_nonsense_in_valid_types_is_refused(changes: dict[str, Any], words: str) -> None:
    assert words in complaints(mapping(**changes))


def test_a_thousand_mistakes_are_listed_within_bounds() -> None:
    with pytest.raises(ScenarioError) as caught:
        from_mapping(mapping(nodes={f"n{i}": {} for i in range(2_000)}))
    assert len(caught.value.problems) == 251
    assert "more problems" in caught.value.problems[-1].message


def test_python_data_that_contains_itself_is_refused() -> None:
    scenario = mapping()
    scenario["nodes"]["dc"]["stock"] = scenario
    assert "nested deeper" in complaints(scenario)


def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path) -> None:
    big = tmp_path / "big.yaml"
    big.write_bytes(b"#" * (MAX_YAML_BYTES + 1))
    for path, words in (
        (tmp_path, "directory"), (tmp_path / "no.yaml", "no such file"), (big, "larger"),
        (Path("/dev/zero"), "regular"), (Path("a\0b"), "cannot be read"),
    ):  # fmt: skip
        (problem,) = problems_of(path)
        assert words in problem.message
        assert problem.line == 1


class Suite(Model):
    """A document of another kind."""

    kind: Literal["suite"]
    share: int | Literal["all"] = "all"
    cases: tuple[PoissonDemand | list[int], ...] = ()


def test_other_kinds_of_file_are_read_by_the_same_rules(write: Write) -> None:
    path = write("suite.yaml", "kind: suite\ncases: [[1], {model: poisson, mean: 2}]\n")
    suite, files = load_document(path, Suite, ["share=3"])
    assert (suite.share, len(suite.cases), len(files)) == (3, 2, 1)
    path = write("bad.yaml", "kind: suit\nshare: most\ncases:\n- {model: poisson, mean: -2}\n- 7\n")
    with pytest.raises(ScenarioError) as caught:
        load_document(path, Suite)
    assert told(caught.value.problems, path.parent) == [
        "1:7: kind: got 'suit', expected suite (did you mean 'suite'?)",
        "2:8: share: got 'most', expected a whole number or all",
        "4:26: cases[0].mean: got -2, expected at least 0",
        "5:3: cases[1]: got 7, expected a map or a list",
    ]


def test_loading_a_scenario_does_not_load_slow_libraries(write: Write) -> None:
    code = (
        "import sys; from twin.scenario import load; load(sys.argv[1]); "
        "print({'networkx', 'numpy', 'torch'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(write("x.yaml", GOOD))]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "set()"
