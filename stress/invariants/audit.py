"""Invariants 24 to 27: laws of the record."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from stress.invariants.observed import Observed


def the_trace_has_no_gaps(run: Observed) -> Iterator[str]:
    """24: every decision is on record, once, in order; a killed agent decides nothing."""
    yield from run.said(24)
    trace, outcome = run.outcome.trace, run.outcome
    seen = [(decision.epoch, decision.agent) for decision in trace]
    if len(set(seen)) < len(seen):
        yield "a decision is on record twice"
    if any(later.epoch < earlier.epoch for earlier, later in pairwise(trace)):
        yield "the record runs backwards"
    if not outcome.kills and trace and trace[0].epoch == 0 and len(trace) != outcome.decisions:
        yield f"{len(trace)} of {outcome.decisions} decisions are on record"


def actions_are_accounted_for(run: Observed) -> Iterator[str]:
    """25: what an agent did traces to what it saw, to its policy and to the gateway's verdict."""
    yield from run.said(25)
    for decision in run.outcome.trace:
        if decision.effect != "applied":
            continue
        whole = decision.wish and decision.observation_hash and decision.verdict != "fallback"
        if not whole or decision.policy_hash != run.policy_hash:
            yield f"{decision.agent} acted in period {decision.epoch} and nothing says on what"


def same_seed_same_digest(run: Observed) -> Iterator[str]:
    """26: a run without strikes is the undisturbed run; ``run_case`` plays others twice."""
    yield from run.said(26)
    off = all(strike.severity == 0 for strike in run.case.strikes)
    if off and run.course.digest != run.calm.digest:
        yield f"ledger {run.course.digest[:16]}, then {run.calm.digest[:16]}"


def weights_are_read_only(run: Observed) -> Iterator[str]:
    """27: an episode leaves the policy's weights alone, and plays what the case names."""
    yield from run.said(27)
    before, after = run.weights
    if before != after:
        yield "the policy's weights changed while it was serving"
    named = run.case.policy
    if named.kind == "bundle" and not named.sabotage and run.policy_hash != named.hash:
        yield f"played {run.policy_hash[:12]}, not {named.hash[:12]}"
