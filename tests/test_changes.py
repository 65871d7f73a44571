"""A changed file is a different scenario, and everybody who meets one says so by name."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from agents.changes import changed_files, why_not_resumed
from agents.runs import RunFolder, create_run, open_run
from twin.cli import run as twin
from twin.scenario import Scenario, load

BASE = """\
kind: scenario
name: base
horizon: 3 d
nodes:
  plant: {kind: supplier}
  south: {kind: store, demand: {model: trace, file: data/south.csv}}
lanes:
  plant -> south: {lead_time: 1 d}
"""
SETTINGS = {"gate": "g", "suite": "s"}


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("data/south.csv").write_text("units\n1\n2\n3\n", encoding="utf-8")
    Path("base.yaml").write_text(BASE, encoding="utf-8")
    Path("own.yaml").write_text("extends: base.yaml\nname: own\n", encoding="utf-8")
    return load("own.yaml")


@pytest.fixture
def run(scenario: Scenario) -> RunFolder:
    return create_run(Path("runs"), scenario, 7, (), "twin train own.yaml", SETTINGS)


def sha256(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_a_run_lists_every_file_it_was_read_from_with_its_hash(run: RunFolder) -> None:
    read = {file.path: file.sha256 for file in open_run(run.path).record.files}
    assert read == {path: sha256(path) for path in ("own.yaml", "base.yaml", "data/south.csv")}


@pytest.mark.parametrize("changed", ["data/south.csv", "base.yaml", "own.yaml"])
def test_a_changed_file_is_named_with_its_hash_then_and_now(run: RunFolder, changed: str) -> None:
    assert changed_files(run) == ()
    before = sha256(changed)
    with open(changed, "a", encoding="utf-8") as file:
        file.write("4\n" if changed.endswith("csv") else "# more\n")
    (told,) = changed_files(run)
    assert told == (
        f"{changed} changed since training: sha256 {before[:12]}, now {sha256(changed)[:12]}"
    )


def test_a_changed_trace_is_another_scenario_but_the_run_keeps_its_own(run: RunFolder) -> None:
    Path("data/south.csv").write_text("units\n1\n2\n4\n", encoding="utf-8")
    assert load("own.yaml").digest != run.record.scenario_digest
    assert run.scenario().digest == run.record.scenario_digest


def test_a_file_that_is_gone_is_named_and_a_run_elsewhere_is_not_bothered(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("data/south.csv").unlink()
    (told,) = changed_files(run)
    assert told == "data/south.csv was read when the run started, and is not there any more"
    elsewhere = RunFolder(run.path.resolve(), run.record)
    monkeypatch.chdir(tmp_path / "data")
    assert changed_files(elsewhere) == ()


@pytest.mark.parametrize("command", [["stress"], ["judge"], ["replay"]])
def test_stress_judge_and_replay_say_which_file_changed(
    run: RunFolder, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    suite = Path(__file__).parent.parent / "scenarios" / "stress" / "smoke.yaml"
    gate = Path(__file__).parent.parent / "scenarios" / "gates" / "default.yaml"
    Path("data/south.csv").write_text("units\n1\n2\n4\n", encoding="utf-8")
    more = ["ab12"] if command == ["replay"] else []
    twin([*command, str(run.path), *more, "--suite", str(suite), "--gate", str(gate)])
    told = capsys.readouterr().err
    assert "note: data/south.csv changed since training: sha256 " in told
    assert "train a new run" in told


def test_a_run_that_is_not_resumed_names_the_changed_file(run: RunFolder) -> None:
    same = load("own.yaml")
    assert why_not_resumed(Path("runs"), same, 7, SETTINGS) == ()
    Path("data/south.csv").write_text("units\n1\n2\n4\n", encoding="utf-8")
    changed = load("own.yaml")
    (told,) = why_not_resumed(Path("runs"), changed, 7, SETTINGS)
    assert told.startswith("data/south.csv changed since training: sha256 ")
    assert why_not_resumed(Path("runs"), changed, 8, SETTINGS) == ()
