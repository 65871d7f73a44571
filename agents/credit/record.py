"""What an audit leaves behind: audit.json of a run, and a line of audits.jsonl while training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from agents.checkpoint.files import write_file
from agents.checkpoint.lines import read_lines
from agents.credit.estimate import Estimate
from twin.errors import UsageError
from twin.scenario.quantities import Model

AUDIT, AUDITS = "audit.json", "audits.jsonl"
Method = Literal["exact", "permutations", "leave_one_out"]
Standing = Literal[
    "works", "redundant", "dependent", "burdened", "undecided", "lazy", "harmful", "not judged"
]
Reason = Literal["", "copies the default", "frozen", "biased", "noisy"]


class AgentAudit(Model):
    """One agent. Money is per period; positive is good for the team."""

    agent: str
    shapley: Estimate | None = None
    """What it adds, averaged over the orders in which the agents could join."""
    share: float | None = None
    """Its part of the team's saving; absent where the team saves nothing."""
    leave_one_out: Estimate
    """What the team loses when only this agent follows the static rule."""
    variance_ratio: float | None = None
    """How many times common random numbers cut the variance of a contribution."""
    spread: float
    """Standard deviation of its decisions, in periods of mean flow or as a share of the fleet."""
    deviation: float
    """Root mean square distance from the static rule's decisions, likewise."""
    bias: float
    """Mean distance from the static rule's decisions, likewise."""
    cost: float
    """Cost in its own books; the team's is the sum over agents and what nobody decides about."""
    parts: dict[str, float] = Field(default={})
    verdict: Standing
    reason: Reason = ""
    burden: tuple[str, ...] = ()
    """The harmful agents beside which alone it looks lazy or harmful."""
    sentence: str


class Audit(Model):
    """Who contributes what, on common random numbers, closed loop, with direct access."""

    scenario: str
    policy: str
    """Hash of the bundle, or the policy's name where it is none."""
    method: Method
    seeds: Annotated[int, Field(ge=2)]
    first_seed: int
    episodes: int
    seconds: float
    currency: str
    cost: float
    """Of the whole team."""
    default_cost: float
    """Of the tuned static policy."""
    gain: Estimate
    """What the team saves against the static policy."""
    lazy_share: Annotated[float, Field(ge=0, le=1)]
    """An agent is lazy that adds at most this share of the gain, beyond doubt."""
    unassigned: float
    """Cost at the nodes that no agent decides about."""
    agents: tuple[AgentAudit, ...]

    @property
    def blamed(self) -> tuple[AgentAudit, ...]:
        """The lazy and the harmful."""
        return tuple(a for a in self.agents if a.verdict in ("lazy", "harmful"))


class TrainingAudit(Model):
    """A line of audits.jsonl: the contributions after an update of training."""

    update: int
    agent_steps: int
    gain: Estimate
    shapley: dict[str, Estimate]
    verdicts: dict[str, Standing]
    seconds: float
    """Wall time of this audit."""
    time_share: float
    """Part of the training time that audits have taken so far."""


def read_audit(folder: Path) -> Audit | None:
    """The audit of a run folder, where there is one; raises UsageError when it is damaged."""
    path = folder / AUDIT
    if not path.is_file():
        return None
    try:
        return Audit.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = str(error.errors()[0]["msg"])
        fix = "Run `twin audit` again."
        raise UsageError(f"{AUDIT} is damaged", str(path), first, fix=fix) from None


def write_audit(folder: Path, audit: Audit) -> Path:
    """Write audit.json so that it is never seen half-written."""
    write_file(folder / AUDIT, (audit.model_dump_json(indent=2) + "\n").encode())
    return folder / AUDIT


def read_audits(folder: Path) -> tuple[TrainingAudit, ...]:
    """The audits made while training; a last line cut off by a crash is left out."""
    return read_lines(folder / AUDITS, TrainingAudit)
