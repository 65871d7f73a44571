"""Laws of ``twin audit``: what it prints, what it keeps, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agents.credit.record import Audit, read_audit
from tests.saved_fleet import saved, tuned_run
from twin.cli import run
from twin.network.world import compile_world


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with a fleet of random weights, which does harm."""
    base = tmp_path_factory.mktemp("audit")
    folder = tuned_run(base)
    saved(folder.bundle, compile_world(folder.scenario().model))
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
