"""The nominal comparison: every policy on the same seeds, undisturbed, with direct access."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from agents.seeds import SeedResult, Spread, run_seeds, spreads
from stress.evidence import BASELINE
from stress.results import Contender
from stress.statistics import bootstrap, cost_ratio, pairs
from twin.env.policy import Policy
from twin.env.rules import OrderingRule
from twin.network.world import World


def compare(
    world: World,
    policies: Mapping[str, OrderingRule | Policy],
    seeds: Sequence[int],
    seed: int,
    jobs: int = 1,
    progress: Callable[[float, str], None] | None = None,
) -> tuple[Contender, ...]:
    """Run every policy on every seed; ``policies`` must hold ``baseline``, the reference."""
    results: dict[str, list[SeedResult]] = {}
    for number, (name, policy) in enumerate(policies.items()):
        if progress is not None:
            progress(number / len(policies), name)
        results[name] = run_seeds(world, policy, seeds, jobs)
    reference = _costs(results[BASELINE])
    return tuple(_contender(name, runs, reference, seed) for name, runs in results.items())


def _costs(runs: Sequence[SeedResult]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array([run.kpis["cost_per_period"] for run in runs], dtype=np.float64)


def _contender(
    name: str,
    runs: Sequence[SeedResult],
    reference: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    seed: int,
) -> Contender:
    kpis = spreads(runs)
    cost = kpis["cost_per_period"]
    service = kpis.get("fill_rate", Spread(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0))
    paired = pairs(name, _costs(runs), reference)
    ratio = bootstrap([paired], cost_ratio, seed, f"contender/{name}")
    return Contender(
        name=name,
        cost=cost.mean,
        low=cost.low,
        high=cost.high,
        fill_rate=service.mean,
        p5=cost.p5,
        p95=cost.p95,
        cvar=cost.cvar,
        ratio=ratio.value,
        ratio_low=ratio.low,
        ratio_high=ratio.high,
        seeds=cost.seeds,
        co2e=kpis["co2e"].mean if "co2e" in kpis else None,
    )
