"""The architectures side by side: what each reaches, how it varies, and what it costs.

    python -m tests.benchmarks.learning.architectures            # three networks, five seeds, hours
    python -m tests.benchmarks.learning.architectures --quick    # quickstart, two seeds, minutes

saved         share of the static policy's cost that the fleet saves, on held-out seeds; the mean of
              the middle half of the training seeds (IQM)
spread        worst to best training seed
value drift   how far the values of fixed situations move per update, over the second half of
              training, in standard deviations of those values: what non-stationarity looks like
CPU s         processor seconds of training, evaluations included; ms per update
balance       how evenly agents contribute, by their Shapley values: 1 is alike, 1 / agents is one
stress        how much of what is saved five faults take away, in points of the static cost

Every finished training run is a line of the results file, and is not run again.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import twin
from agents.baselines import tune_baselines
from agents.checkpoint.bundle import load_policy
from agents.learn.algorithms import ALGORITHMS
from agents.learn.config import TrainConfig
from agents.learn.evaluation import evaluate, evaluate_static
from agents.learn.export import write_bundle
from agents.learn.rollout import Sampler
from agents.learn.run import TrainingRun
from stress.statistics import iqm
from tests.benchmarks.learning.measures import balance, fall
from tests.benchmarks.learning.results import Line, Results, key_of
from twin.env.rules import OrderingRule
from twin.network.world import compile_world
from twin.scenario import Scenario

SCENARIOS = (
    "scenarios/quickstart.yaml",
    "scenarios/library/cold_chain_lite.yaml",
    "scenarios/library/spare_parts.yaml",
)
HELD_OUT = range(700_000_000, 700_000_064)
"""Sample paths that neither tuning, training nor the choice of the best actors has seen."""
AUDITED, STRESSED = HELD_OUT[:8], HELD_OUT[:2]
FULL_STEPS = 1_500_000
RESULTS = Path(__file__).parent / "architectures.jsonl"
HEADINGS = ("architecture", "saved", "spread", "cost", "value drift", "CPU s", "ms/update")
HEADINGS += ("updates", "balance", "stress", "seeds")


class Outcome(Line):
    """One training run."""

    scenario: str
    algorithm: str
    seed: int
    saved: float
    cost: float
    drift: float | None
    cpu_s: float
    updates: int
    balance: float
    fall: float


def one_run(scenario: Scenario, levels: Any, config: TrainConfig, key: str) -> Outcome:
    """Train, and judge the best actors on held-out seeds."""
    world = compile_world(scenario.model)
    rule = OrderingRule("base_stock", levels[None])
    with tempfile.TemporaryDirectory() as folder:
        run = TrainingRun(world, levels, config, Path(folder))
        run.start(resume=False)
        start, moved = time.process_time(), list(_drifts(run))
        cpu = time.process_time() - start
        best = run.progress.best
        cost = float(
            evaluate(run.setup, best.layers, HELD_OUT, best.grids, cells=best.cells).mean()
        )
        static = float(evaluate_static(run.setup, HELD_OUT).mean())
        bundle = write_bundle(run, scenario.name, scenario.digest)
        return Outcome(
            key=key,
            scenario=scenario.name,
            algorithm=config.algorithm,
            seed=config.seed,
            saved=(static - cost) / abs(static),
            cost=cost,
            drift=float(np.mean(moved)) if moved else None,
            cpu_s=cpu,
            updates=run.progress.update,
            balance=balance(world, load_policy(bundle, world), rule, AUDITED),
            fall=fall(scenario, world, bundle, rule, STRESSED),
        )


def _drifts(run: TrainingRun) -> Iterator[float]:
    """Train to the end; how far values of fixed situations move in each late update."""
    probe, before = _fixed_situations(run), None
    while not run.over:
        run.advance()
        now = _values(run.learner, probe)
        if before is not None and now is not None and run.progress.update * 2 > run.updates:
            yield float(np.abs(now - before).mean() / max(now.std(), 1e-9))
        before = now


def _fixed_situations(run: TrainingRun) -> Any:
    """A segment by the first policies, the same for every update."""
    return run.learner.collect(Sampler(run.setup, run.config), 0).batch


def _values(learner: Any, batch: Any) -> Any:
    """Values of the situations, where an algorithm has any."""
    return learner.values(batch) if hasattr(learner, "values") else None


def compare(
    path: str, algorithms: Sequence[str], seeds: int, budget: dict[str, int], file: Path
) -> Iterator[str]:
    """Lines of one scenario's table, as its runs end."""
    results, scenario = Results(file, Outcome), twin.load(path)
    world = compile_world(scenario.model)
    levels = tune_baselines(world, 0, kinds=("base_stock",))["base_stock"].rule.level[0]
    yield f"### {path}\n"
    yield _line(HEADINGS)
    yield _line(["---"] * len(HEADINGS))
    for algorithm in algorithms:
        outcomes = []
        for seed in range(seeds):
            content = {"algorithm": algorithm, "seed": seed, "audit_every": 0, **budget}
            key = key_of(scenario.digest, content)
            if key not in results.rows:
                config = TrainConfig.model_validate(content)
                results.add(one_run(scenario, levels, config, key))
            outcomes.append(results.rows[key])
        yield _row(algorithm, outcomes)
    yield ""


def _row(algorithm: str, outcomes: Sequence[Outcome]) -> str:
    saved = [o.saved for o in outcomes]
    drifts = [o.drift for o in outcomes if o.drift is not None]
    cpu, updates = float(np.mean([o.cpu_s for o in outcomes])), outcomes[0].updates
    return _line(
        (
            algorithm,
            f"{iqm(saved):.1%}",
            f"{min(saved):.1%} to {max(saved):.1%}",
            f"{iqm([o.cost for o in outcomes]):.2f}",
            f"{np.mean(drifts):.3f}" if drifts else "",
            f"{cpu:.0f}",
            f"{1000 * cpu / updates:.0f}",
            str(updates),
            f"{np.mean([o.balance for o in outcomes]):.2f}",
            f"{100 * np.mean([o.fall for o in outcomes]):.1f}",
            str(len(outcomes)),
        )
    )


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print one table per scenario."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="quickstart, two seeds, 40 updates")
    parser.add_argument("--seeds", type=int, default=None)
    parser.add_argument("--updates", type=int, default=None)
    parser.add_argument("--algorithms", nargs="+", choices=tuple(ALGORITHMS), default=None)
    parser.add_argument("--scenarios", nargs="+", default=None)
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    scenarios = asked.scenarios or (SCENARIOS[:1] if asked.quick else SCENARIOS)
    seeds = asked.seeds or (2 if asked.quick else 5)
    updates = asked.updates or (40 if asked.quick else None)
    budget = {"updates": updates} if updates else {"agent_steps": FULL_STEPS}
    algorithms = asked.algorithms or tuple(ALGORITHMS)
    for path in scenarios:
        for line in compare(path, algorithms, seeds, budget, asked.results):
            print(line, flush=True)


if __name__ == "__main__":
    main()
