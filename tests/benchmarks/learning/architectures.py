"""The architectures side by side: what each reaches, how it varies, and what it costs.

    python -m tests.benchmarks.learning.architectures            # three networks, five seeds, hours
    python -m tests.benchmarks.learning.architectures --quick    # quickstart, two seeds, minutes

saved         share of the static policy's cost that the fleet saves, on held-out seeds; the mean of
              the middle half of the training seeds (IQM), and the worst and best of them
value drift   how far the values of fixed situations move per update, over the second half of
              training, in standard deviations of those values: what non-stationarity looks like
CPU s         processor seconds of training, evaluations included; ms per update
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import twin
from agents.baselines import tune_baselines
from agents.learn.algorithms import ALGORITHMS
from agents.learn.config import TrainConfig
from agents.learn.rollout import Sampler, evaluate, evaluate_static
from agents.learn.run import TrainingRun
from twin.network.world import World, compile_world
from twin.progress import stage, stages

SCENARIOS = (
    "scenarios/quickstart.yaml",
    "scenarios/reference/orgym_inv_backlog.yaml",
    "scenarios/library/spare_parts.yaml",
)
HELD_OUT = range(700_000_000, 700_000_064)
"""Sample paths that neither tuning, training nor the choice of the best actors has seen."""
FULL_STEPS = 1_500_000


@dataclass(frozen=True)
class Outcome:
    """One training run."""

    saved: float
    cost: float
    drift: float | None
    cpu: float
    updates: int


def one_run(world: World, levels: Any, config: TrainConfig) -> Outcome:
    """Train, and judge the best actors on held-out seeds."""
    with tempfile.TemporaryDirectory() as folder:
        run = TrainingRun(world, levels, config, Path(folder))
        run.start(resume=False)
        probe = _fixed_situations(run)
        start, moved, before = time.process_time(), [], None
        watching = 0.0
        while not run.over:
            run.advance()
            pause = time.process_time()
            now = _values(run.learner, probe)
            if before is not None and now is not None and run.progress.update * 2 > run.updates:
                moved.append(float(np.abs(now - before).mean() / max(now.std(), 1e-9)))
            before = now
            watching += time.process_time() - pause
        cpu = time.process_time() - start - watching
        best = run.progress.best
        cost = float(
            evaluate(run.setup, best.layers, HELD_OUT, best.grids, cells=best.cells).mean()
        )
        static = float(evaluate_static(run.setup, HELD_OUT).mean())
        drift = float(np.mean(moved)) if moved else None
        return Outcome((static - cost) / abs(static), cost, drift, cpu, run.progress.update)


def _fixed_situations(run: TrainingRun) -> Any:
    """A segment by the first policies, the same for every update."""
    return run.learner.collect(Sampler(run.setup, run.config), 0).batch


def _values(learner: Any, batch: Any) -> Any:
    """Values of the situations, where an algorithm has any."""
    return learner.values(batch) if hasattr(learner, "values") else None


def iqm(values: Sequence[float]) -> float:
    """Mean of the middle half (Agarwal et al. 2021); the plain mean below four values."""
    x = np.sort(values)
    cut = len(x) // 4
    return float(x[cut : len(x) - cut].mean())


def compare(
    path: str, algorithms: Sequence[str], seeds: int, budget: dict[str, int], note: Any
) -> Table:
    """All algorithms on one scenario."""
    world = compile_world(twin.load(path).model)
    levels = tune_baselines(world, 0, kinds=("base_stock",))["base_stock"].rule.level[0]
    table = Table(title=path, box=None, title_justify="left")
    for heading in ("algorithm", "saved (IQM)", "worst to best", "cost", "value drift"):
        table.add_column(heading, no_wrap=True)
    for heading in ("CPU s", "ms/update", "updates"):
        table.add_column(heading, justify="right")
    for number, algorithm in enumerate(algorithms):
        outcomes = []
        for seed in range(seeds):
            content = {"algorithm": algorithm, "seed": seed, **budget}
            outcomes.append(one_run(world, levels, TrainConfig.model_validate(content)))
            note((number + (seed + 1) / seeds) / len(algorithms), f"{path} {algorithm}")
        table.add_row(*_row(algorithm, outcomes))
    return table


def _row(algorithm: str, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    saved = [o.saved for o in outcomes]
    drifts = [o.drift for o in outcomes if o.drift is not None]
    cpu, updates = float(np.mean([o.cpu for o in outcomes])), outcomes[0].updates
    return (
        algorithm,
        f"{iqm(saved):.1%}",
        f"{min(saved):.1%} to {max(saved):.1%}",
        f"{iqm([o.cost for o in outcomes]):.2f}",
        f"{np.mean(drifts):.3f}" if drifts else "",
        f"{cpu:.1f}",
        f"{1000 * cpu / updates:.0f}",
        str(updates),
    )


def main() -> None:
    """Print one table per scenario."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="quickstart, two seeds, 40 updates")
    parser.add_argument("--seeds", type=int, default=None)
    parser.add_argument("--updates", type=int, default=None)
    parser.add_argument("--algorithms", nargs="+", choices=tuple(ALGORITHMS), default=None)
    parser.add_argument("--scenarios", nargs="+", default=None)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    scenarios = asked.scenarios or (SCENARIOS[:1] if asked.quick else SCENARIOS)
    seeds = asked.seeds or (2 if asked.quick else 5)
    updates = asked.updates or (40 if asked.quick else None)
    budget = {"updates": updates} if updates else {"agent_steps": FULL_STEPS}
    with stages() as display:
        tables = []
        for path in scenarios:
            with stage(display, "compare") as note:
                tables.append(
                    compare(path, asked.algorithms or tuple(ALGORITHMS), seeds, budget, note)
                )
    for table in tables:
        Console().print(table)


if __name__ == "__main__":
    main()
