"""Stress cases as two heat maps: the fleet against the baseline, and against itself undisturbed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from reports.numbers import ABSENT, Money, count, percent
from stress.evidence import BASELINE, FLEET
from stress.results import NOMINAL, SEVERITIES, CaseResult

AGAINST_BASELINE = (0.02, 0.10, 0.20, 0.35)
"""Where the colour changes, as a share of the baseline's cost."""
AGAINST_ITSELF = (0.01, 0.05, 0.15, 0.40)
Costs = dict[tuple[str, int], float]
"""Cost per period by scenario and seed."""


@dataclass(frozen=True)
class Paired:
    """A relative cost difference over common seeds, with its 95 % interval."""

    share: float
    low: float
    high: float
    seeds: int

    @property
    def text(self) -> str:
        """The share, signed, in whole percent."""
        return percent(self.share, 0, signed=True)

    @property
    def interval(self) -> str:
        """The interval in percent; a dash where one seed gives none."""
        if self.seeds < 2:
            return ABSENT
        return f"{percent(self.low, 1, True)} to {percent(self.high, 1, True)}"


@dataclass(frozen=True)
class HeatCell:
    """A cell: its text, its colour class and what is wrong in it."""

    text: str
    tone: str
    title: str
    violations: int = 0
    crashes: int = 0


@dataclass(frozen=True)
class HeatRow:
    """A fault and its cells by severity."""

    fault: str
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True)
class StressDetail:
    """The numbers behind a pair of cells."""

    fault: str
    severity: str
    fleet: str
    baseline: str
    against: str
    against_interval: str
    own: str
    own_interval: str
    seeds: int
    fired: str
    seen: str
    violations: int
    crashes: int


@dataclass(frozen=True)
class StressView:
    """The stress campaign."""

    severities: tuple[str, ...]
    against: tuple[HeatRow, ...]
    own: tuple[HeatRow, ...]
    details: tuple[StressDetail, ...]
    currency: str
    broken: tuple[str, ...]
    """Distinct violations, with how often they occurred."""
    crashed: tuple[str, ...]
    """Distinct errors of crashed cases."""
    against_scale: tuple[tuple[str, str], ...]
    own_scale: tuple[tuple[str, str], ...]
    """Colour class and where it begins, from better to worse."""


def paired(costs: Costs, reference: Costs) -> Paired | None:
    """Mean cost over the common seeds relative to the reference's mean, (a - b) / |b|.

    The interval is the linearised one of a ratio of paired means (Cochran, Sampling Techniques,
    sect. 6.4) with Student's t; None where nothing can be compared.
    """
    seeds = sorted(costs.keys() & reference.keys())
    base = sum(reference[s] for s in seeds) / len(seeds) if seeds else 0.0
    if base == 0.0:
        return None
    ratio = sum(costs[s] for s in seeds) / len(seeds) / base
    share = math.copysign(1.0, base) * (ratio - 1.0)
    if len(seeds) < 2:
        return Paired(share, share, share, len(seeds))
    residuals = [costs[s] - ratio * reference[s] for s in seeds]
    variance = sum(r * r for r in residuals) / (len(seeds) - 1)
    half = _student(len(seeds) - 1) * math.sqrt(variance / len(seeds)) / abs(base)
    return Paired(share, share - half, share + half, len(seeds))


def _student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.975))


@dataclass(frozen=True)
class Spot:
    """All cases of one (fault, severity)."""

    fault: str
    severity: int
    cases: tuple[CaseResult, ...]

    def costs(self, policy: str) -> Costs:
        """Cost per period of the cases that did not crash."""
        mine = (c for c in self.cases if c.policy == policy and not c.error)
        return {(c.scenario, c.seed): c.cost for c in mine}

    @property
    def fleet(self) -> tuple[CaseResult, ...]:
        """The fleet's cases."""
        return tuple(c for c in self.cases if c.policy == FLEET)

    @property
    def violations(self) -> int:
        """Invariants broken by the fleet."""
        return sum(len(c.violations) for c in self.fleet)

    @property
    def crashes(self) -> int:
        """The fleet's cases that ended in an error."""
        return sum(1 for c in self.fleet if c.error)


def spots(cases: Iterable[CaseResult]) -> dict[tuple[str, int], Spot]:
    """Cases by (fault, severity); severity 0 of a fault falls back to the undisturbed cases."""
    groups: dict[tuple[str, int], list[CaseResult]] = {}
    for case in cases:
        groups.setdefault((case.fault, case.severity), []).append(case)
    for fault in {name for name, _ in groups if name != NOMINAL}:
        if (NOMINAL, 0) in groups:
            groups.setdefault((fault, 0), groups[(NOMINAL, 0)])
    return {key: Spot(key[0], key[1], tuple(group)) for key, group in sorted(groups.items())}


