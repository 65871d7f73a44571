"""Laws of the model registry; one MLflow database serves them all, a model name per test."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agents.checkpoint.registry import ChampionRecord, Registry, folder_digest
from twin.errors import RegistryError

FIRST_PROMOTION = """
import sys
from agents.checkpoint.registry import Registry
registry = Registry(sys.argv[1])
record = registry.register("quickstart", sys.argv[2], "fresh")
registry.set_champion("quickstart", record.version, "")
"""


@dataclass(frozen=True)
class Beginning:
    """The one registry of this file, created by a program of its own in the folder ``work``."""

    registry: Registry
    work: Path
    outcome: tuple[int, str, str]


@pytest.fixture(scope="module")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Beginning:
    folder = tmp_path_factory.mktemp("model registry #1")
    work = folder / "work"
    work.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", FIRST_PROMOTION, "../registry", str(bundle(folder / "b", "fresh"))],
        cwd=work,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    outcome = (done.returncode, done.stdout, done.stderr)
    return Beginning(Registry(folder / "registry"), work, outcome)


@pytest.fixture(scope="module")
def registry(beginning: Beginning) -> Registry:
    return beginning.registry


@pytest.fixture
def model(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def bundle(folder: Path, content: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights.bin").write_text(content)
    (folder / "notes").mkdir(exist_ok=True)
    (folder / "notes" / "manifest.json").write_text("{}")
    return folder


def crowned(registry: Registry, model: str, folder: Path, content: str) -> ChampionRecord:
    champion = registry.champion(model)
    record = registry.register(model, bundle(folder / content, content), content, run=content)
    return registry.set_champion(model, record.version, champion.version if champion else "")


def mlflow_alias(registry: Registry, model: str) -> str:
    with registry._tracking._quietly() as client:
        return str(client.get_model_version_by_alias(model, "champion").version)


def test_nobody_reigns_in_an_empty_registry_and_asking_creates_nothing(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "none")
    assert registry.champion("quickstart") is None
    assert registry.history("quickstart") == ()
    assert not (tmp_path / "none").exists()


def test_a_registered_version_is_not_champion_before_it_is_made_so(
    registry: Registry, model: str, tmp_path: Path
) -> None:
    record = registry.register(model, bundle(tmp_path, "a"), "hash-a", run="run-1")
    assert registry.champion(model) is None
    assert registry.set_champion(model, record.version, "") == record
    assert registry.champion(model) == record
    assert (record.version, record.bundle_hash, record.run) == ("1", "hash-a", "run-1")
    assert mlflow_alias(registry, model) == "1"


def test_the_copy_outlives_the_original_and_nobody_may_write_it(
    registry: Registry, model: str, tmp_path: Path
) -> None:
    source = bundle(tmp_path / "source", "a")
    digest = folder_digest(source)
    record = registry.register(model, source, "a")
    (source / "weights.bin").write_text("changed")
    assert folder_digest(record.bundle) == record.digest == digest
    assert (record.bundle / "weights.bin").stat().st_mode & 0o222 == 0


def test_the_same_checkpoint_is_registered_once(
    registry: Registry, model: str, tmp_path: Path
) -> None:
    first = registry.register(model, bundle(tmp_path / "1", "a"), "a")
    assert registry.register(model, bundle(tmp_path / "2", "a"), "a") == first
    assert registry.register(model, bundle(tmp_path / "3", "b"), "b").version == "2"


def test_promoting_the_champion_again_changes_nothing(
    registry: Registry, model: str, tmp_path: Path
) -> None:
    record = crowned(registry, model, tmp_path, "a")
    assert registry.set_champion(model, record.version, "") == record
    assert len(registry.history(model)) == 1


def test_a_verdict_against_a_former_champion_promotes_nobody(
    registry: Registry, model: str, tmp_path: Path
) -> None:
    late = registry.register(model, bundle(tmp_path / "late", "late"), "late")
    reigning = crowned(registry, model, tmp_path, "a")
    with pytest.raises(RegistryError, match="champion has changed since the verdict"):
        registry.set_champion(model, late.version, "")
    assert registry.champion(model) == reigning


def test_rollback_returns_to_the_previous_champion_and_twice_to_the_one_before(
    registry: Registry, model: str, tmp_path: Path
) -> None:
    first, second, _ = (crowned(registry, model, tmp_path, text) for text in "abc")
    assert registry.rollback(model, reason="stock-outs in the north") == second
    assert registry.champion(model) == second
    assert mlflow_alias(registry, model) == second.version
    assert registry.rollback(model) == first
    with pytest.raises(RegistryError, match="nothing to roll back to"):
        registry.rollback(model)
    moves = registry.history(model)
    assert [m.action for m in moves] == ["promote"] * 3 + ["rollback"] * 2
    assert [(m.previous, m.version) for m in moves[3:]] == [("3", "2"), ("2", "1")]
    assert moves[3].reason == "stock-outs in the north"


def test_rollback_to_a_named_version_goes_only_to_former_champions(
    registry: Registry, model: str, tmp_path: Path
) -> None:
    first, _, third = (crowned(registry, model, tmp_path, text) for text in "abc")
    unproven = registry.register(model, bundle(tmp_path / "d", "d"), "d")
    for version in (unproven.version, third.version, "99", ""):
        with pytest.raises(RegistryError, match="nothing to roll back to"):
            registry.rollback(model, version)
    assert registry.rollback(model, "1") == first
    assert registry.rollback(model, "3") == third


def test_a_changed_copy_is_neither_served_nor_rolled_back_to(
    registry: Registry, model: str, tmp_path: Path
) -> None:
    first, second = (crowned(registry, model, tmp_path, text) for text in ("x1", "x2"))
    for record in (first, second):
        weights = record.bundle / "weights.bin"
        weights.chmod(0o644)
        weights.write_text("tampered")
    with pytest.raises(RegistryError, match="was changed"):
        registry.champion(model)
    with pytest.raises(RegistryError, match="was changed"):
        registry.rollback(model)
    assert len(registry.history(model)) == 2


def test_a_champion_of_one_scenario_is_none_of_another(
    registry: Registry, model: str, tmp_path: Path
) -> None:
    crowned(registry, f"{model} of one", tmp_path, "one")
    assert registry.champion(f"{model} of another") is None


def test_of_two_promotions_at_once_one_wins_and_the_other_is_told(
    registry: Registry, model: str, tmp_path: Path
) -> None:
    refused: list[RegistryError] = []

    def compete(content: str) -> None:
        own = Registry(registry.folder)
        record = own.register(model, bundle(tmp_path / content, content), content)
        try:
            own.set_champion(model, record.version, "")
        except RegistryError as error:
            refused.append(error)

    threads = [threading.Thread(target=compete, args=(f"race {n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 2
    assert len(registry.history(model)) == 1


def test_a_promotion_that_dies_half_way_leaves_the_champion_in_place(
    registry: Registry, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reigning = crowned(registry, model, tmp_path, "first")
    record = registry.register(model, bundle(tmp_path / "next", "next"), "next")

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(registry._tracking, "point_champion", dies)
        with pytest.raises(KeyboardInterrupt):
            registry.set_champion(model, record.version, reigning.version)
    assert registry.champion(model) == reigning
    assert registry.set_champion(model, record.version, reigning.version) == record


def odd_bundles(folder: Path) -> Iterator[Path]:
    yield folder / "missing"
    (folder / "empty").mkdir()
    yield folder / "empty"
    (bundle(folder / "linked", "a") / "link").symlink_to("/etc/hostname")
    yield folder / "linked"


def test_what_is_not_a_folder_of_plain_files_is_refused(
    registry: Registry, model: str, tmp_path: Path
) -> None:
    for folder in odd_bundles(tmp_path):
        with pytest.raises(RegistryError, match="not a checkpoint"):
            registry.register(model, folder, "x")
    assert registry.champion(model) is None


def test_a_run_that_failed_its_gate_can_be_logged(registry: Registry, model: str) -> None:
    run = registry.log_run(model, {"seed": 7, "text": "x" * 9000}, {"cost (EUR)/fleet": 1.5})
    with registry._tracking._quietly() as client:
        found = client.get_run(run).data
    assert found.params["seed"] == "7"
    assert found.metrics == {"cost _EUR_/fleet": 1.5}


def test_mlflow_leaves_no_trace_in_output_environment_or_log_levels(
    registry: Registry, model: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = dict(os.environ)
    level = logging.getLogger("mlflow").level
    crowned(registry, model, tmp_path, "quiet")
    assert capfd.readouterr() == ("", "")
    assert dict(os.environ) == before
    assert logging.getLogger("mlflow").level == level


def test_the_first_promotion_is_silent_and_stays_in_its_folder(beginning: Beginning) -> None:
    assert beginning.outcome == (0, "", "")
    assert list(beginning.work.iterdir()) == []
    champion = beginning.registry.champion("quickstart")
    assert champion is not None
    assert champion.bundle_hash == "fresh"


def test_without_mlflow_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    registry = Registry(tmp_path / "registry")
    with pytest.raises(RegistryError, match="pip install 'mlflow-skinny"):
        registry.register("quickstart", bundle(tmp_path / "b", "a"), "a")
    assert registry.champion("quickstart") is None
    assert registry.history("quickstart") == ()


def test_a_damaged_ledger_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "promotions.sqlite").write_text("not a database at all, but long enough" * 100)
    for action in (Registry(tmp_path).champion, Registry(tmp_path).rollback):
        with pytest.raises(RegistryError, match="ledger of promotions cannot be used"):
            action("quickstart")
