"""Learners side by side on the same held-out seeds, judged on the event engine.

``python -m tests.benchmarks.learning [--quick] [--only quickstart] [--seeds 5]``. Learners play
their mean actions with whole trips and whole units. A value is the interquartile mean over training
seeds; its 95 % interval resamples training seeds and evaluation seeds. CPU seconds are one
process's, training only, evaluations of the best so far included.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from agents.baselines import tune_baselines
from agents.checkpoint.bundle import load_policy
from agents.learn.central import train_central
from agents.learn.setup import Setup
from agents.learn.train import train
from stress.statistics import iqm
from tests.benchmarks.learning.problems import BOTH, CENTRAL, MAPPO, PATHWISE, PROBLEMS, Problem
from twin.engine.ledger import PeriodLedger
from twin.env.episode import run_policy
from twin.env.policy import Policy
from twin.env.rules import OrderingRule
from twin.exogenous.path import draw_path
from twin.exogenous.streams import stream
from twin.network.world import World
from twin.simulation import run_rule

Floats = NDArray[np.float64]
LEARNERS = (MAPPO, PATHWISE, BOTH, CENTRAL)
FIRST_SEED = 700_000
QUICK_SHARE = 0.05
RESAMPLES = 2_000


def main() -> None:
    """Print one table per problem, row by row as the runs end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the budget: a check")
    parser.add_argument("--only", default="", help="problems whose name contains this")
    parser.add_argument("--learner", choices=LEARNERS, action="append", help="only these")
    parser.add_argument("--seeds", type=int, default=1, help="training seeds")
    parser.add_argument("--judged", type=int, default=200, help="evaluation seeds")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    share = QUICK_SHARE if chosen.quick else 1.0
    judged = range(FIRST_SEED, FIRST_SEED + (20 if chosen.quick else chosen.judged))
    print(
        f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}, "
        f"one thread, load {os.getloadavg()[0]:.1f}; {chosen.seeds} training seeds, "
        f"{len(judged)} evaluation seeds"
    )
    for problem in PROBLEMS:
        if chosen.only in problem.name:
            _table(problem, chosen.learner or LEARNERS, range(chosen.seeds), judged, share)


def _table(
    problem: Problem,
    learners: Sequence[str],
    seeds: Sequence[int],
    judged: Sequence[int],
    share: float,
) -> None:
    world = problem.world()
    measure = "discounted return" if problem.returns else "cost per period"
    print(f"\n{problem.name}: {measure}")
    for who, value in problem.published:
        print(f"  {'published: ' + who:<32}{value:>9.1f}")
    start = time.process_time()
    rules = tune_baselines(world, kinds=("base_stock", "weekday_base_stock"))
    spent = time.process_time() - start
    for kind, tuned in rules.items():
        _row(kind.replace("_", " "), [_judge(problem, world, tuned.rule, judged)], spent)
    levels = rules["base_stock"].rule.level[0]
    for learner in learners:
        start, values = time.process_time(), []
        spent = 0.0
        for seed in seeds:
            start = time.process_time()
            policy = _trained(problem, world, levels, learner, seed, share)
            spent += (time.process_time() - start) / len(seeds)
            values.append(_judge(problem, world, policy, judged))
        _row(learner, values, spent)


def _trained(
    problem: Problem, world: World, levels: Floats, learner: str, seed: int, share: float
) -> Policy:
    config = problem.config(learner, seed, share)
    if learner == CENTRAL:
        return train_central(Setup.of(world, levels, config), config)
    with tempfile.TemporaryDirectory() as folder:
        bundle = train(world, problem.name, "0" * 64, levels, config, Path(folder))
        return load_policy(bundle, world)


def _judge(
    problem: Problem, world: World, policy: Policy | OrderingRule, seeds: Sequence[int]
) -> Floats:
    """What each seed's run is worth, on the event engine."""
    values = [_value(problem, _played(world, policy, seed)) for seed in seeds]
    return np.array(values)


def _played(world: World, policy: Policy | OrderingRule, seed: int) -> PeriodLedger:
    path = draw_path(world, seed)
    if isinstance(policy, OrderingRule):
        return run_rule(world, path, policy)
    return run_policy(world, path, policy)


def _value(problem: Problem, ledger: PeriodLedger) -> float:
    cost: Floats = ledger.cost
    if not problem.returns:
        return float(cost.mean())
    return -float(ledger.world.model.discount ** np.arange(len(cost)) @ cost)


def _row(name: str, runs: Sequence[Floats], seconds: float) -> None:
    values = np.array(runs)  # (training seed, evaluation seed)
    low, high = _interval(values)
    found = iqm(values.mean(axis=1))
    print(f"  {name:<32}{found:>9.2f}  [{low:.2f}, {high:.2f}]  {seconds:>7.0f} CPU-s", flush=True)


def _interval(values: Floats) -> tuple[float, float]:
    """95 % of the interquartile means when both kinds of seeds are drawn again."""
    random = stream(0, "benchmarks/learning")
    runs, seeds = values.shape
    found = []
    for _ in range(RESAMPLES):
        drawn = values[random.integers(0, runs, runs)]
        found.append(iqm(drawn[:, random.integers(0, seeds, seeds)].mean(axis=1)))
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


main()
