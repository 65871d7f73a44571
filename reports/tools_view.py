"""Health of the tool calls the fleet made, fault by fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from reports.numbers import ABSENT, count, fixed, percent
from stress.evidence import FLEET
from stress.results import NOMINAL, CaseResult

NO_FAULT = "no fault"


@dataclass(frozen=True)
class Label:
    """A failure label with its number and its share of the busiest label (percent)."""

    name: str
    text: str
    bar: float


@dataclass(frozen=True)
class ToolRow:
    """Tool calls of all the fleet's episodes under one fault."""

    fault: str
    episodes: int
    calls: str
    attempts: str
    retries: str
    amplification: str
    labels: tuple[Label, ...]
    opened: str
    closed: str
    fallback: str
    fired: str
    seen: str


@dataclass(frozen=True)
class ToolsView:
    """The table and its totals."""

    rows: tuple[ToolRow, ...]
    total: ToolRow
    labels: tuple[Label, ...]
    """Over all faults, most frequent first."""


def tools_view(cases: Sequence[CaseResult]) -> ToolsView | None:
    """Tool-call health; None where the fleet called no tool."""
    mine = [c for c in cases if c.policy == FLEET and not c.error]
    if not any(c.calls for c in mine):
        return None
    faults = sorted({c.fault for c in mine}, key=lambda f: (f != NOMINAL, f))
    rows = tuple(_row(_name(f), [c for c in mine if c.fault == f]) for f in faults)
    total = _row("all", mine)
    return ToolsView(rows, total, total.labels)


def _name(fault: str) -> str:
    return NO_FAULT if fault == NOMINAL else fault


def _row(name: str, cases: Sequence[CaseResult]) -> ToolRow:
    calls, attempts = sum(c.calls for c in cases), sum(c.attempts for c in cases)
    decisions = sum(c.decisions for c in cases)
    return ToolRow(
        name,
        len(cases),
        count(calls),
        count(attempts),
        count(sum(c.retries for c in cases)),
        f"{fixed(attempts / calls, 3)}\u00d7" if calls else ABSENT,
        _labels(cases),
        count(sum(c.breaker_opened for c in cases)),
        count(sum(c.breaker_closed for c in cases)),
        percent(sum(c.fallbacks for c in cases) / decisions, 2) if decisions else ABSENT,
        count(sum(c.fired for c in cases)),
        count(sum(c.seen for c in cases)),
    )


def _labels(cases: Sequence[CaseResult]) -> tuple[Label, ...]:
    total: Counter[str] = Counter()
    for case in cases:
        total.update(case.labels)
    ranked = sorted(((n, name) for name, n in total.items() if n), key=lambda p: (-p[0], p[1]))
    most = ranked[0][0] if ranked else 1
    return tuple(Label(name, count(n), round(100 * n / most, 1)) for n, name in ranked)
