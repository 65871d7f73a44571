"""A trial: a run folder with everything that is needed to stress and to judge it."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from rich.progress import Progress

from agents.checkpoint.bundle import read_bundle_hash
from agents.checkpoint.registry import ChampionRecord, Registry
from agents.runs import RunFolder
from agents.stages import STATIC, tune_stage
from stress.case import PolicyRef
from stress.evidence import BASELINE, CHAMPION, FLEET
from stress.gate import GateModel, load_gate
from stress.spec import StressSuite
from twin.env.rules import OrderingRule
from twin.errors import UsageError
from twin.network.world import World, compile_world
from twin.scenario import Scenario, load_document

SUITE = Path("scenarios/stress/standard.yaml")
GATE = Path("scenarios/gates/default.yaml")
REGISTRY = Path("registry")
SUITES = "suites"
"""Folder of the campaigns of other suites, inside a run's."""


@dataclass(frozen=True)
class Terms:
    """What a checkpoint will be judged by, read and hashed before training starts."""

    suite: StressSuite
    gate: GateModel
    gate_file: str
    gate_hash: str
    options: str = ""
    """What names the suite on the command line; empty for the default one."""

    @property
    def settings(self) -> dict[str, str]:
        """The digests a run records when it starts."""
        return {"gate": self.gate_hash, "suite": suite_digest(self.suite)}


def read_terms(suite: Path, gate: Path, times: int = 1) -> Terms:
    """Read the suite, on so many times the seeds, and the gate.

    Raises ScenarioError with every problem found, UsageError for too many seeds.
    """
    model, _ = load_document(suite, StressSuite)
    rules, digest = load_gate(gate)
    options = ["--suite", str(suite)] if suite != SUITE else []
    options += ["--times", str(times)] if times > 1 else []
    return Terms(model.on_more_seeds(times), rules, str(gate), digest, shlex.join(options))


def suite_digest(suite: StressSuite) -> str:
    """SHA-256 over the canonical JSON of a stress suite."""
    text = json.dumps(suite.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Trial:
    """One checkpoint, its world, its static rules, its judges and its champion."""

    folder: RunFolder
    scenario: Scenario
    world: World
    rules: dict[str, OrderingRule]
    terms: Terms
    champion: ChampionRecord | None = None
    sabotage: str = ""
    """Spoil the fleet on purpose, to see the gate refuse it: ``shuffled`` or ``muted:<agent>``."""
    jobs: int = 1

    @property
    def static(self) -> OrderingRule:
        """The tuned static baseline."""
        return self.rules[STATIC]

    @property
    def fleet(self) -> PolicyRef:
        """The checkpoint on trial, or a third party's agent."""
        if self.folder.agent.is_dir():
            return PolicyRef.of_outside(FLEET, self.folder.agent)
        return PolicyRef.of_bundle(FLEET, self.folder.bundle, self.sabotage)

    @property
    def policies(self) -> tuple[PolicyRef, ...]:
        """Who plays in the campaign."""
        refs = [self.fleet, PolicyRef.of_rule(BASELINE, self.world, self.static)]
        if self.champion is not None:
            refs.append(PolicyRef.of_bundle(CHAMPION, self.champion.bundle))
        return tuple(refs)

    @property
    def campaign_folder(self) -> Path:
        """Where the campaign's files lie.

        The run's folder belongs to the suite that was sealed before training; the campaign of any
        other suite has a folder of its own in it, so that it overwrites nothing.
        """
        digest = suite_digest(self.terms.suite)
        if self.folder.record.settings.get("suite", digest) == digest:
            return self.folder.path
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", self.terms.suite.name)[:40].strip("-.") or "suite"
        return self.folder.path / SUITES / f"{name}-{digest[:8]}"

    def nominal_seeds(self) -> range:
        """Seeds of the undisturbed episodes."""
        first = self.terms.suite.first_seed
        return range(first, first + self.terms.suite.nominal_seeds)


def open_trial(folder: RunFolder, terms: Terms, display: Progress, jobs: int = 1) -> Trial:
    """Open a trained run; raises UsageError when it has no fleet yet."""
    if not folder.bundle.is_dir() and not folder.agent.is_dir():
        raise UsageError(
            "the run has no trained fleet", str(folder.path), fix="Run `twin train` first."
        )
    scenario = folder.scenario()
    world = compile_world(scenario.model)
    rules = tune_stage(folder, world, folder.record.seed, display)
    return Trial(folder, scenario, world, rules, terms, jobs=jobs)


def with_champion(trial: Trial, registry: Path) -> Trial:
    """The trial with the reigning champion of its scenario, where there is one."""
    return replace(trial, champion=reigning(registry, trial.scenario.name))


def reigning(registry: Path, model: str) -> ChampionRecord | None:
    """The champion of a scenario; None without one, or without a registry."""
    return Registry(registry).champion(model) if registry.is_dir() else None


def artifact_hash(folder: RunFolder) -> str:
    """The hash of what is on trial: a checkpoint, or a third party's agent."""
    from agents.outside.policy import folder_digest

    outside = folder.agent.is_dir()
    return folder_digest(folder.agent) if outside else read_bundle_hash(folder.bundle)


def seal_artifact(folder: RunFolder) -> str:
    """Write down the hash of the checkpoint as soon as training has ended; returns it."""
    digest = artifact_hash(folder)
    if folder.read_json("artifact.json") is None:
        folder.write_json("artifact.json", {"bundle": digest})
    return digest


def sealed_artifact(folder: RunFolder) -> str:
    """The hash written down when training ended; empty when it never was."""
    document = folder.read_json("artifact.json")
    return str(document["bundle"]) if document else ""
