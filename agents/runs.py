"""Run folders: ``runs/<time>-<scenario>-s<seed>/``, the one place where a run keeps its files.

run.json        RunRecord, written first: what runs, on what, how to run it again
scenario.yaml   the resolved scenario, data included: a run never depends on a changed file
baselines.json  the tuned static policies
metrics.jsonl   training, a line per update
audits.jsonl    who contributes what while training, a line per audit
checkpoints/    to resume from
bundle/         the trained fleet
agent/          or the agent of a third party
audit.json      who contributes what, by ``twin audit`` or ``twin judge``
attack.json, attack/, regressions/   what the adversary found, by ``twin attack``
suites/         campaigns of other suites than the one the run was trained under
cases.*, verdict.json, manifest.json, playback.json, traces/, report.html   see stress.results
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agents.checkpoint.files import write_file
from twin.errors import UsageError
from twin.scenario import Scenario, dump_yaml, load
from twin.scenario.quantities import Model

TRACKED = ("logistics-twin", "numpy", "simpy", "torch", "pydantic", "pettingzoo", "mlflow-skinny")


class FileRecord(Model):
    """A file the run depended on."""

    path: str
    sha256: str


class RunRecord(Model):
    """What runs, on what, and how to run it again."""

    run: str
    scenario: str
    scenario_path: str
    scenario_digest: str
    files: tuple[FileRecord, ...]
    overrides: tuple[str, ...]
    seed: int
    command: str
    settings: dict[str, str]
    """Whatever else decides the outcome: gate hash, suite digest, training budget."""
    versions: dict[str, str]
    commit: str
    started: str
    """UTC, ISO 8601."""
    machine: str


@dataclass(frozen=True)
class RunFolder:
    """A run folder and its record."""

    path: Path
    record: RunRecord

    @property
    def bundle(self) -> Path:
        """Folder of the trained fleet."""
        return self.path / "bundle"

    @property
    def agent(self) -> Path:
        """Folder of a third party's agent, in place of a fleet."""
        return self.path / "agent"

    @property
    def baselines(self) -> Path:
        """File of the tuned static policies."""
        return self.path / "baselines.json"

    def scenario(self) -> Scenario:
        """The scenario as it was when the run started; raises UsageError when it was changed."""
        scenario = load(self.path / "scenario.yaml")
        if scenario.digest != self.record.scenario_digest:
            raise UsageError(
                "the run's scenario.yaml was changed after the run started",
                str(self.path),
                scenario.digest[:12],
                self.record.scenario_digest[:12],
                "Start a new run for a changed scenario.",
            )
        return scenario

    def write_json(self, name: str, value: Any) -> Path:
        """Write a JSON file of the run so that it is never seen half-written."""
        target = self.path / name
        text = value if isinstance(value, str) else json.dumps(value, indent=2, allow_nan=False)
        write_file(target, (text + "\n").encode())
        return target

    def read_json(self, name: str) -> Any:
        """Read a JSON file of the run; None when it is not there."""
        path = self.path / name
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def stage_seconds(self) -> dict[str, float]:
        """Wall seconds spent on each stage so far, interrupted attempts included."""
        return dict(self.read_json("stages.json") or {})

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the wall time of the block to the stage's seconds, also when it is interrupted."""
        start = time.monotonic()
        try:
            yield
        finally:
            seconds = self.stage_seconds()
            spent = seconds.get(stage, 0.0) + time.monotonic() - start
            self.write_json("stages.json", {**seconds, stage: round(spent, 1)})


def create_run(
    base: Path,
    scenario: Scenario,
    seed: int,
    overrides: Sequence[str],
    command: str,
    settings: dict[str, str] | None = None,
) -> RunFolder:
    """Make a new run folder under ``base`` with its record and the resolved scenario."""
    now = datetime.datetime.now(datetime.UTC)
    slug = re.sub(r"[^A-Za-z0-9_.-]+", "-", scenario.name)[:40].strip("-.") or "scenario"
    stem = f"{now:%Y%m%d-%H%M%S}-{slug}-s{seed}"
    path = _fresh_folder(base, stem)
    record = RunRecord(
        run=path.name,
        scenario=scenario.name,
        scenario_path=scenario.source,
        scenario_digest=scenario.digest,
        files=tuple(FileRecord(path=f.path, sha256=f.sha256) for f in scenario.files),
        overrides=tuple(overrides),
        seed=seed,
        command=command,
        settings=settings or {},
        versions=_versions(),
        commit=current_commit(),
        started=now.isoformat(timespec="seconds"),
        machine=f"{platform.machine()}, {os.cpu_count()} processors, {platform.platform()}",
    )
    folder = RunFolder(path, record)
    (path / "scenario.yaml").write_text(dump_yaml(scenario), encoding="utf-8")
    folder.write_json("run.json", record.model_dump_json(indent=2))
    return folder


def open_run(path: Path) -> RunFolder:
    """Open an existing run folder; raises UsageError when it is not one."""
    try:
        text = (path / "run.json").read_bytes()
        return RunFolder(path, RunRecord.model_validate_json(text))
    except OSError:
        raise UsageError(
            "not a run folder", str(path), expected="a folder with run.json, such as runs/<id>"
        ) from None
    except ValidationError as error:
        raise UsageError("run.json is damaged", str(path), str(error.errors()[0]["msg"])) from None


def unfinished_run(
    base: Path, scenario: Scenario, seed: int, settings: dict[str, str]
) -> RunFolder | None:
    """The newest run of the same scenario, seed and settings that has no verdict yet."""
    for path in sorted(base.glob("*/run.json"), reverse=True):
        if (path.parent / "verdict.json").exists():
            continue
        folder = open_run(path.parent)
        same = (folder.record.scenario_digest, folder.record.seed, folder.record.settings)
        if same == (scenario.digest, seed, settings):
            return folder
    return None


def _fresh_folder(base: Path, stem: str) -> Path:
    for number in range(1000):
        path = base / (stem if number == 0 else f"{stem}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise UsageError("cannot make a run folder", str(path), str(error)) from None
        return path
    raise UsageError("too many runs in the same second", str(base))


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in TRACKED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def current_commit() -> str:
    """The commit of the checkout this package lies in, with a plus sign when it was changed."""
    here = Path(__file__).resolve().parent.parent
    try:
        head, changed = (
            subprocess.run(
                ["git", "-C", str(here), *arguments],
                capture_output=True,
                text=True,
                timeout=10,
                check=True,
            ).stdout.strip()
            for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain", "-uno"])
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return head[:12] + ("+" if changed else "")
