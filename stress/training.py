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
from agents.learn.launched import check_device
from agents.learn.ranks import ALONE, Ranks
from agents.runs import RunFolder, create_run, unfinished_run
from agents.stages import STATIC, train_stage, tune_stage
from stress.hardening import SuiteDisturbance
from stress.spec import StressSuite
from stress.trial import (
    Terms,
    Trial,
    read_terms,
    reigning,
    seal_artifact,
    suite_digest,
    with_champion,
)
from twin.env.rules import OrderingRule
from twin.errors import UsageError
from twin.network.world import compile_world
from twin.progress import stage
from twin.scenario import Scenario, load, load_document


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
    harden: Path | None = None
    """A stress suite whose faults a share of the training networks meets."""
    device: str | None = None

    def config(self) -> TrainConfig:
        """What training does; raises ScenarioError where the training file is not valid."""
        return train_config(self.seed, self.agent_steps, self.algorithm, self.training, self.device)


def join_training(plan: Plan, ranks: Ranks) -> None:
    """Train beside the first rank, which prepares and writes the run."""
    scenario = load(plan.scenario, plan.overrides)
    world = compile_world(scenario.model)
    config, against = hardened(plan.config(), plan.harden)

    def disturbing(rule: OrderingRule) -> SuiteDisturbance | None:
        return SuiteDisturbance(against, world, rule, config) if against else None

    accept(scenario, world, config, ranks, disturbing)


def trained_trial(plan: Plan, display: Progress, ranks: Ranks = ALONE) -> Trial:
    """Check, tune and train; the trial is ready to be stressed."""
    with stage(display, "check") as line:
        scenario = load(plan.scenario, plan.overrides)
        world = compile_world(scenario.model)
        terms = read_terms(plan.suite, plan.gate)
        config, against = hardened(plan.config(), plan.harden)
        check_device(config.device)
        parent = None if plan.from_scratch else reigning(plan.registry, scenario.name)
        folder = _folder(plan, scenario, terms, config, parent, display)
        line(1.0, str(folder.path))
    with folder.timed("tune"):
        rules = tune_stage(folder, world, plan.seed, display)
    with folder.timed("train"):
        bundle = parent.bundle if parent else None
        disturbance = None
        if against is not None:
            disturbance = SuiteDisturbance(against, world, rules[STATIC], config)
            for name, reason in disturbance.left_out.items():
                display.console.print(f"not trained on {name}: {reason}", highlight=False)
        train_stage(folder, world, rules[STATIC], config, display, bundle, disturbance, ranks)
    seal_artifact(folder)
    trial = Trial(folder, scenario, world, rules, terms, jobs=plan.jobs)
    return with_champion(replace(trial, sabotage=plan.sabotage), plan.registry)


def hardened(config: TrainConfig, suite: Path | None) -> tuple[TrainConfig, StressSuite | None]:
    """The configuration with the suite that it is hardened against, and that suite, if any.

    ``suite`` replaces the one that the configuration names. Raises ScenarioError for a suite that
    is not valid, and UsageError where it is not the one that the configuration was made for.
    """
    content = config.model_dump()
    if suite is not None:
        own = content["hardening"] or {}
        content["hardening"] = {**own, "suite": str(suite), "digest": ""}
    asked = TrainConfig.model_validate(content).hardening
    if asked is None:
        return config, None
    read, _ = load_document(Path(asked.suite), StressSuite)
    digest = suite_digest(read)
    if asked.digest not in ("", digest):
        raise UsageError(
            "the suite has changed", asked.suite, digest[:12], f"hardening.digest {asked.digest}"
        )
    content["hardening"] = {**asked.model_dump(), "digest": digest}
    return TrainConfig.model_validate(content), read


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
    if config.hardening is not None:
        settings["harden"] = config.hardening.digest
    found = unfinished_run(plan.runs, scenario, plan.seed, settings) if plan.resume else None
    if plan.resume and found is None:
        for sentence in why_not_resumed(plan.runs, scenario, plan.seed, settings):
            display.console.print(f"not resumed: {sentence}", markup=False, soft_wrap=True)
    return found or create_run(
        plan.runs, scenario, plan.seed, plan.overrides, plan.command, settings
    )
