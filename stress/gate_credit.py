"""G9: every agent pulls its weight.

Judged by Shapley values where the audit measured them, because leave-one-out also blames the
neighbours of a broken agent and cannot tell an agent with a stand-in from a free rider. Without
them leave-one-out serves as a screen, which finds harm only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.credit.estimate import Estimate
from agents.credit.record import AgentAudit, Audit, Standing
from stress.evidence import BASELINE
from stress.gate_model import WorkShareRule
from stress.judging import Bench, Finding, Line
from stress.statistics import Interval
from stress.wording import amount, counted, listed, percent

TITLE = "Every agent pulls its weight"
Row = tuple[AgentAudit, Estimate]
"""An agent and its Shapley value."""


def judge_work_share(rule: WorkShareRule, bench: Bench) -> Finding:
    """No agent does harm, none is lazy, none carries more than its share, beyond doubt."""
    tolerated = rule.max_harm * _baseline_cost(bench)
    rows = _measured(bench.audit)
    if bench.audit is None or not rows:
        return _screened(tolerated, bench)
    return _by_shapley(rule, tolerated, bench.audit, rows, bench)


def _measured(audit: Audit | None) -> tuple[Row, ...]:
    if audit is None:
        return ()
    return tuple((row, row.shapley) for row in audit.agents if row.shapley is not None)


def _baseline_cost(bench: Bench) -> float:
    costs = [group.baseline for group in bench.evidence.nominal_pairs(BASELINE) if group.n]
    return abs(float(np.concatenate(costs).mean())) if costs else 0.0


def _by_shapley(
    rule: WorkShareRule, tolerated: float, audit: Audit, rows: Sequence[Row], bench: Bench
) -> Finding:
    line = Line("G9", TITLE, "Agents that do not pull their weight")
    harmful = [r for r in rows if r[0].verdict == "harmful" and r[1].high < -tolerated]
    if harmful:
        return line.says("FAIL", _blamed(harmful, bench, audit), _names(harmful))
    lazy = [r for r in rows if r[0].verdict == "lazy"]
    if lazy and rule.max_idle is not None:
        return line.says("FAIL", _blamed(lazy, bench, audit), _names(lazy))
    heavy = [r for r in rows if rule.max_share and _carries(r[1], rule.max_share, audit)]
    if heavy and rule.max_share and len(rows) > 1:
        return line.says("FAIL", _carried(heavy, rule.max_share, audit), _names(heavy))
    return line.says("PASS", _praise(audit), f"0 of {len(rows)}")


def _carries(value: Estimate, most: float, audit: Audit) -> bool:
    """Whether one agent adds more than the limit, beyond doubt."""
    return audit.gain.low > 0 and value.low > most * audit.gain.value


def _names(rows: Sequence[Row]) -> str:
    return listed(sorted(row.agent for row, _ in rows))


def _blamed(rows: Sequence[Row], bench: Bench, audit: Audit) -> str:
    """The worst of them, with both measures, and how many more there are."""
    row, _ = min(rows, key=lambda found: found[1].value)
    alone = bench.money(amount(abs(row.leave_one_out.value)))
    word = "costs" if row.leave_one_out.value >= 0 else "saves"
    others = f" {counted(len(rows), 'agent')} in all: {_names(rows)}." if len(rows) > 1 else ""
    return (
        f"Agent {row.agent}, by its Shapley value over {counted(audit.seeds, 'paired seed')}: "
        f"{row.sentence} Replacing it alone by the static policy {word} {alone}.{others}"
    )


def _carried(rows: Sequence[Row], most: float, audit: Audit) -> str:
    row, value = max(rows, key=lambda found: found[1].value)
    share = percent(value.value / audit.gain.value)
    return (
        f"Agent {row.agent} adds {share} of what the fleet saves, beyond doubt more than the "
        f"{percent(most)} that one agent may carry."
    )


def _praise(audit: Audit) -> str:
    """How many work, and who does so only in company, has a stand-in, or is undecided."""
    standing = {row.agent: row.verdict for row in audit.agents}
    good = [name for name, where in standing.items() if where in ("works", "redundant")]
    parts = [
        f"By Shapley values over {counted(audit.seeds, 'paired seed')} {len(good)} of "
        f"{counted(len(standing), 'agent')} save money beyond doubt and none is to blame"
    ]
    for where, words in NOTES.items():
        named = sorted(name for name, found in standing.items() if found == where)
        if named:
            parts.append(f"{words}: {listed(named)}")
    return f"{'; '.join(parts)}."


NOTES: dict[Standing, str] = {
    "dependent": "only together with the others",
    "redundant": "somebody else could stand in for",
    "burdened": "only a worse agent keeps from it",
    "lazy": "no contribution",
    "undecided": "no measurable contribution",
}


def _screened(tolerated: float, bench: Bench) -> Finding:
    """Leave-one-out: no agent whose removal makes the fleet cheaper beyond noise."""
    line = Line("G9", TITLE, "Agents that do harm")
    if not bench.credit:
        return line.says("INCONCLUSIVE", "No agent's contribution was measured.", "not measured")
    harmful = {name: c for name, c in bench.credit.items() if c.high < -tolerated}
    if harmful:
        return line.says("FAIL", _harm(harmful, bench), listed(sorted(harmful)))
    idle = sorted(name for name, c in bench.credit.items() if c.low <= 0)
    sentence = f"Without any one of its {counted(len(bench.credit), 'agent')} the fleet does worse"
    if idle:
        proven = f"{len(bench.credit) - len(idle)} of {len(bench.credit)}"
        sentence = (
            f"Agents that save money beyond doubt: {proven}; none does harm beyond doubt; "
            f"no measurable contribution: {listed(idle)}"
        )
    return line.says("PASS", f"{sentence}.", f"0 of {len(bench.credit)}")


def _harm(harmful: dict[str, Interval], bench: Bench) -> str:
    name = min(harmful, key=lambda agent: harmful[agent].value)
    credit = harmful[name]
    interval = f"{amount(-credit.high)} to {amount(-credit.low)}"
    others = f" ({counted(len(harmful), 'agent')} in all)" if len(harmful) > 1 else ""
    return (
        f"Replacing agent {name} by the static policy saves {bench.money(amount(-credit.value))} "
        f"(95 % interval {interval}, {counted(credit.n, 'paired seed')}): it does harm{others}."
    )
