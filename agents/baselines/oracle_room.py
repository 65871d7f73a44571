"""How much a scenario leaves to win: a static rule against the perfect-information bound."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from agents.baselines.oracle import discounted_cost, lp_bound, replayed_cost
from twin.env.rules import OrderingRule
from twin.errors import InvariantError
from twin.exogenous.path import draw_path
from twin.network.world import World
from twin.simulation import run_rule

Floats = NDArray[np.float64]
CONFIDENCE = 0.95
LEAST_ROOM = 0.02
"""Share of the static cost; with less room than that there is nothing to win."""
TOLERANCE = 1e-6
"""Relative; a cost this far below the bound is the solver's rounding."""


@dataclass(frozen=True)
class SeedRoom:
    """One sample path; costs are discounted and per period."""

    seed: int
    static: float
    bound: float
    replayed: float
    """What the bound's orders cost in the twin; equal to the bound where nothing is relaxed."""
    relaxed: tuple[str, ...]
    seconds: float
    """Time to build and solve the program."""


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with Student's 95 % interval; none with a single seed."""

    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Room:
    """The paired comparison over all seeds; costs are discounted and per period."""

    static: Interval
    bound: Interval
    replayed: Interval
    room: Interval
    share: float | None
    """Room as a share of the static cost's size; none where that is zero."""
    relaxed: tuple[str, ...]

    @property
    def nothing_to_win(self) -> bool:
        """Whether even the upper end of the room is too little to train for."""
        most = self.room.mean if self.room.high is None else self.room.high
        return most <= LEAST_ROOM * abs(self.static.mean)


def measure(world: World, rule: OrderingRule, whole_vehicles: bool, seed: int) -> SeedRoom:
    """The static rule and the bound on one sample path.

    Raises InvariantError when the rule costs less than the bound, which cannot be.
    """
    import scipy.optimize  # noqa: F401 - loaded before the clock starts

    path = draw_path(world, seed)
    began = time.perf_counter()
    bound = lp_bound(world, path, whole_vehicles)
    seconds = time.perf_counter() - began
    static = discounted_cost(run_rule(world, path, rule))
    replayed = replayed_cost(world, path, bound)
    least = bound.cost - TOLERANCE * (1.0 + abs(bound.cost))
    for name, cost in (("the static policy", static), ("the bound's own orders", replayed)):
        if cost < least:
            raise InvariantError(
                f"{name} costs less than the bound", f"seed {seed}", f"{cost:g}", f"{bound.cost:g}"
            )
    n = world.periods
    return SeedRoom(seed, static / n, bound.cost / n, replayed / n, bound.relaxed, seconds)


def measure_seeds(
    world: World,
    rule: OrderingRule,
    seeds: Sequence[int],
    whole_vehicles: bool = True,
    jobs: int = 1,
    progress: Callable[[int], None] | None = None,
) -> list[SeedRoom]:
    """All seeds, in their order, in one process or several."""
    notify = progress or (lambda done: None)
    one = partial(measure, world, rule, whole_vehicles)
    if jobs == 1 or len(seeds) == 1:
        return _collect(map(one, seeds), notify)
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        chunk = max(1, len(seeds) // (4 * jobs))
        return _collect(pool.map(one, seeds, chunksize=chunk), notify)


def _collect(found: Iterable[SeedRoom], notify: Callable[[int], None]) -> list[SeedRoom]:
    results = []
    for result in found:
        results.append(result)
        notify(len(results))
    return results


def summed_up(seeds: Sequence[SeedRoom]) -> Room:
    """Means over the seeds; the interval of the room is paired."""
    static = np.array([one.static for one in seeds])
    bound = np.array([one.bound for one in seeds])
    room = interval(static - bound)
    size = abs(float(static.mean()))
    names = dict.fromkeys(name for one in seeds for name in one.relaxed)
    return Room(
        static=interval(static),
        bound=interval(bound),
        replayed=interval(np.array([one.replayed for one in seeds])),
        room=room,
        share=room.mean / size if size > 0 else None,
        relaxed=tuple(names),
    )


def interval(sample: Floats) -> Interval:
    """Mean and Student's 95 % interval.

    >>> found = interval(np.array([1.0, 2.0, 3.0]))
    >>> found.mean, round(found.high, 3)
    (2.0, 4.484)
    """
    from scipy.special import stdtrit  # slow to load

    mean, n = float(sample.mean()), len(sample)
    if n < 2:
        return Interval(mean, None, None)
    half = float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2) * sample.std(ddof=1) / math.sqrt(n))
    return Interval(mean, mean - half, mean + half)
