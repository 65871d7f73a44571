"""Laws of promotion, with MLflow's side of the registry left out."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from agents.checkpoint.registry import Registry, folder_digest
from agents.checkpoint.tracking import Tracking
from agents.runs import RunFolder, RunRecord
from stress.promote import promote_run
from stress.results import Criterion, Manifest, Status, Verdict
from twin.errors import RegistryError, UsageError

GATE_HASH = "9" * 64


@pytest.fixture(autouse=True)
def _without_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = itertools.count(1)
    monkeypatch.setattr(Tracking, "log_run", lambda *_: "mlflow-run")
    monkeypatch.setattr(Tracking, "add_version", lambda *_: str(next(numbers)))
    monkeypatch.setattr(Tracking, "point_champion", lambda *_: None)
    monkeypatch.setattr("stress.promote.read_bundle_hash", folder_digest)


def criterion(gate: str, status: Status) -> Criterion:
    return Criterion(gate=gate, title=f"title of {gate}", status=status, sentence="Because.")


def judged_run(
    folder: Path,
    statuses: tuple[Status, ...] = ("PASS", "PASS"),
    overall: Status = "PASS",
    champion: str = "",
) -> RunFolder:
    record = RunRecord(
        run=folder.name,
        scenario="quickstart",
        scenario_path="quickstart.yaml",
        scenario_digest="abc",
        files=(),
        overrides=(),
        seed=7,
        command="twin prove",
        settings={"gate": GATE_HASH},
        versions={},
        commit="",
        started="",
        machine="",
    )
    run = RunFolder(folder, record)
    run.bundle.mkdir(parents=True)
    (run.bundle / "weights.bin").write_text(folder.name)
    sealed = folder_digest(run.bundle)
    run.write_json("artifact.json", {"bundle": sealed})
    verdict = Verdict(
        status=overall,
        criteria=tuple(criterion(f"G{n}", status) for n, status in enumerate(statuses, 2)),
        gate_file="default.yaml",
        gate_hash=GATE_HASH,
        champion=champion,
    )
    write(run, verdict, manifest(sealed))
    return run


def manifest(bundle: str) -> Manifest:
    return Manifest(
        run="r",
        scenario="quickstart",
        scenario_path="quickstart.yaml",
        scenario_digest="abc",
        seed=7,
        command="twin prove",
        periods=120,
        bundle=bundle,
    )


def write(run: RunFolder, verdict: Verdict, manifest: Manifest) -> None:
    run.write_json("verdict.json", verdict.model_dump_json())
    run.write_json("manifest.json", manifest.model_dump_json())


def test_a_run_that_passed_becomes_champion_and_again_changes_nothing(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry")
    run = judged_run(tmp_path / "first")
    record = promote_run(run, registry)
    assert registry.champion("quickstart") == record
    assert record.bundle_hash == folder_digest(run.bundle)
    assert promote_run(run, registry) == record
    assert [move.reason for move in registry.history("quickstart")] == ["PASS by default.yaml"]


@pytest.mark.parametrize("status", ["FAIL", "INCONCLUSIVE"])
def test_only_pass_promotes_and_the_refusal_names_the_gate(status: Any, tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry")
    run = judged_run(tmp_path / "first", ("PASS", status), status)
    with pytest.raises(RegistryError, match=rf"caught by G3 title of G3 \({status}\)"):
        promote_run(run, registry)
    assert registry.champion("quickstart") is None


def test_a_verdict_that_says_pass_above_a_failed_criterion_is_not_believed(
    tmp_path: Path,
) -> None:
    for name, statuses in (("failed", ("PASS", "FAIL")), ("empty", ())):
        run = judged_run(tmp_path / name, statuses)  # type: ignore[arg-type]
        with pytest.raises(RegistryError, match="not promoted"):
            promote_run(run, Registry(tmp_path / "registry"))


def test_a_checkpoint_changed_after_the_verdict_is_caught_by_provenance(tmp_path: Path) -> None:
    run = judged_run(tmp_path / "first")
    (run.bundle / "weights.bin").write_text("other weights")
    with pytest.raises(RegistryError, match="G0 Provenance: the checkpoint"):
        promote_run(run, Registry(tmp_path / "registry"))
    forged = manifest(folder_digest(run.bundle))
    run.write_json("manifest.json", forged.model_dump_json())
    with pytest.raises(RegistryError, match="G0 Provenance: the checkpoint"):
        promote_run(run, Registry(tmp_path / "registry"))


def test_a_gate_that_was_not_fixed_before_training_promotes_nothing(tmp_path: Path) -> None:
    run = judged_run(tmp_path / "first")
    for settings in ({}, {"gate": "8" * 64}):
        changed = RunFolder(run.path, run.record.model_copy(update={"settings": settings}))
        with pytest.raises(RegistryError, match="G0 Provenance: the gate"):
            promote_run(changed, Registry(tmp_path / "registry"))


def test_a_verdict_without_the_reigning_champion_has_to_be_judged_again(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry")
    first = promote_run(judged_run(tmp_path / "first"), registry)
    with pytest.raises(RegistryError, match="Judge the checkpoint again"):
        promote_run(judged_run(tmp_path / "second"), registry)
    third = promote_run(judged_run(tmp_path / "third", champion=first.version), registry)
    assert registry.champion("quickstart") == third
    assert registry.rollback("quickstart") == first


def test_a_run_without_or_with_a_damaged_verdict_is_a_usage_error(tmp_path: Path) -> None:
    run = judged_run(tmp_path / "first")
    run.write_json("verdict.json", '{"status": "PASS"}')
    with pytest.raises(UsageError, match="damaged"):
        promote_run(run, Registry(tmp_path / "registry"))
    (run.path / "verdict.json").unlink()
    with pytest.raises(UsageError, match="no verdict"):
        promote_run(run, Registry(tmp_path / "registry"))
