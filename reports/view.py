"""The report as plain text and positions: models in, one frozen view out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.credit_view import CreditView, credit_view
from reports.load import Run
from reports.nominal_view import (
    ContestView,
    CostRow,
    LearningView,
    contest_view,
    cost_rows,
    learning_view,
)
from reports.numbers import plural, seconds
from reports.stress_view import StressView, stress_view
from reports.time_view import NetworkView, TimeView, frames, network_view, time_view
from reports.tools_view import ToolsView, tools_view
from reports.verdict_view import GateView, VerdictView, caveats, gate_views, verdict_view
from stress.results import FileRecord, Manifest, Verdict

SHOWN_FILES = 200
SHOWN_LEVELS = 200


@dataclass(frozen=True)
class Stage:
    """A stage of the run and its share of the wall time, in percent."""

    name: str
    time: str
    share: float


@dataclass(frozen=True)
class ReproduceView:
    """How to run it again, and what must be equal then."""

    command: str
    facts: tuple[tuple[str, str], ...]
    files: tuple[FileRecord, ...]
    hidden_files: int
    versions: tuple[tuple[str, str], ...]
    stages: tuple[Stage, ...]
    levels: tuple[tuple[str, str], ...]
    """Tuned order-up-to levels of the baseline."""


@dataclass(frozen=True)
class ReportView:
    """Everything the templates need; a missing part is None or empty."""

    run: str
    scenario: str
    date: str
    currency: str
    verdict: VerdictView
    gates: tuple[GateView, ...]
    steady_state: str
    contest: ContestView | None
    learning: LearningView | None
    credit: CreditView | None
    stress: StressView | None
    network: NetworkView | None
    time: TimeView | None
    tools: ToolsView | None
    costs: tuple[CostRow, ...]
    reproduce: ReproduceView
    caveats: tuple[str, ...]
    frames: Mapping[str, object] | None


def build_view(run: Run) -> ReportView:
    """Turn a run into the view the templates draw."""
    manifest = run.manifest
    return ReportView(
        run=manifest.run,
        scenario=manifest.scenario,
        date=date_text(manifest.started),
        currency=manifest.currency,
        verdict=verdict_view(run),
        gates=gate_views(run.verdict),
        steady_state=manifest.steady_state,
        contest=contest_view(manifest),
        learning=learning_view(run.training, manifest.currency),
        credit=credit_view(run.audit, run.audits),
        stress=stress_view(run.cases, manifest.currency),
        network=network_view(run.playback),
        time=time_view(run.playback, manifest.currency),
        tools=tools_view(run.cases),
        costs=cost_rows(run.cases, manifest),
        reproduce=reproduce_view(manifest, run.verdict),
        caveats=caveats(run),
        frames=frames(run.playback, manifest.currency),
    )


def date_text(started: str) -> str:
    """An ISO 8601 time as people read it.

    >>> date_text("2026-03-04T05:06:07Z")
    '2026-03-04 05:06 UTC'
    """
    return f"{started[:10]} {started[11:16]} UTC" if len(started) >= 16 else started


def reproduce_view(manifest: Manifest, verdict: Verdict | None) -> ReproduceView:
    """The command, digests, files, versions and times of the run."""
    known = sorted(manifest.versions.items())
    levels = sorted(manifest.baseline.items())[:SHOWN_LEVELS]
    return ReproduceView(
        manifest.command,
        tuple((name, value) for name, value in _facts(manifest, verdict) if value),
        manifest.files[:SHOWN_FILES],
        max(0, len(manifest.files) - SHOWN_FILES),
        tuple(known),
        _stages(manifest.stages),
        tuple((name, f"{level:,.1f}") for name, level in levels),
    )


def _facts(manifest: Manifest, verdict: Verdict | None) -> tuple[tuple[str, str], ...]:
    return (
        ("Seed", str(manifest.seed)),
        ("Scenario file", manifest.scenario_path),
        ("Scenario digest", manifest.scenario_digest),
        ("Overrides", ", ".join(manifest.overrides)),
        ("Checkpoint", manifest.bundle),
        ("Gate file", verdict.gate_file if verdict else ""),
        ("Gate digest", verdict.gate_hash if verdict else ""),
        ("Commit", manifest.commit),
        ("Machine", manifest.machine),
        ("Horizon", plural(manifest.periods, "period")),
    )


def _stages(stages: Mapping[str, float]) -> tuple[Stage, ...]:
    total = sum(stages.values()) or 1.0
    return tuple(Stage(n, seconds(s), round(100 * s / total, 1)) for n, s in stages.items())
