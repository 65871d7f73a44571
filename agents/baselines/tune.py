"""Simulation optimisation of the static rules, under common random numbers.

Every candidate meets the same tuning seeds, in one batch; what is reported was measured on seeds
that the search never saw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agents.baselines.search import minimise
from agents.baselines.space import LAST_STEP, Space, separate_weekdays, space_for
from twin.engine.batch import BatchPath, stack_paths
from twin.engine.batch_run import run_rule_batch
from twin.env.rules import TUNED_KINDS, OrderingRule, RuleKind
from twin.errors import UsageError
from twin.exogenous.path import draw_path
from twin.exogenous.streams import stream
from twin.network.world import World

Floats = NDArray[np.float64]
Progress = Callable[[str, float], None]
TRIES = 800
"""Candidates tried per kind."""
WARM_START: RuleKind = "base_stock"
"""The kind whose tuned levels the others start from."""
WEEKDAY_EFFORT = 2
"""Times as many for each of the stages in which weekday levels are tuned."""
WEEKDAY_STAGES = 4
"""Profiles, each level by itself from there, and from levels without weekdays; the better again."""
SMALLEST_POPULATION, LARGEST_POPULATION = 8, 32
"""Candidates per generation: one more for each parameter, within these bounds."""
LARGEST_BATCH = 20_000_000
"""Numbers in the sample paths of the candidates that run at once."""
FEWEST_SEEDS = 8
"""Tuning seeds that even the largest network gets."""
MOST_WORK = 1_000_000_000
"""Numbers in the sample paths of all candidates of one kind; bounds large networks."""
CONFIDENCE = 0.95


@dataclass(frozen=True)
class TunedRule:
    """A rule and what it cost per period, discounted, on held-out seeds."""

    kind: RuleKind
    rule: OrderingRule
    cost: float
    low: float  # 95 % confidence interval of the mean cost
    high: float
    fill_rate: float
    seeds: tuple[int, ...]  # held-out
    evaluations: int  # candidates tried, each on every tuning seed


def tune_baselines(
    world: World,
    seed: int = 0,
    kinds: Sequence[RuleKind] = TUNED_KINDS,
    seeds: int = 24,
    budget: int = TRIES,
    progress: Progress | None = None,
) -> dict[RuleKind, TunedRule]:
    """Tune the given kinds of rules; weekday levels only where a period is a day.

    ``budget`` is the number of candidates tried per kind, each on ``seeds`` sample paths; large
    networks get fewer. ``progress`` hears the kind and the share done. A pure function of its
    arguments: no wall clock stops it. Kinds that extend base-stock start from its tuned levels.
    """
    wanted = _possible(world, kinds)
    tuning = _tuning_paths(world, _seeds(seed, "tune", seeds), budget)
    held_out = _seeds(seed, "held_out", seeds)
    test = stack_paths(world, [draw_path(world, s) for s in held_out])
    warm: OrderingRule | None = None
    found: dict[RuleKind, TunedRule] = {}
    for kind in _in_order(wanted):
        search = _Search(world, tuning, budget, stream(seed, f"baselines/search/{kind}"))
        rule = search.best(kind, warm, _reporter(kind, progress))
        warm = rule if kind == WARM_START else warm
        found[kind] = _measured(world, rule, test, held_out, search.tried)
    return {kind: found[kind] for kind in wanted}


def _possible(world: World, kinds: Sequence[RuleKind]) -> list[RuleKind]:
    """The kinds that make sense in this world; raises UsageError when none does."""
    wanted = [k for k in kinds if k != "weekday_base_stock" or world.period_d == 1.0]
    if not wanted:
        raise UsageError(
            "no kind of rule to tune",
            "kinds",
            ", ".join(kinds) or "none",
            "a kind without weekdays",
        )
    return wanted


def _in_order(kinds: Sequence[RuleKind]) -> list[RuleKind]:
    """Base-stock first where others start from it, even when it is not asked for."""
    others = [kind for kind in kinds if kind != WARM_START]
    needed = WARM_START in kinds or any(kind != "constant" for kind in others)
    return [WARM_START, *others] if needed else others


def _seeds(seed: int, purpose: str, count: int) -> tuple[int, ...]:
    drawn = stream(seed, f"baselines/{purpose}").integers(0, 2**31, count)
    return tuple(int(s) for s in drawn)


def _tuning_paths(world: World, seeds: Sequence[int], budget: int) -> BatchPath:
    """The paths of the tuning seeds; fewer where the network is too large for the budget."""
    first = [draw_path(world, s) for s in seeds[:FEWEST_SEEDS]]
    numbers = _numbers(stack_paths(world, first)) // len(first)
    affordable = MOST_WORK // (numbers * max(budget, 1))
    used = seeds[FEWEST_SEEDS : max(affordable, FEWEST_SEEDS)]
    return stack_paths(world, [*first, *(draw_path(world, s) for s in used)])


def _reporter(kind: RuleKind, progress: Progress | None) -> Callable[[float], None]:
    return (lambda _: None) if progress is None else (lambda share: progress(kind, share))


def _stage(number: int, report: Callable[[float], None]) -> Callable[[float], None]:
    return lambda share: report((number + share) / WEEKDAY_STAGES)


class _Search:
    """Searches the spaces of one kind of rule on the tuning paths."""

    def __init__(
        self, world: World, path: BatchPath, budget: int, rng: np.random.Generator
    ) -> None:
        self.tried = 0
        self._world = world
        self._path = path
        self._budget = min(budget, MOST_WORK // _numbers(path))
        self._rng = rng

    def best(
        self, kind: RuleKind, warm: OrderingRule | None, report: Callable[[float], None]
    ) -> OrderingRule:
        """The best rule found."""
        first = space_for(self._world, kind, warm)
        if kind != "weekday_base_stock":
            return self._minimum(first, self._budget, report)
        return self._weekdays(first, report)

    def _weekdays(self, profiles: Space, report: Callable[[float], None]) -> OrderingRule:
        """Weekday levels: together first, then each by itself.

        Costs with whole vehicles have many local minima, so the second search is made from two
        starts, and the better result is where a third one, with finer steps, goes on.
        """
        effort = WEEKDAY_EFFORT * self._budget
        shared = self._minimum(profiles, effort, _stage(0, report))
        second = separate_weekdays(self._world, shared)
        if second is None:
            report(1.0)
            return shared
        without = replace(second, level=profiles.level)
        spaces = [second, without]
        found = [self._minimum(s, effort, _stage(i, report)) for i, s in enumerate(spaces, 1)]
        spaces = [replace(second, level=rule.level, first_step=LAST_STEP) for rule in found]
        start = np.zeros((second.size, 1))
        last = min(spaces, key=lambda s: float(costs(self._world, s, self._path, start)[0]))
        return self._minimum(last, effort, _stage(3, report))

    def _minimum(self, space: Space, tries: int, report: Callable[[float], None]) -> OrderingRule:
        if space.size == 0:
            report(1.0)
            return space.single(np.zeros(0))
        population = min(SMALLEST_POPULATION + space.size, LARGEST_POPULATION)
        generations = max(tries // population, 2)
        self.tried += generations * population
        best = minimise(
            lambda points: costs(self._world, space, self._path, points),
            np.zeros(space.size),
            space.first_step,
            generations,
            population,
            self._rng,
            report,
        )
        return space.single(best)


def costs(world: World, space: Space, path: BatchPath, points: Floats) -> Floats:
    """Mean cost per period of each point (n, candidates) over the replications of the path.

    It is discounted where the scenario says so, as what learners minimise is.
    """
    replications = path.replications
    chunk = max(1, LARGEST_BATCH // _numbers(path))
    found = []
    for first in range(0, points.shape[1], chunk):
        part = points[:, first : first + chunk]
        rule = space.rule(np.repeat(part, replications, axis=1))
        cost, _ = run_rule_batch(
            world, repeated(path, part.shape[1]), rule, discount=world.model.discount
        )
        found.append(cost.reshape(part.shape[1], replications).mean(axis=1))
    return np.concatenate(found)


def _numbers(path: BatchPath) -> int:
    return max(1, int(np.prod(path.demand.shape)) + int(np.prod(path.due.shape)))


def _measured(
    world: World, rule: OrderingRule, path: BatchPath, seeds: tuple[int, ...], tried: int
) -> TunedRule:
    """The rule's cost on held-out seeds with Student's interval of the mean."""
    cost, fill = run_rule_batch(world, path, rule, discount=world.model.discount)
    mean = float(cost.mean())
    half = _half_width(cost)
    return TunedRule(
        rule.kind, rule, mean, mean - half, mean + half, float(fill.mean()), seeds, tried
    )


def _half_width(sample: Floats) -> float:
    from scipy.special import stdtrit  # slow to load, and not needed to read a tuned rule

    n = len(sample)
    if n < 2:
        return math.inf
    quantile = float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2))
    return quantile * float(sample.std(ddof=1)) / math.sqrt(n)


def repeated(path: BatchPath, times: int) -> BatchPath:
    """The same replications ``times`` over; what is the same in all is not copied."""

    def widen(values: NDArray[np.generic]) -> NDArray[np.generic]:
        if np.array_equal(values, np.broadcast_to(values[..., :1], values.shape)):
            return np.broadcast_to(values[..., :1], (*values.shape[:-1], values.shape[-1] * times))
        return np.tile(values, times)

    given = {name: values for name, values in vars(path).items() if values is not None}
    return replace(path, **{name: widen(values) for name, values in given.items()})
