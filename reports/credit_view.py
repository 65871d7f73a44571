"""Who pulls its weight: the agents' Shapley values, and how they moved while training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents.credit.estimate import Estimate
from agents.credit.record import AgentAudit, Audit, Standing, TrainingAudit
from reports.figures import Axis, DotChart, DotRow, axis, sampled
from reports.numbers import ABSENT, Money, count, number, percent, plural, seconds

TONES: dict[Standing, str] = {
    "works": "pass",
    "redundant": "pass",
    "dependent": "pass",
    "burdened": "open",
    "lazy": "fail",
    "harmful": "fail",
    "undecided": "open",
    "not judged": "none",
}
METHODS = {
    "exact": "all coalitions",
    "permutations": "random orders of joining and their reverses",
    "leave_one_out": "leave-one-out only",
}
MOST_DOTS = 24
"""Agents drawn; the table lists all."""
TRAINING_ROWS = 8


@dataclass(frozen=True)
class CreditRow:
    """One agent, as text."""

    agent: str
    verdict: str
    tone: str
    value: str
    interval: str
    share: str
    alone: str
    alone_interval: str
    spread: str
    variance: str
    books: str
    sentence: str


@dataclass(frozen=True)
class TrainingCreditRow:
    """One audit while training, as text."""

    update: str
    saved: str
    interval: str
    least: str
    notes: str
    time: str


@dataclass(frozen=True)
class CreditView:
    """The audit of the fleet."""

    chart: DotChart | None
    rows: tuple[CreditRow, ...]
    hidden: int
    """Agents left out of the picture."""
    facts: tuple[tuple[str, str], ...]
    training: tuple[TrainingCreditRow, ...]
    currency: str
    summary: str


def credit_view(audit: Audit | None, training: Sequence[TrainingAudit]) -> CreditView | None:
    """The audit; None where the fleet was not audited."""
    if audit is None:
        return None
    estimates = [e for a in audit.agents for e in (a.shapley, a.leave_one_out) if e is not None]
    money = Money.fitting(audit.currency, [v for e in estimates for v in (e.low, e.high)])
    rows = tuple(_row(agent, money) for agent in audit.agents)
    return CreditView(
        _chart(audit.agents, money),
        rows,
        max(0, len(rows) - MOST_DOTS),
        _facts(audit, money),
        tuple(_training_row(training[n], money) for n in sampled(len(training), TRAINING_ROWS)),
        audit.currency,
        "; ".join(f"{row.agent} {row.value} ({row.interval})" for row in rows[:MOST_DOTS]),
    )


def _chart(agents: Sequence[AgentAudit], money: Money) -> DotChart | None:
    values = [(a.agent, a.shapley) for a in agents if a.shapley is not None]
    shown = sorted(values, key=lambda pair: -pair[1].value)[:MOST_DOTS]
    if not shown:
        return None
    scale = axis([v for _, e in shown for v in (e.low, e.high)], parts=6, zero=True)
    dots = tuple(_dot(name, value, scale, money) for name, value in shown)
    return DotChart(dots, scale, scale.at(0.0))


def _dot(name: str, found: Estimate, scale: Axis, money: Money) -> DotRow:
    mean, low, high = (scale.at(v) for v in (found.value, found.low, found.high))
    return DotRow(name, "fleet", mean, low, high, money.bare(found.value))


def _row(agent: AgentAudit, money: Money) -> CreditRow:
    value, alone = agent.shapley, agent.leave_one_out
    return CreditRow(
        agent.agent,
        agent.verdict,
        TONES[agent.verdict],
        money.bare(value.value) if value else ABSENT,
        money.between(value.low, value.high) if value else "",
        percent(agent.share, 0) if agent.share is not None else ABSENT,
        money.bare(alone.value),
        money.between(alone.low, alone.high),
        number(agent.spread, 2),
        f"{number(agent.variance_ratio, 2)}\u00d7" if agent.variance_ratio is not None else ABSENT,
        money.bare(agent.cost),
        agent.sentence,
    )


def _facts(audit: Audit, money: Money) -> tuple[tuple[str, str], ...]:
    saved = f"{money.bare(audit.gain.value)} ({money.between(audit.gain.low, audit.gain.high)})"
    return (
        ("The team saves", saved),
        ("Measured by", METHODS[audit.method]),
        ("Replayed", f"{plural(audit.episodes, 'episode')}, {plural(audit.seeds, 'seed')}"),
        ("Wall time", seconds(audit.seconds)),
        ("Nodes without an agent cost", money.bare(audit.unassigned)),
    )


def _training_row(found: TrainingAudit, money: Money) -> TrainingCreditRow:
    least = min(found.shapley, key=lambda name: found.shapley[name].value, default="")
    blamed = [f"{n}: {v}" for n, v in found.verdicts.items() if v in ("lazy", "harmful")]
    return TrainingCreditRow(
        count(found.update),
        money.bare(found.gain.value),
        money.between(found.gain.low, found.gain.high),
        f"{least} {money.bare(found.shapley[least].value)}" if least else ABSENT,
        ", ".join(blamed) or ABSENT,
        percent(found.time_share),
    )
