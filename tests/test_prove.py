"""The whole thread on a network small enough for seconds: prove, refuse, resume, replay."""

import json
import shutil
from pathlib import Path

import pytest

from stress import campaign
from stress.results import Verdict
from twin.cli import run

SCENARIO = """
kind: scenario
name: corner-shop
horizon: 21 d
nodes:
  plant: {kind: supplier}
  shop:  {kind: store, stock: 20, holding: 0.5, unmet: lost, penalty: 9,
          demand: {model: poisson, mean: 10, weekly: [0.4, 0.4, 0.6, 1, 1.6, 2, 1]}}
lanes:
  plant -> shop: {lead_time: 1 d, fleet: van}
fleets:
  van: {depot: plant, vehicles: 2, capacity: 15, round_trip: 1 d, cost_per_trip: 2}
agents: {replenish: [shop], dispatch: [van]}
"""
SUITE = """
kind: stress
name: tiny
nominal_seeds: 6
seeds: 3
faults:
  tool.malformed: {severities: [3]}
  world.outage: {severities: [2]}
"""
GATE = """
kind: gate
name: tiny
minimum_pairs: 6
resamples: 400
seed: 1
criteria:
  provenance: {}
  safety: {max_rate: 50 %}
  baseline: {minimum_saving: 0 %, worst_scenario: 50 %}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = tmp_path_factory.mktemp("prove")
    for name, text in (("shop", SCENARIO), ("suite", SUITE), ("gate", GATE)):
        (base / f"{name}.yaml").write_text(text)
    return base


def options(folder, *more):
    files = ["--suite", str(folder / "suite.yaml"), "--gate", str(folder / "gate.yaml")]
    return [*files, "--registry", str(folder / "registry"), *more]


def prove(folder, *more, runs="runs"):
    arguments = ["prove", str(folder / "shop.yaml"), "--agent-steps", "60000", "--json", *more]
    return [*arguments, *options(folder, "--out", str(folder / runs))]


@pytest.fixture(scope="module")
def passed(folder):
    """Exit code and run folder of a fleet that was proven; the registry then has a champion."""
    return run(prove(folder)), max((folder / "runs").iterdir())


def trained_only(passed, target):
    """A copy of the run as it was when training had ended."""
    shutil.copytree(passed[1], target)
    for name in ("verdict.json", "manifest.json", "cases.jsonl", "cases.parquet", "report.html"):
        (target / name).unlink()
    return target


def test_a_fleet_that_learnt_passes_and_is_promoted(passed):
    code, path = passed
    verdict = Verdict.model_validate_json((path / "verdict.json").read_bytes())
    assert code == 0, [c.sentence for c in verdict.failed]
    assert verdict.status == "PASS"
    written = {child.name for child in path.iterdir()}
    assert {"manifest.json", "cases.parquet", "report.html", "traces", "bundle"} <= written


def test_the_stages_one_by_one_pass_what_prove_passes(folder, tmp_path, capsys):
    judges, registry = options(folder)[:4], ["--registry", str(tmp_path / "registry")]
    scenario = [str(folder / "shop.yaml"), "--agent-steps", "60000", "--out", str(tmp_path)]
    assert run(["train", *scenario, *judges, *registry, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)["run"]
    assert run(["stress", made, *judges, *registry, "--shard", "2/2"]) == 0
    assert not (Path(made) / "cases.parquet").exists()
    assert run(["stress", made, *judges, *registry]) == 0
    assert {"cases.json", "cases.junit.xml"} <= {path.name for path in Path(made).iterdir()}
    assert run(["judge", made, *judges, *registry]) == 0
    assert run(["promote", made, *registry]) == 0
    assert run(["report", made]) == 0
    assert "version 1" in capsys.readouterr().out


def test_a_gate_that_was_changed_after_training_is_refused(folder, passed, tmp_path, capsys):
    easier = tmp_path / "gate.yaml"
    easier.write_text(GATE.replace("worst_scenario: 50 %", "worst_scenario: 90 %"))
    run_folder = trained_only(passed, tmp_path / "changed")
    judges = [*options(folder)[:2], "--gate", str(easier), "--registry", str(tmp_path / "none")]
    assert run(["stress", str(run_folder), *judges]) == 0
    assert run(["judge", str(run_folder), *judges]) == 1
    assert "FAIL         G0" in capsys.readouterr().out


def test_a_new_proof_starts_from_the_champion_and_says_so(folder, passed, capsys):
    from agents.checkpoint.bundle import read_bundle, read_bundle_hash

    arguments = prove(folder, "--seed", "3", runs="heirs")
    arguments[arguments.index("60000")] = "3000"
    run(arguments)
    heir = next((folder / "heirs").iterdir())
    assert read_bundle(heir / "bundle")[0].parent == read_bundle_hash(passed[1] / "bundle")
    verdict = json.loads(capsys.readouterr().out)
    assert next(c for c in verdict["criteria"] if c["gate"] == "G3")["status"] == "PASS"


def test_a_recorded_case_replays_to_the_same_result(folder, passed, tmp_path, capsys):
    from stress.store import TABLE, read_table

    cases = read_table(passed[1] / TABLE)
    case = next(c for c in cases if c.fault == "tool.malformed" and c.policy == "fleet")
    files = [*options(folder)[:4], "--registry", str(tmp_path)]
    assert run(["replay", str(passed[1]), case.case[:12], *files, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["same"] is True


@pytest.mark.parametrize("kind", ["shuffled", "muted:replenish:shop"])
def test_a_sabotaged_fleet_is_refused_and_the_gate_that_caught_it_is_named(
    folder, passed, tmp_path, capsys, kind
):
    spoilt = trained_only(passed, tmp_path / "spoilt")
    files = [*options(folder)[:4], "--registry", str(tmp_path / "empty")]
    assert run(["stress", str(spoilt), "--sabotage", kind, *files]) == 0
    assert run(["judge", str(spoilt), "--sabotage", kind, *files]) == 1
    assert "FAIL         G3" in capsys.readouterr().out
    assert run(["promote", str(spoilt), "--registry", str(tmp_path / "empty")]) == 4
    assert "caught by G3" in capsys.readouterr().err


def test_an_interrupted_proof_goes_on_where_it_stopped(folder, passed, capsys, monkeypatch):
    original = campaign._Run.tell

    def interrupt(self, count, failures):
        original(self, count, failures)
        if count == 15:
            raise KeyboardInterrupt

    trained_only(passed, folder / "more" / passed[1].name)
    arguments = prove(folder, "--resume", "--from-scratch", runs="more")
    monkeypatch.setattr(campaign._Run, "tell", interrupt)
    assert run(arguments) == 130
    monkeypatch.setattr(campaign._Run, "tell", original)
    capsys.readouterr()
    assert run(arguments) in (0, 1)
    first = json.loads(capsys.readouterr().out)["criteria"][0]
    assert (first["gate"], first["status"]) == ("G0", "PASS")
    assert len(list((folder / "more").iterdir())) == 1
