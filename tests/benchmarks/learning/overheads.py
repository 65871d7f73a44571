"""What safety costs while a fleet trains: guards, audits and difference rewards.

    python -m tests.benchmarks.learning.overheads [--updates 20] [--rounds 3]

CPU time of updates of MAPPO on the quickstart with everything off, and with one thing on, in turns:
the median of what an update takes more than its neighbour with everything off. An audit is timed by
itself and spread over the updates between two of them.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

import twin
from agents.baselines import tune_baselines
from agents.credit.training import Moment, audit_during_training
from agents.learn.config import TrainConfig
from agents.learn.run import TrainingRun
from twin.network.world import World, compile_world

SCENARIO = "scenarios/quickstart.yaml"
PLAIN: dict[str, Any] = {
    "audit_every": 0,
    "eval_every": 10_000,
    "checkpoint_every": 10_000,
    "guard": {"enabled": False},
    "reward": {"mode": "team", "alignment_seeds": 0},
}
DIFFERENCE = {"reward": {"mode": "difference", "alignment_seeds": 0}}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "guards": {"guard": {"enabled": True}},
    "difference rewards": DIFFERENCE,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    world = compile_world(twin.load(SCENARIO).model)
    levels = tune_baselines(world, 0, kinds=("base_stock",))["base_stock"].rule.level[0]
    with tempfile.TemporaryDirectory() as folder:
        runs = {
            name: _started(world, levels, changes, Path(folder) / name.replace(" ", "-"))
            for name, changes in VARIANTS.items()
        }
        spent: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(asked.rounds * asked.updates):
            for name, run in runs.items():
                spent[name].append(_cpu_s(run))
        audit = _audit_s(runs["plain"])
    plain = statistics.median(spent["plain"])
    print("| | CPU ms per update | share of training |\n| --- | --- | --- |")
    print(f"| training alone | {1000 * plain:.0f} | |")
    for name in list(VARIANTS)[1:]:
        pairs = zip(spent[name], spent["plain"], strict=True)
        extra = statistics.median(more - alone for more, alone in pairs)
        print(f"| {name} | {1000 * extra:.0f} | {extra / plain:.1%} |")
    every = TrainConfig().audit_every
    print(
        f"| audit, {1000 * audit:.0f} ms every {every} updates | {1000 * audit / every:.0f} "
        f"| {audit / every / plain:.1%} |"
    )


def _started(
    world: World, levels: NDArray[Any], changes: dict[str, Any], folder: Path
) -> TrainingRun:
    folder.mkdir()
    config = TrainConfig.model_validate({**PLAIN, **changes, "updates": 1_000})
    run = TrainingRun(world, levels, config, folder)
    run.start(resume=False)
    run.advance()
    return run


def _cpu_s(run: TrainingRun) -> float:
    start = time.process_time()
    run.advance()
    return time.process_time() - start


def _audit_s(run: TrainingRun) -> float:
    """One audit with the budget that it has by default."""
    start = time.process_time()
    weights, moment = run.learner.weights(), Moment(1, 1, 1.0)
    audit_during_training(run.setup, weights, moment, TrainConfig().audit_episodes, run.folder)
    return time.process_time() - start


if __name__ == "__main__":
    main()
