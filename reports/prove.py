"""``prove``: one scenario taken to a judged fleet, stage by stage, in one run folder.

check -> tune -> train -> stress -> judge -> promote or refuse -> report.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress

from agents.checkpoint.registry import Registry
from reports.render import render_report
from stress.pipeline import judge_stage, stress_stage, write_manifest
from stress.promote import promote_run, record_refused
from stress.results import Verdict
from stress.training import Plan, trained_trial
from stress.trial import Trial
from twin.progress import stage, stages


@dataclass(frozen=True)
class Outcome:
    """The verdict, the version that became champion (or nothing), and the page."""

    verdict: Verdict
    promoted: str
    report: Path


def prove_scenario(plan: Plan, quiet: bool = False) -> Outcome:
    """Run all stages."""
    with stages(quiet) as display:
        trial = trained_trial(plan, display)
        with trial.folder.timed("stress"):
            stress_stage(trial, display)
        with trial.folder.timed("judge"):
            verdict = judge_stage(trial, display)
        promoted = _promoted(trial, verdict, Registry(plan.registry), display)
        with stage(display, "report"):
            write_manifest(trial, promoted=promoted)
            page = render_report(trial.folder.path)
    return Outcome(verdict, promoted, page)


def _promoted(trial: Trial, verdict: Verdict, registry: Registry, display: Progress) -> str:
    """Promote what passed; what is refused is logged and goes no further."""
    with stage(display, "promote") as line, trial.folder.timed("promote"):
        if verdict.status == "PASS" and not trial.sabotage:
            return promote_run(trial.folder, registry).version
        record_refused(trial.folder, registry)
        line(1.0, "refused")
        return ""