def tone(share: float, edges: tuple[float, ...]) -> str:
    """Colour class: ``b`` (better) or ``w`` (worse) with the number of edges passed."""
    passed = sum(abs(share) >= edge for edge in edges)
    return f"{'b' if share < 0 else 'w'}{passed}" if passed else "n"


def colour_scale(edges: tuple[float, ...]) -> tuple[tuple[str, str], ...]:
    """The colour classes with the share at which each begins.

    >>> [name for name, _ in colour_scale((0.02, 0.1))]
    ['b2', 'b1', 'n', 'w1', 'w2']
    """
    better = [(tone(-edge, edges), percent(-edge, 0, True)) for edge in reversed(edges)]
    worse = [(tone(edge, edges), percent(edge, 0, True)) for edge in edges]
    return (*better, ("n", "\u00b1"), *worse)


def stress_view(cases: tuple[CaseResult, ...], currency: str) -> StressView | None:
    """The heat maps; None where no fault was tried."""
    grid = spots(cases)
    faults = sorted({fault for fault, _ in grid if fault != NOMINAL})
    if not faults:
        return None
    money = Money.fitting(currency, (c.cost for c in cases))
    stressed = [grid[key] for key in grid if key[0] != NOMINAL]
    return StressView(
        tuple(f"{n} {name}" for n, name in enumerate(SEVERITIES)),
        tuple(_row(fault, grid, against_baseline, AGAINST_BASELINE) for fault in faults),
        tuple(_row(fault, grid, against_itself, AGAINST_ITSELF) for fault in faults),
        tuple(_detail(spot, grid, money) for spot in stressed if spot.severity > 0),
        currency,
        _tally(v for c in cases if c.policy == FLEET for v in c.violations),
        _tally(c.error for c in cases if c.error),
        colour_scale(AGAINST_BASELINE),
        colour_scale(AGAINST_ITSELF),
    )


Grid = Mapping[tuple[str, int], Spot]
Compare = Callable[[Spot, Grid], Paired | None]


def against_baseline(spot: Spot, grid: Grid) -> Paired | None:
    """The fleet's cost relative to the baseline's under the same stress."""
    return paired(spot.costs(FLEET), spot.costs(BASELINE))


def against_itself(spot: Spot, grid: Grid) -> Paired | None:
    """The fleet's cost relative to its own without stress."""
    calm = grid.get((spot.fault, 0))
    return paired(spot.costs(FLEET), calm.costs(FLEET)) if calm else None


def _row(fault: str, grid: Grid, compare: Compare, edges: tuple[float, ...]) -> HeatRow:
    cells = []
    for severity in range(len(SEVERITIES)):
        spot = grid.get((fault, severity))
        cells.append(_cell(spot, compare(spot, grid), edges) if spot else _blank())
    return HeatRow(fault, tuple(cells))


def _cell(spot: Spot, result: Paired | None, edges: tuple[float, ...]) -> HeatCell:
    if result is None:
        return HeatCell(ABSENT, "x", "not comparable", spot.violations, spot.crashes)
    title = f"{result.seeds} paired seeds, 95 % interval {result.interval}"
    return HeatCell(result.text, tone(result.share, edges), title, spot.violations, spot.crashes)


def _blank() -> HeatCell:
    return HeatCell(ABSENT, "x", "not run")


def _detail(spot: Spot, grid: Grid, money: Money) -> StressDetail:
    against, own = against_baseline(spot, grid), against_itself(spot, grid)
    return StressDetail(
        spot.fault,
        f"{spot.severity} {SEVERITIES[spot.severity]}",
        _mean(spot.costs(FLEET), money),
        _mean(spot.costs(BASELINE), money),
        against.text if against else ABSENT,
        against.interval if against else ABSENT,
        own.text if own else ABSENT,
        own.interval if own else ABSENT,
        len(spot.costs(FLEET)),
        count(sum(c.fired for c in spot.fleet)),
        count(sum(c.seen for c in spot.fleet)),
        spot.violations,
        spot.crashes,
    )


def _mean(costs: Costs, money: Money) -> str:
    return money.bare(sum(costs.values()) / len(costs)) if costs else ABSENT


def _tally(texts: Iterable[str]) -> tuple[str, ...]:
    """Distinct texts with their number of occurrences, most frequent first."""
    ranked = sorted(Counter(texts).items(), key=lambda item: (-item[1], item[0]))
    return tuple(f"{text} ({n:,}\u00d7)" for text, n in ranked)
