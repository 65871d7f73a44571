"""The undisturbed comparison: contenders, the learning curve, and what control costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reports.figures import (
    Axis,
    DotChart,
    DotRow,
    Line,
    LineChart,
    axis,
    binned,
    polyline,
    running_mean,
    sampled,
    tight_axis,
)
from reports.numbers import ABSENT, Money, count, data_size, number, percent, seconds
from stress.evidence import BASELINE, FLEET
from stress.results import NOMINAL, CaseResult, Contender, Manifest, TrainingRow

NAMES = {
    FLEET: "Trained fleet",
    BASELINE: "Tuned static baseline",
    "champion": "Champion",
}
TABLE_ROWS = 9
"""Updates listed beside the learning curve."""
SHOWN_EVENTS = 20


def policy_name(policy: str) -> str:
    """A policy's name as people read it."""
    return NAMES.get(policy, policy.replace("_", " "))


def role(policy: str) -> str:
    """Colour class of a policy."""
    return policy if policy in NAMES else "other"


def rank(policy: str) -> int:
    """The fleet first, then the baseline and the champion, then everyone else."""
    order = list(NAMES)
    return order.index(policy) if policy in order else len(order)


@dataclass(frozen=True)
class ContenderRow:
    """A line of the comparison table."""

    name: str
    role: str
    cost: str
    interval: str
    against: str
    against_interval: str
    fill_rate: str
    spread: str
    cvar: str
    seeds: int
    co2e: str


@dataclass(frozen=True)
class ContestView:
    """The comparison of all policies."""

    chart: DotChart
    rows: tuple[ContenderRow, ...]
    currency: str
    summary: str
    emits: bool
    """Whether the scenario says what its transport emits."""


def contest_view(manifest: Manifest) -> ContestView | None:
    """The comparison; None where no policy was evaluated."""
    found = sorted(manifest.contenders, key=lambda c: (rank(c.name), c.cost, c.name))
    if not found:
        return None
    amounts = [v for c in found for v in (c.cost, c.low, c.high)]
    money = Money.fitting(manifest.currency, amounts)
    scale = axis(amounts, parts=6)
    baseline = next((c for c in found if c.name == BASELINE), None)
    dots = tuple(_dot(c, scale, money) for c in found)
    chart = DotChart(dots, scale, scale.at(baseline.cost) if baseline else None)
    rows = tuple(_contender(c, money, baseline) for c in found)
    # Sorted by cost within a rank: the first that is neither fleet, baseline nor champion.
    best = next((i for i, c in enumerate(found) if role(c.name) == "other"), None)
    if best is not None:
        named = f"{rows[best].name} (strongest heuristic)"
        rows = (*rows[:best], replace(rows[best], name=named), *rows[best + 1 :])
    summary = "; ".join(f"{row.name} {row.cost} ({row.interval})" for row in rows)
    emits = any(c.co2e is not None for c in found)
    return ContestView(chart, rows, manifest.currency, summary, emits)


def _dot(c: Contender, scale: Axis, money: Money) -> DotRow:
    mean, low, high = (scale.at(v) for v in (c.cost, c.low, c.high))
    return DotRow(policy_name(c.name), role(c.name), mean, low, high, money.bare(c.cost))


def _contender(c: Contender, money: Money, baseline: Contender | None) -> ContenderRow:
    comparable = baseline is not None and baseline.cost > 0 and c.name != BASELINE
    low, high = (percent(r - 1, 1, True) for r in (c.ratio_low, c.ratio_high))
    return ContenderRow(
        policy_name(c.name),
        role(c.name),
        money.bare(c.cost),
        money.between(c.low, c.high),
        percent(c.ratio - 1, 1, True) if comparable else ABSENT,
        f"{low} to {high}" if comparable else "",
        percent(c.fill_rate),
        money.between(c.p5, c.p95),
        money.bare(c.cvar),
        c.seeds,
        number(c.co2e),
    )


@dataclass(frozen=True)
class LearningRow:
    """One update beside the learning curve."""

    update: str
    steps: str
    cost: str
    baseline: str
    entropy: str
    kl: str
    explained: str
    drift: str


@dataclass(frozen=True)
class LearningView:
    """Training: cost against agent steps, signs of its health, and what happened."""

    chart: LineChart
    health: tuple[tuple[str, LineChart], ...]
    rows: tuple[LearningRow, ...]
    currency: str
    window: int
    facts: tuple[tuple[str, str], ...]
    events: tuple[tuple[str, str], ...]
    """Updates and what happened in them; the last ones where there were many."""
    hidden_events: int


