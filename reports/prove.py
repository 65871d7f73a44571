"""``prove``: one scenario taken to a judged fleet, stage by stage, in one run folder.

check -> tune -> train -> stress -> judge -> promote or refuse -> report. Training starts from the
champion, where one reigns. Each stage leaves its result in the run folder, so an interrupted proof
goes on where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from rich.progress import Progress

from agents.checkpoint.registry import Registry
from agents.learn.config import TrainConfig, train_config
from agents.runs import RunFolder, create_run, unfinished_run
from agents.stages import STATIC, train_stage, tune_stage
from reports.render import render_report
from stress.pipeline import judge_stage, stress_stage, write_manifest
from stress.promote import promote_run, record_refused
from stress.results import Verdict
from stress.trial import Terms, Trial, read_terms, reigning, seal_artifact, with_champion
from twin.network.world import World, compile_world
from twin.progress import stage, stages
from twin.scenario import Scenario, load


@dataclass(frozen=True)
class Plan:
    """What to prove and how."""

    scenario: Path
    overrides: tuple[str, ...]
    suite: Path
    gate: Path
    registry: Path
    sabotage: str
    seed: int
    agent_steps: int | None
    resume: bool
    from_scratch: bool
    jobs: int
    runs: Path
    command: str
    quiet: bool = False


@dataclass(frozen=True)
class Outcome:
    """The verdict, the version that became champion (or nothing), and the page."""

    verdict: Verdict
    promoted: str
    report: Path


def prove_scenario(plan: Plan) -> Outcome:
    """Run all stages."""
    with stages(plan.quiet) as display:
        with stage(display, "check") as line:
            scenario = load(plan.scenario, plan.overrides)
            terms = read_terms(plan.suite, plan.gate)
            config = train_config(plan.seed, plan.agent_steps)
            champion = None if plan.from_scratch else reigning(plan.registry, scenario.name)
            parent = champion.bundle if champion else None
            folder = _folder(
                plan, scenario, terms, config, champion.bundle_hash if champion else ""
            )
            world = compile_world(scenario.model)
            line(1.0, str(folder.path))
        trial = _trained(plan, folder, scenario, world, terms, config, parent, display)
        with folder.timed("stress"):
            stress_stage(trial, display)
        with folder.timed("judge"):
            verdict = judge_stage(trial, display)
        promoted = _promoted(plan, trial, verdict, display)
        with stage(display, "report"):
            write_manifest(trial, promoted=promoted)
            page = render_report(folder.path)
    return Outcome(verdict, promoted, page)


def _folder(
    plan: Plan, scenario: Scenario, terms: Terms, config: TrainConfig, parent: str
) -> RunFolder:
    settings = {**terms.settings, "agent_steps": str(config.agent_steps), "parent": parent}
    if plan.resume:
        found = unfinished_run(plan.runs, scenario, plan.seed, settings)
        if found is not None:
            return found
    return create_run(plan.runs, scenario, plan.seed, plan.overrides, plan.command, settings)


def _trained(
    plan: Plan,
    folder: RunFolder,
    scenario: Scenario,
    world: World,
    terms: Terms,
    config: TrainConfig,
    parent: Path | None,
    display: Progress,
) -> Trial:
    with folder.timed("tune"):
        rules = tune_stage(folder, world, plan.seed, display)
    with folder.timed("train"):
        train_stage(folder, world, rules[STATIC], config, display, parent)
    seal_artifact(folder)
    trial = Trial(folder, scenario, world, rules, terms, jobs=plan.jobs)
    return with_champion(replace(trial, sabotage=plan.sabotage), plan.registry)


def _promoted(plan: Plan, trial: Trial, verdict: Verdict, display: Progress) -> str:
    """Promote what passed; what is refused is logged and goes no further."""
    with stage(display, "promote") as line, trial.folder.timed("promote"):
        if verdict.status == "PASS" and not trial.sabotage:
            return promote_run(trial.folder, Registry(plan.registry)).version
        record_refused(trial.folder, Registry(plan.registry))
        line(1.0, "refused")
        return ""
