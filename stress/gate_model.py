"""The gate file: what a checkpoint has to show, fixed and hashed before training starts.

No threshold has a default here: the gate file is the only home of every number, so that its hash
covers all of them. A criterion that the file leaves out is not judged.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Annotated, Literal

from pydantic import Field, model_validator

from twin.scenario.loader import load_document
from twin.scenario.quantities import Model, Name, Share

Positive = Annotated[float, Field(gt=0, le=1e6)]
Severity = Annotated[int, Field(ge=1, le=5)]


class ProvenanceRule(Model):
    """G0: artifact, scenario and gate are the ones recorded beforehand."""


class SafetyRule(Model):
    """G1: no fleet episode breaks an invariant or crashes."""

    max_rate: Share
    """The campaign must be long enough to bound the rate of bad episodes below this, at 95 %."""


class ChampionRule(Model):
    """G2: undisturbed, not worse than the champion."""

    max_ratio: Positive
    """Upper bound of the paired cost ratio to the champion stays below this."""


class BaselineRule(Model):
    """G3: cheaper than the tuned static baseline."""

    minimum_saving: Share
    """Lower bound of the saving, as a share of the baseline's cost, stays above this."""
    worst_scenario: Share
    """No scenario may cost more than the baseline by more than this share."""


class TailRule(Model):
    """G4: bad days are not bought with good averages."""

    worst_share: Annotated[Share, Field(gt=0)]
    """Share of the seeds that counts as the tail."""
    max_ratio: Positive
    """Upper bound of the ratio of CVaR to the reference stays below this."""


class ResilienceRule(Model):
    """G5: under each fault family the fleet keeps its lead over the reference."""

    max_loss: Share
    """Points of cost the lead may shrink by, in shares of the reference's undisturbed cost."""
    up_to_severity: Severity
    """Judged by cost up to this severity; beyond, episodes have to end without a violation."""
    minimum_seeds: Annotated[int, Field(ge=2, le=100_000)]
    """Paired seeds per fault and severity, below which nothing is concluded."""
    families: tuple[Name, ...]
    """Families that must have been run; any others that were run are judged as well."""
    must_be_seen: bool
    """A family that never struck, or that no agent noticed, proves nothing."""


class ControlRule(Model):
    """G6: what control costs stays bounded, undisturbed and under stress."""

    max_amplification: Positive
    """Attempts per tool call."""
    max_spend: Positive
    """Money spent on tools, as a multiple of the undisturbed episodes' (the forecast)."""
    up_to_severity: Severity
    """Highest severity that is judged."""


class MalformedRule(Model):
    """G7: a malformed answer is never executed, never uncaught, always labelled."""

    families: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Fault families that spoil answers."""
    max_unlabelled: Share
    """Share of spoilt answers that may lack a failure label."""


class AdversaryRule(Model):
    """G8: an attack (``twin attack``) found no failure that the reference does not have."""

    minimum_plans: Annotated[int, Field(ge=1, le=100_000)]
    """Sets of faults that must have been tried."""
    bound: Annotated[float, Field(ge=0, le=1_000)]
    """Failure: costs more than this share above the static policy under the same faults."""
    survival: Annotated[float, Field(ge=0, le=1_000)]
    """Unfair: the static policy costs more than this share above itself undisturbed."""


class WorkShareRule(Model):
    """G9: every agent pulls its weight, by its Shapley value where that was measured."""

    max_harm: Share
    """Harm that is tolerated, as a share of the baseline's cost."""
    max_idle: Share | None = None
    """An agent is lazy that adds at most this share of the fleet's saving, beyond doubt; lazy
    agents pass where this is left out."""
    max_share: Positive | None = None
    """No agent may add more than this share of the fleet's saving, beyond doubt; no limit where
    this is left out."""


class StabilityRule(Model):
    """G10: training stayed inside its limits."""

    max_kl: Positive
    """Approximate KL divergence that 95 % of the updates stay below."""
    max_relapse: Share
    """What the fleet may cost at the end of training above its lowest, as a share of the static
    policy's cost; means over a tenth of the updates."""
    max_drift: Positive | None = None
    """How far the last update's behaviour may be from the parent's, or from the start (root mean
    square of actions, 2 is as far as one goes); no limit where this is left out."""


class Criteria(Model):
    """The criteria a gate judges, in order; what is absent is not judged."""

    provenance: ProvenanceRule | None = None
    safety: SafetyRule | None = None
    champion: ChampionRule | None = None
    baseline: BaselineRule | None = None
    tail: TailRule | None = None
    resilience: ResilienceRule | None = None
    control: ControlRule | None = None
    malformed: MalformedRule | None = None
    adversary: AdversaryRule | None = None
    work_share: WorkShareRule | None = None
    stability: StabilityRule | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Criteria:
        if not self.model_fields_set:
            raise ValueError("a gate needs at least one criterion")
        return self


class GateModel(Model):
    """A gate file."""

    kind: Literal["gate"]
    name: Name
    description: Annotated[str, Field(max_length=10_000)] = ""
    minimum_pairs: Annotated[int, Field(ge=2, le=1_000_000)]
    """Paired undisturbed seeds per scenario, below which nothing is concluded."""
    resamples: Annotated[int, Field(ge=200, le=100_000)]
    """Bootstrap resamples of every interval."""
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)]
    """Seed of the bootstrap; part of the gate, so that nobody can draw again."""
    criteria: Criteria


def gate_digest(gate: GateModel) -> str:
    """SHA-256 over the canonical JSON of the gate: a changed threshold changes it."""
    content = gate.model_dump(mode="json")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def load_gate(path: str | os.PathLike[str]) -> tuple[GateModel, str]:
    """Read a gate file and hash what it asks; do so before training starts.

    Raises ScenarioError with every problem found.
    """
    gate, _ = load_document(path, GateModel)
    return gate, gate_digest(gate)