def learning_view(rows: Sequence[TrainingRow], currency: str) -> LearningView | None:
    """The learning curve; None where the run did not train."""
    if not rows:
        return None
    money = Money.fitting(currency, [v for r in rows for v in (r.cost, r.baseline_cost)])
    window = max(1, len(rows) // 20)
    last = rows[-1]
    facts = (
        ("Updates", count(last.update)),
        ("Agent steps", count(last.agent_steps)),
        ("Wall time", seconds(last.seconds)),
        ("Speed", f"{count(last.steps_per_second)} agent steps/s"),
    )
    events = [(count(row.update), event) for row in rows for event in row.events]
    return LearningView(
        _learning_chart(rows, window),
        tuple((title, _health_chart(rows, attribute)) for title, attribute in HEALTH),
        tuple(_learning_row(rows[n], money) for n in sampled(len(rows), TABLE_ROWS)),
        currency,
        window,
        facts,
        tuple(events[-SHOWN_EVENTS:]),
        max(0, len(events) - SHOWN_EVENTS),
    )


HEALTH = (
    ("Policy entropy, nats", "entropy"),
    ("Approximate KL per update", "kl"),
    ("Explained variance of the critic", "explained_variance"),
    ("Drift from the parent, or from the start", "drift"),
)


def _steps(rows: Sequence[TrainingRow]) -> tuple[float, ...]:
    return binned([float(r.agent_steps) for r in rows])


def _learning_chart(rows: Sequence[TrainingRow], window: int) -> LineChart:
    cost, base = [r.cost for r in rows], [r.baseline_cost for r in rows]
    series = (
        ("fleet raw", "Rollouts", binned(cost)),
        ("baseline", "Baseline on the same paths", binned(running_mean(base, window))),
        ("fleet", "Rollouts, running mean", binned(running_mean(cost, window))),
    )
    xs = _steps(rows)
    x, y = tight_axis(xs[0], xs[-1]), axis([v for *_, ys in series for v in ys])
    lines = tuple(Line(kind, label, polyline(xs, ys, x, y)) for kind, label, ys in series)
    return LineChart(lines, x, y)


def _health_chart(rows: Sequence[TrainingRow], attribute: str) -> LineChart:
    xs, ys = _steps(rows), binned([getattr(r, attribute) for r in rows])
    x, y = tight_axis(xs[0], xs[-1], 3), axis(ys, 3)
    return LineChart((Line("fleet", attribute, polyline(xs, ys, x, y)),), x, y)


def _learning_row(row: TrainingRow, money: Money) -> LearningRow:
    return LearningRow(
        count(row.update),
        count(row.agent_steps),
        money.bare(row.cost),
        money.bare(row.baseline_cost),
        number(row.entropy, 3),
        number(row.kl, 2),
        number(row.explained_variance, 3),
        number(row.drift, 3),
    )


@dataclass(frozen=True)
class CostRow:
    """Operating and control cost of one policy, undisturbed."""

    name: str
    role: str
    operating: str
    control: str
    share: str
    calls: str
    tokens: str
    traffic: str
    episodes: int


def cost_rows(cases: Sequence[CaseResult], manifest: Manifest) -> tuple[CostRow, ...]:
    """Operating and control cost per period and policy, over the undisturbed cases."""
    calm = [c for c in cases if c.fault == NOMINAL and not c.error]
    policies = sorted({c.policy for c in calm}, key=lambda name: (rank(name), name))
    groups = [(name, [c for c in calm if c.policy == name]) for name in policies]
    operating = Money.fitting(manifest.currency, [c.operating_cost for c in calm])
    control = Money.fitting(manifest.currency, [c.control_cost / manifest.periods for c in calm])
    return tuple(_cost_row(n, g, operating, control, manifest.periods) for n, g in groups)


def _cost_row(
    name: str, cases: Sequence[CaseResult], operating: Money, control: Money, periods: int
) -> CostRow:
    episodes = len(cases)
    spent = sum(c.operating_cost for c in cases) / episodes
    steering = sum(c.control_cost for c in cases) / episodes / periods
    total = spent + steering

    def per_period(amounts: list[int]) -> float:
        return sum(amounts) / episodes / periods

    return CostRow(
        policy_name(name),
        role(name),
        operating.bare(spent),
        control.bare(steering),
        percent(steering / total, 2) if total > 0 else ABSENT,
        number(per_period([c.calls for c in cases]), 3),
        number(per_period([c.tokens for c in cases]), 3),
        data_size(per_period([c.bytes for c in cases])),
        episodes,
    )
