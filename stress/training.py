"""From a scenario to a fleet on trial; what it will be judged by is hashed before training starts.

check -> tune -> train. Each stage leaves its result in the run folder, so an interrupted run goes
on where it stopped. Training starts from the champion, where one reigns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from rich.progress import Progress

from agents.changes import why_not_resumed
from agents.checkpoint.registry import ChampionRecord
from agents.joining import accept
from agents.learn.config import TrainConfig, train_config, training_digest
from agents.learn.ranks import ALONE, Ranks
from agents.runs import RunFolder, create_run, unfinished_run
from agents.stages import STATIC, train_stage, tune_stage
from stress.trial import Terms, Trial, read_terms, reigning, seal_artifact, with_champion
from twin.network.world import compile_world
from twin.progress import stage
from twin.scenario import Scenario, load


@dataclass(frozen=True)
class Plan:
    """What to train, and what it will be judged by."""

    scenario: Path
    overrides: tuple[str, ...]
    suite: Path
    gate: Path
    registry: Path
    seed: int
    agent_steps: int | None
    resume: bool
    from_scratch: bool
    runs: Path
    command: str
    sabotage: str = ""
    jobs: int = 1
    algorithm: str | None = None
    training: Path | None = None
    device: str | None = None

    def config(self) -> TrainConfig:
        """What training does; raises ScenarioError where the training file is not valid."""
        return train_config(self.seed, self.agent_steps, self.algorithm, self.training, self.device)


def join_training(plan: Plan, ranks: Ranks) -> None:
    """Train beside the first rank, which prepares and writes the run."""
    scenario = load(plan.scenario, plan.overrides)
    accept(scenario, compile_world(scenario.model), plan.config(), ranks)


def trained_trial(plan: Plan, display: Progress, ranks: Ranks = ALONE) -> Trial:
    """Check, tune and train; the trial is ready to be stressed."""
    with stage(display, "check") as line:
        scenario = load(plan.scenario, plan.overrides)
        world = compile_world(scenario.model)
        terms = read_terms(plan.suite, plan.gate)
        config = plan.config()
        parent = None if plan.from_scratch else reigning(plan.registry, scenario.name)
        folder = _folder(plan, scenario, terms, config, parent, display)
        line(1.0, str(folder.path))
    with folder.timed("tune"):
        rules = tune_stage(folder, world, plan.seed, display)
    with folder.timed("train"):
        bundle = parent.bundle if parent else None
        train_stage(folder, world, rules[STATIC], config, display, bundle, ranks)
    seal_artifact(folder)
    trial = Trial(folder, scenario, world, rules, terms, jobs=plan.jobs)
    return with_champion(replace(trial, sabotage=plan.sabotage), plan.registry)


def _folder(
    plan: Plan,
    scenario: Scenario,
    terms: Terms,
    config: TrainConfig,
    parent: ChampionRecord | None,
    display: Progress,
) -> RunFolder:
    settings = {
        **terms.settings,
        "agent_steps": str(config.agent_steps),
        "algorithm": config.algorithm,
        "training": training_digest(config),
        "parent": parent.bundle_hash if parent else "",
    }
    found = unfinished_run(plan.runs, scenario, plan.seed, settings) if plan.resume else None
    if plan.resume and found is None:
        for sentence in why_not_resumed(plan.runs, scenario, plan.seed, settings):
            display.console.print(f"not resumed: {sentence}", markup=False, soft_wrap=True)
    return found or create_run(
        plan.runs, scenario, plan.seed, plan.overrides, plan.command, settings
    )
