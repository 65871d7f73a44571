"""What the stress half hands to people and to reports: the contract that ``reports`` reads.

A run folder holds, besides checkpoints:

    manifest.json   Manifest: what was run, on what, how to run it again
    metrics.jsonl   one TrainingRow per update
    cases.parquet   one CaseResult per row
    verdict.json    Verdict
    audit.json      Audit (agents.credit.record): what each agent adds
    audits.jsonl    one TrainingAudit per audit while training
    attack.json     AttackRecord (stress.adversary.record): what the adversary found
    playback.json   Playback: one nominal episode per policy, period by period
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agents.learn.metrics import TrainingRow
from agents.runs import FileRecord
from twin.scenario.quantities import Model

__all__ = [
    "CaseResult",
    "Contender",
    "Criterion",
    "Figure",
    "FileRecord",
    "Manifest",
    "Playback",
    "TrainingRow",
    "Verdict",
]

Status = Literal["PASS", "FAIL", "INCONCLUSIVE"]
SEVERITIES = ("off", "trace", "mild", "moderate", "severe", "extreme")
NOMINAL = "none"
"""Name of the fault of an undisturbed case."""


class CaseResult(Model):
    """One episode of (scenario, policy, fault, severity, seed)."""

    case: str
    """Content hash of everything that determines the case."""
    scenario: str
    policy: str
    """``fleet``, ``baseline``, ``champion`` or the name of another policy."""
    policy_hash: str
    fault: str
    """Family name such as ``channel.latency``; ``none`` for an undisturbed case."""
    severity: Annotated[int, Field(ge=0, le=5)]
    seed: int
    cost: float = 0.0
    """Cost less revenue per period, tools included, undiscounted, in the scenario's currency."""
    operating_cost: float = 0.0
    """The same without the cost of control."""
    fill_rate: float = 1.0
    calls: int = 0
    attempts: int = 0
    retries: int = 0
    bytes: int = 0
    tokens: int = 0
    control_cost: float = 0.0
    """Money spent on tool calls in the whole episode."""
    decisions: int = 0
    fallbacks: int = 0
    """Decisions taken by the static policy because the agent could not act."""
    labels: dict[str, int] = Field(default={})
    """Failed attempts by label."""
    agent_failures: dict[str, int] = Field(default={})
    """What a third party's agent did instead of deciding, by label: died, too slow, no request."""
    approvals: dict[str, int] = Field(default={})
    """Requests for a person's approval by answer: granted, denied, timeout."""
    clarifications: dict[str, int] = Field(default={})
    """Questions about ambiguous answers: resolved, unresolved."""
    kills: int = 0
    """Uses of the kill switch."""
    locks: int = 0
    """How often the provider locked the account."""
    fired: int = 0
    """How often the fault struck."""
    seen: int = 0
    """How often an agent noticed (a label, a late answer, a changed world)."""
    fired_by: dict[str, int] = Field(default={})
    """``fired`` by family, where several faults strike together."""
    seen_by: dict[str, int] = Field(default={})
    breaker_opened: int = 0
    breaker_closed: int = 0
    """Breakers that closed again after having been open."""
    violations: tuple[str, ...] = ()
    """Invariants broken; empty in a sound run."""
    ledger_digest: str = ""
    error: str = ""
    """A crashed case is a result: the error's type and text."""

    @property
    def failed(self) -> bool:
        """Whether the episode crashed or broke an invariant."""
        return bool(self.error or self.violations)

    @property
    def failure(self) -> str:
        """What went wrong first, in words; empty where nothing did."""
        return self.error or next(iter(self.violations), "")


class Criterion(Model):
    """One line of the gate: what was measured, what was asked, what follows."""

    gate: str
    """Stable id, such as ``G3``."""
    title: str
    status: Status
    value: float | None = None
    low: float | None = None
    high: float | None = None
    """Confidence interval of the value."""
    threshold: float | None = None
    margin: float | None = None
    """Distance to the threshold, positive where the criterion holds."""
    sentence: str
    """The evidence in one sentence."""


class Figure(Model):
    """One of the figures that decided a verdict."""

    label: str
    value: str


class Verdict(Model):
    """The judgement of one checkpoint."""

    status: Status
    criteria: tuple[Criterion, ...]
    gate_file: str
    gate_hash: str
    figures: Annotated[tuple[Figure, ...], Field(max_length=3)] = ()
    """The three figures that decided it."""
    champion: str = ""
    """The model version it was compared with, where there was one."""

    @property
    def failed(self) -> tuple[Criterion, ...]:
        """The criteria that did not pass."""
        return tuple(c for c in self.criteria if c.status != "PASS")


class Contender(Model):
    """One policy of the nominal comparison."""

    name: str
    cost: float
    low: float
    high: float
    """95 % interval of the mean cost per period over the evaluation seeds."""
    fill_rate: float
    p5: float
    p95: float
    cvar: float
    """Mean cost of the worst tenth of the seeds."""
    ratio: float
    """Paired cost ratio to the baseline."""
    ratio_low: float
    ratio_high: float
    seeds: int
    co2e: float | None = None
    """Kilograms over the horizon, mean over the seeds; none where no lane states its intensity."""


class Manifest(Model):
    """What was run, on what, and how to run it again."""

    run: str
    scenario: str
    scenario_path: str
    scenario_digest: str
    files: tuple[FileRecord, ...] = ()
    overrides: tuple[str, ...] = ()
    seed: int
    command: str
    versions: dict[str, str] = Field(default={})
    commit: str = ""
    started: str = ""
    """UTC, ISO 8601."""
    machine: str = ""
    stages: dict[str, float] = Field(default={})
    """Wall seconds of each stage."""
    currency: str = "EUR"
    periods: int
    baseline: dict[str, float] = Field(default={})
    """Tuned order-up-to level by node (and product, as ``node/product``)."""
    contenders: tuple[Contender, ...] = ()
    bundle: str = ""
    """Hash of the checkpoint that was judged."""
    promoted: str = ""
    """Model version that became champion, where one did."""
    steady_state: str = ""
    """Outcome of the clean run before any stress."""


class Playback(Model):
    """One nominal episode per policy on the same seed, for the pictures over time."""

    seed: int
    nodes: tuple[str, ...]
    kinds: tuple[str, ...]
    lanes: tuple[tuple[str, str], ...]
    fleets: tuple[str, ...] = ()
    on_hand: dict[str, list[list[float]]]
    """By policy: [period][node] units at the end of the period, all products together."""
    demand: list[list[float]]
    """[period][node] units."""
    unmet: dict[str, list[list[float]]]
    cost: dict[str, list[float]]
    """By policy: [period] cost less revenue."""
    shipped: dict[str, list[float]]
    """By policy: [lane] units per period, mean over the episode."""
