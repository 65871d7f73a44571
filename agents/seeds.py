"""Run one policy over many seeds, in one process or several, and sum up."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from twin.engine.ledger import PeriodLedger
from twin.env.episode import run_policy
from twin.env.policy import Policy
from twin.env.rules import OrderingRule
from twin.exogenous.path import draw_path
from twin.kpi.catalogue import KPIS, summary
from twin.network.world import World
from twin.simulation import run_rule

WORST_SHARE = 0.1
"""CVaR is the mean over the worst tenth of the seeds."""


@dataclass(frozen=True)
class SeedResult:
    """One run."""

    seed: int
    digest: str
    kpis: dict[str, float | None]


@dataclass(frozen=True)
class Spread:
    """One KPI over the seeds it is defined for."""

    mean: float
    low: float
    high: float
    p5: float
    p95: float
    cvar: float
    seeds: int

    @classmethod
    def of(cls, values: Sequence[float], worst_is_high: bool = True) -> Spread:
        """Mean with a normal 95 % interval, 5th and 95th percentile, mean of the worst tenth."""
        x = np.sort(np.array(values, dtype=np.float64))
        half = 1.96 * x.std(ddof=1) / math.sqrt(len(x)) if len(x) > 1 else 0.0
        tail = max(1, math.ceil(WORST_SHARE * len(x)))
        worst = x[-tail:] if worst_is_high else x[:tail]
        p5, p95 = np.percentile(x, [5, 95])
        mean = float(x.mean())
        return cls(mean, mean - half, mean + half, float(p5), float(p95), worst.mean(), len(x))


def run_seed(world: World, policy: OrderingRule | Policy, seed: int) -> SeedResult:
    """Run one seed on the event engine with direct access."""
    path = draw_path(world, seed)
    ledger: PeriodLedger = (
        run_rule(world, path, policy)
        if isinstance(policy, OrderingRule)
        else run_policy(world, path, policy)
    )
    return SeedResult(seed, ledger.digest, summary(ledger))


_shared: dict[str, tuple[World, OrderingRule | Policy]] = {}


def _share(world: World, policy: OrderingRule | Policy) -> None:
    _shared["run"] = (world, policy)


def _run_shared(seed: int) -> SeedResult:
    return run_seed(*_shared["run"], seed)


def run_seeds(
    world: World,
    policy: OrderingRule | Policy,
    seeds: Sequence[int],
    jobs: int = 1,
    progress: Callable[[int], None] | None = None,
) -> list[SeedResult]:
    """Run all seeds; the results, in the order of the seeds, do not depend on ``jobs``."""
    notify = progress or (lambda done: None)
    results: list[SeedResult] = []
    if jobs == 1 or len(seeds) == 1:
        for seed in seeds:
            results.append(run_seed(world, policy, seed))
            notify(len(results))
        return results
    with ProcessPoolExecutor(jobs, get_context("spawn"), _share, (world, policy)) as pool:
        for result in pool.map(_run_shared, seeds, chunksize=max(1, len(seeds) // (4 * jobs))):
            results.append(result)
            notify(len(results))
    return results


def spreads(results: Sequence[SeedResult]) -> dict[str, Spread]:
    """Spread of every KPI that is defined for at least one seed."""
    found = {}
    for kpi in KPIS:
        values = [r.kpis[kpi.name] for r in results]
        defined = [v for v in values if v is not None]
        if defined:
            found[kpi.name] = Spread.of(defined, worst_is_high=kpi.better != "higher")
    return found


def combined_digest(results: Sequence[SeedResult]) -> str:
    """SHA-256 over the digests in the order of the seeds."""
    return hashlib.sha256("".join(r.digest for r in results).encode()).hexdigest()
