"""Laws of ``twin audit``: what it prints, what it keeps, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agents.baselines import default_rules, rule_to_json
from agents.credit.record import Audit, read_audit
from agents.runs import create_run
from tests.test_bundle import saved
from twin.cli import run
from twin.network.world import compile_world
from twin.scenario import load

SCENARIO = """
kind: scenario
name: tiny
horizon: 14 d
nodes:
  plant: {kind: supplier}
  dc:    {kind: warehouse, stock: 60, holding: 0.1}
  north: {kind: store, stock: 15, holding: 0.5, unmet: lost, penalty: 8,
          demand: {model: poisson, mean: 5}}
lanes:
  plant -> dc: {lead_time: 2 d}
  dc -> north: {lead_time: 1 d, fleet: trucks}
fleets:
  trucks: {depot: dc, vehicles: 3, capacity: 10, round_trip: 2 d}
agents: {dispatch: [trucks]}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with a fleet of random weights, which does harm."""
    base = tmp_path_factory.mktemp("audit")
    (base / "tiny.yaml").write_text(SCENARIO)
    scenario = load(base / "tiny.yaml")
    world = compile_world(scenario.model)
    folder = create_run(base / "runs", scenario, 0, (), "twin train")
    rows = {
        kind: {"cost": 1.0, "rule": rule_to_json(world, rule)}
        for kind, rule in default_rules(world).items()
    }
    folder.write_json("baselines.json", rows)
    saved(folder.bundle, world)
    return folder.path


def test_the_audit_of_a_run_is_kept_in_its_folder_and_printed(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(["audit", str(trained), "--seeds", "6", "--json"])
    found = Audit.model_validate_json(capsys.readouterr().out)
    assert found == read_audit(trained)
    assert code == (1 if found.blamed else 0)
    assert sum(row.shapley.value for row in found.agents if row.shapley) == pytest.approx(
        found.gain.value, abs=1e-9
    )
    assert sum(row.cost for row in found.agents) + found.unassigned == pytest.approx(found.cost)


def test_a_muted_agent_is_named_and_the_record_of_the_run_stays(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = read_audit(trained)
    arguments = ["audit", str(trained), "--seeds", "6", "--sabotage", "muted:replenish:north"]
    assert run(arguments) == 1
    shown = capsys.readouterr().out
    assert "! harmful" in shown
    assert "replenish:north: It costs the team" in shown
    assert "its action never changes" in shown
    assert read_audit(trained) == before


def test_a_bundle_outside_its_run_needs_its_scenario(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lonely = tmp_path / "fleet"
    lonely.mkdir()
    for file in (trained / "bundle").iterdir():
        (lonely / file.name).write_bytes(file.read_bytes())
    assert run(["audit", str(lonely)]) == 2
    assert "--scenario" in capsys.readouterr().err
    source = str(trained.parents[1] / "tiny.yaml")
    assert run(["audit", str(lonely), "--scenario", source, "--seeds", "4", "--json"]) in (0, 1)
    assert json.loads(capsys.readouterr().out)["method"] == "exact"
    assert run(["audit", str(tmp_path)]) == 3
    assert "not a bundle" in capsys.readouterr().err


def test_a_damaged_record_is_refused(tmp_path: Path) -> None:
    from twin.errors import UsageError

    (tmp_path / "audit.json").write_text("{}")
    with pytest.raises(UsageError, match="damaged"):
        read_audit(tmp_path)
