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
from agents.baselines.space import Space, space_for
from twin.engine.batch import BatchPath, stack_paths
from twin.engine.batch_run import run_rule_batch
from twin.env.rules import RULE_KINDS, OrderingRule, RuleKind
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
FIRST_STEP = 0.25
"""First standard deviation of the search, in the logarithm of a level."""
SMALLEST_POPULATION = 8
"""Candidates per generation for one parameter; grows with the logarithm of their number."""
LARGEST_BATCH = 20_000_000
"""Numbers in the sample paths of the candidates that run at once."""
MOST_WORK = 2_000_000_000
"""Numbers in the sample paths of all candidates of one kind; bounds large networks."""
CONFIDENCE = 0.95


@dataclass(frozen=True)
class TunedRule:
    """A rule and what it cost per period on held-out seeds."""

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
    kinds: Sequence[RuleKind] = RULE_KINDS,
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
    tuning = stack_paths(world, [draw_path(world, s) for s in _seeds(seed, "tune", seeds)])
    held_out = _seeds(seed, "held_out", seeds)
    test = stack_paths(world, [draw_path(world, s) for s in held_out])
    warm: OrderingRule | None = None
    found: dict[RuleKind, TunedRule] = {}
    for kind in _in_order(wanted):
        space = space_for(world, kind, warm)
        rng = stream(seed, f"baselines/search/{kind}")
        rule, tried = _tune(world, space, tuning, budget, rng, _reporter(kind, progress))
        warm = rule if kind == WARM_START else warm
        found[kind] = _measured(world, rule, test, held_out, tried)
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


def _reporter(kind: RuleKind, progress: Progress | None) -> Callable[[float], None]:
    return (lambda _: None) if progress is None else (lambda share: progress(kind, share))


def _tune(
    world: World,
    space: Space,
    path: BatchPath,
    budget: int,
    rng: np.random.Generator,
    report: Callable[[float], None],
) -> tuple[OrderingRule, int]:
    """The best rule of the space on the tuning paths, and how many candidates were tried."""
    if space.size == 0:
        return space.single(np.zeros(0)), 0
    population = SMALLEST_POPULATION + int(3 * math.log(space.size))
    tries = min(budget, _affordable(path))
    generations = max(tries // population, 2)
    best = minimise(
        lambda points: costs(world, space, path, points),
        np.zeros(space.size),
        FIRST_STEP,
        generations,
        population,
        rng,
        report,
    )
    return space.single(best), generations * population


def costs(world: World, space: Space, path: BatchPath, points: Floats) -> Floats:
    """Mean cost per period of each point (n, candidates) over the replications of the path."""
    replications = path.replications
    chunk = max(1, LARGEST_BATCH // _numbers(path))
    found = []
    for first in range(0, points.shape[1], chunk):
        part = points[:, first : first + chunk]
        rule = space.rule(np.repeat(part, replications, axis=1))
        cost, _ = run_rule_batch(world, repeated(path, part.shape[1]), rule)
        found.append(cost.reshape(part.shape[1], replications).mean(axis=1))
    return np.concatenate(found)


def _numbers(path: BatchPath) -> int:
    return max(1, int(np.prod(path.demand.shape)) + int(np.prod(path.due.shape)))


def _affordable(path: BatchPath) -> int:
    return MOST_WORK // _numbers(path)


def _measured(
    world: World, rule: OrderingRule, path: BatchPath, seeds: tuple[int, ...], tried: int
) -> TunedRule:
    """The rule's cost on held-out seeds with Student's interval of the mean."""
    cost, fill = run_rule_batch(world, path, rule)
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

    return replace(path, **{name: widen(values) for name, values in vars(path).items()})
