"""Invariants 17 to 23: laws of control."""

from __future__ import annotations

from collections.abc import Iterator

from stress.invariants.observed import Observed
from twin.env.agents import agent_specs

ROUNDING = 1e-6


def attempts_are_bounded(run: Observed) -> Iterator[str]:
    """17: no call is tried more often than configured."""
    yield from run.said(17)
    most = run.ledger.world.model.tools.retries.attempts
    for decision in run.outcome.trace:
        for read in decision.reads:
            if read.attempts > most:
                yield f"{read.call} was tried {read.attempts} times of {most}"


def retries_stay_within_budget(run: Observed) -> Iterator[str]:
    """18: retries <= reserve x agents + share x calls, over the whole fleet."""
    yield from run.said(18)
    world, account = run.ledger.world, run.outcome.account
    retries = world.model.tools.retries
    allowed = retries.reserve * len(agent_specs(world)) + retries.budget * account.calls
    if account.retries > allowed + ROUNDING:
        yield f"{account.retries} retries, {allowed:g} allowed"


def open_breakers_let_nothing_pass(run: Observed) -> Iterator[str]:
    """19: no call while a breaker is open or forced open."""
    yield from run.said(19)


def killed_nodes_are_silent(run: Observed) -> Iterator[str]:
    """20: a killed node emits no action of its own."""
    yield from run.said(20)


def high_risk_is_approved_first(run: Observed) -> Iterator[str]:
    """21: a high-risk order has an approval from before it."""
    yield from run.said(21)


def spending_stays_within_forecast(run: Observed) -> Iterator[str]:
    """22: tools cost no more than the clean run's bill and the buffer on top of it."""
    yield from run.said(22)
    most = run.calm.money * (1.0 + run.ledger.world.model.tools.spend_buffer)
    if run.outcome.account.money > most * (1.0 + ROUNDING):
        yield f"{run.outcome.account.money:.6g} spent, {most:.6g} allowed"


def queues_are_bounded(run: Observed) -> Iterator[str]:
    """23: messages under way never exceed their bound."""
    yield from run.said(23)
