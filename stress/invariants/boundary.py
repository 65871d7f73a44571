"""Invariants 9 to 16: laws of the tool boundary.

The gateway keeps its own books of what is told to it (``agents.gateway.audit``); what it says about
a law counts, and the trace and the ledger are asked as well where they can tell.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stress.invariants.observed import Observed


def no_effect_without_validation(run: Observed) -> Iterator[str]:
    """9: what took effect is what was validated, key by key."""
    yield from run.said(9)
    counted = sum(d.effect in ("applied", "late") for d in run.outcome.trace)
    acted = run.outcome.decisions - run.outcome.fallbacks
    if len(run.outcome.trace) == run.outcome.decisions and counted != acted:
        yield f"{acted} decisions took effect, {counted} were traced"


def no_invalid_payload_gets_through(run: Observed) -> Iterator[str]:
    """10: what a policy sees is finite, in bounds and young enough, and so is every order."""
    yield from run.said(10)
    yield from run.misread
    ordered = run.ledger.quantities.ordered
    if not bool(np.isfinite(ordered).all()) or float(ordered.min(initial=0.0)) < 0:
        yield "an order that is no quantity reached the world"


def each_failure_has_one_label(run: Observed) -> Iterator[str]:
    """11: labels are of the closed set, and every attempt has one outcome."""
    from agents.gateway.schema import Label

    yield from run.said(11)
    unknown = sorted(set(run.outcome.labels) - {str(label) for label in Label})
    if unknown:
        yield f"unknown label {unknown[0]}"


def nothing_uncaught(run: Observed) -> Iterator[str]:
    """12: an episode that came to its end let nothing escape; a crash is told by ``run_case``."""
    yield from run.said(12)


def one_effect_per_key(run: Observed) -> Iterator[str]:
    """13: whatever is duplicated, reordered or retried."""
    yield from run.said(13)


def answers_name_their_call(run: Observed) -> Iterator[str]:
    """14: what an agent used came from calls of its own, of this epoch, about what it may read."""
    yield from run.said(14)
    for decision in run.outcome.trace:
        for read in decision.reads:
            if not read.call.startswith(f"{decision.agent}/{decision.epoch}/"):
                yield f"{decision.agent} in period {decision.epoch} used the answer to {read.call}"


def ambiguity_is_clarified(run: Observed) -> Iterator[str]:
    """15: an answer that can be read in several ways is asked about before it is used."""
    yield from run.said(15)


def nobody_leaves_their_scope(run: Observed) -> Iterator[str]:
    """16: no undeclared tool, no entity of somebody else."""
    from twin.env.agents import agent_specs

    yield from run.said(16)
    allowed = {
        spec.name: {(read.tool, read.entity) for read in spec.reads}
        for spec in agent_specs(run.ledger.world)
    }
    for decision in run.outcome.trace:
        for read in decision.reads:
            if (read.tool, read.entity) not in allowed[decision.agent]:
                yield f"{decision.agent} used {read.tool} of {read.entity}"
