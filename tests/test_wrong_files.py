"""Laws of wrong files: each gets a clear report at its place, soon and within bounds."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.wrong_files import (
    CASES,
    CHANGES,
    HEAD,
    LARGE,
    LIBRARY,
    MANY_NODES,
    SEED,
    TEXTS,
    TRACES,
    one,
)
from twin.cli import run as twin
from twin.errors import Problem
from twin.exogenous.streams import stream
from twin.scenario import read_sources, render
from twin.scenario.checks import MAX_FINDINGS
from twin.scenario.loader import MAX_PROBLEMS
from twin.scenario.model import ScenarioModel
from twin.scenario.shape import most_entries
from twin.scenario.yaml12 import MAX_ENTRIES, parse

LONGEST_LINE = 2_000
PEAK_MB = 500


def reported(path: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What ``twin check`` says, which is one clear report and nothing else."""
    assert twin(["check", str(path), "--json"]) == 3
    out, err = capsys.readouterr()
    assert err == ""
    (answer,) = json.loads(out)
    assert answer["ok"] is False
    problems: list[dict[str, Any]] = answer["problems"]
    found = [Problem(**problem) for problem in problems]
    shown = render(found, read_sources(found))
    assert max(map(len, shown.splitlines())) <= LONGEST_LINE
    return problems


def check_problems(problems: list[dict[str, Any]], folder: Path) -> None:
    """Every problem has a place and words; more than can be read are counted, not listed."""
    assert 1 <= len(problems) <= MAX_PROBLEMS + 1
    for problem in problems:
        assert Path(problem["file"]).parent == folder
        assert problem["line"] >= 1
        assert problem["column"] >= 1
        assert 8 <= len(problem["message"]) <= 1_000


@pytest.mark.parametrize(("name", "copy_"), CASES, ids=[f"{n}/{c}" for n, c in CASES])
def test_a_library_file_that_was_made_wrong_gets_a_clear_report(
    name: str, copy_: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = stream(SEED, f"wrong_files/{name}/{copy_}")
    data = copy.deepcopy(LIBRARY[one(rng, LIBRARY)])
    for node in data["nodes"].values():
        if isinstance(demand := node.get("demand"), dict) and demand.get("model") == "trace":
            node["demand"] = {"model": "poisson", "mean": 3}
    CHANGES[name](data, rng)
    path = tmp_path / "wrong.yaml"
    path.write_text(json.dumps(data), encoding="utf-8")
    check_problems(reported(path, capsys), tmp_path)


@pytest.mark.parametrize("name", [name for name in TEXTS if name not in LARGE])
def test_a_text_that_is_no_scenario_gets_a_clear_report(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_bytes(TEXTS[name])
    check_problems(reported(path, capsys), tmp_path)


@pytest.mark.parametrize("name", TRACES)
def test_a_wrong_trace_gets_a_clear_report(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sales.csv").write_bytes(TRACES[name])
    path = tmp_path / "wrong.yaml"
    demand = "{model: trace, file: sales.csv}"
    nodes = f"nodes: {{p: {{kind: supplier}}, a: {{kind: store, demand: {demand}}}}}\n"
    path.write_text(HEAD + nodes + "lanes: {p -> a: {}}\n", encoding="utf-8")
    check_problems(reported(path, capsys), tmp_path)


def test_there_are_at_least_60_wrong_files() -> None:
    assert len(CASES) + len(TEXTS) + len(TRACES) >= 60


def test_reading_stops_at_the_first_entry_too_many() -> None:
    limits = most_entries(ScenarioModel)
    parsed = parse(HEAD + "nodes:\n" + MANY_NODES, "wrong.yaml", limits)
    (problem,) = parsed.problems
    assert parsed.root is None
    assert problem.line == HEAD.count("\n") + 1 + limits["nodes"] + 1
    assert problem.message == f"more than {limits['nodes']:,} entries in nodes"


@pytest.mark.parametrize("opened", ["[", "a: {b: ["])
def test_a_list_ends_at_its_limit(opened: str) -> None:
    parsed = parse(opened + "1, " * MAX_ENTRIES + "1]", "wrong.yaml")
    (problem,) = parsed.problems
    assert problem.column == len(opened) + 3 * MAX_ENTRIES + 1
    assert problem.message == f"more than {MAX_ENTRIES:,} entries in one list"


def test_what_is_not_explained_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.yaml"
    nodes = "".join(f"  n{i}: {{stok: {i}}}\n" for i in range(9_000))
    path.write_text(HEAD + "nodes:\n" + nodes, encoding="utf-8")
    problems = reported(path, capsys)
    assert len(problems) == MAX_PROBLEMS + 1
    assert problems[-1]["message"] == f"and {2 * 9_000 - MAX_PROBLEMS:,} more problems from here on"


def test_a_hundred_mistakes_of_one_kind_end_the_search(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file full of lanes to nowhere is not searched for more: it would take seconds."""
    path = tmp_path / "wrong.yaml"
    lanes = "".join(f"  a -> q{i} via w: {{fleet: f{i}}}\n" for i in range(2_000))
    nodes = "nodes: {a: {kind: supplier}, b: {kind: store}}\n"
    path.write_text(HEAD + nodes + "lanes:\n" + lanes, encoding="utf-8")
    problems = reported(path, capsys)
    assert len(problems) == MAX_FINDINGS + 1
    assert all("unknown node" in problem["message"] for problem in problems[:-1])


SCRIPT = """\
import sys, time
from twin.cli import run
code = run(["check", sys.argv[1]])
peak_kb = next(line.split()[1] for line in open("/proc/self/status") if "VmHWM" in line)
print(code, peak_kb, time.process_time())
"""
"""Peak memory from the kernel's own count: ``ru_maxrss`` begins at that of the parent."""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
@pytest.mark.parametrize("name", LARGE)
def test_a_large_wrong_file_is_told_within_500_mb(name: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_bytes(TEXTS[name])
    command = [sys.executable, "-c", SCRIPT, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    code, peak_kb, cpu_s = done.stdout.split()
    print(f"{name}: {int(peak_kb) / 1024:.0f} MB, {float(cpu_s):.2f} s of CPU time")
    assert code == "3"
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    assert int(peak_kb) < PEAK_MB * 1024
