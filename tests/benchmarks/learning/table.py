"""The table: every learner against static, the best tuned rule, the bound and its target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stress.statistics import iqm
from tests.benchmarks.learning.problems import LEARNERS, Problem
from tests.benchmarks.learning.references import BOUND, STATIC
from tests.benchmarks.learning.results import Row
from twin.exogenous.streams import stream

Floats = NDArray[np.float64]
RESAMPLES = 4_000
HEADINGS = ("policy", "value", "95 %", "of the room", "seeds", "CPU s", "target", "")


@dataclass(frozen=True)
class Estimate:
    """The interquartile mean over training seeds, with its 95 % interval."""

    value: float
    low: float
    high: float
    seeds: int
    cpu_s: float


def estimate(rows: Sequence[Row]) -> Estimate:
    """Training seeds drawn again, and the evaluation paths' luck, which all runs share."""
    random = stream(0, "benchmarks/learning/bootstrap")
    means = np.array([row.mean for row in rows])
    drawn = means[random.integers(0, len(means), (RESAMPLES, len(means)))]
    error = float(np.mean([row.error for row in rows]))
    found = np.array([iqm(one) for one in drawn]) + error * random.standard_normal(RESAMPLES)
    low, high = np.quantile(found, (0.025, 0.975))
    cpu = float(np.mean([row.cpu_s for row in rows]))
    return Estimate(iqm(means), float(low), float(high), len(rows), cpu)


def table_lines(problem: Problem, rows: Sequence[Row]) -> list[str]:
    """A Markdown table of one problem."""
    found = {who: estimate(of_who) for who, of_who in _by_policy(rows).items()}
    rules = [row for row in rows if row.kind == "heuristic"]
    lines = [f"### {problem.name}: {problem.kind}", ""]
    lines += [_line(HEADINGS), _line("---" for _ in HEADINGS)]
    lines += [
        _line((f"published: {who}", f"{value:g}", "", "", "", "", "", ""))
        for who, value in problem.published
    ]
    for who in (STATIC, _best_rule(problem, rules), BOUND, *LEARNERS):
        if who in found:
            lines.append(_policy_line(problem, who, found))
        elif who in problem.targets:
            lines.append(_line((who, "not run", "", "", "0", "", f"{problem.targets[who]:g}", "")))
    return lines


def _by_policy(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.who, []).append(row)
    return found


def _best_rule(problem: Problem, rules: Sequence[Row]) -> str:
    """Of the tuned rules but the static one, the best on the evaluation paths."""
    sign = -1 if problem.higher_is_better else 1
    others = [row for row in rules if row.who != STATIC]
    return min(others, key=lambda row: sign * row.mean).who if others else ""


def _policy_line(problem: Problem, who: str, found: dict[str, Estimate]) -> str:
    one = found[who]
    target = problem.targets.get(who)
    learned = who in LEARNERS
    return _line(
        (
            who,
            f"{one.value:.2f}",
            f"{one.low:.2f} to {one.high:.2f}",
            _share(one, found),
            str(one.seeds) if learned else "",
            f"{one.cpu_s:.0f}" if learned else "",
            "" if target is None else f"{target:g}",
            "" if target is None else _verdict(problem, one, target),
        )
    )


def _share(one: Estimate, found: dict[str, Estimate]) -> str:
    """How much of what lies between static and the bound is won."""
    if STATIC not in found or BOUND not in found:
        return ""
    static, bound = found[STATIC].value, found[BOUND].value
    return f"{round((one.value - static) / (bound - static), 2) + 0.0:.0%}"


def _verdict(problem: Problem, one: Estimate, target: float) -> str:
    """Whether the interquartile mean reaches the target, and by how much it does not."""
    behind = target - one.value if problem.higher_is_better else one.value - target
    if behind <= 0:
        return "met"
    within = one.low <= target <= one.high
    return f"missed by {behind:.2f}" + (", within the interval" if within else "")


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
