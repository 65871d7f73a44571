"""Training speed on one core, CPU time: ``python -m tests.benchmarks.learning.speed``.

quickstart   MAPPO end to end on the batch engine: rollout, update, evaluations, guard, audits;
             agent-steps/s
foreign      a PettingZoo environment of 35 us a step, five agents, ten of them side by side, 2,000
             joint frames a batch, 64-64 networks, ten epochs; joint steps/s, and microseconds a
             joint step for collecting a batch and for learning from it. Ours and the plain loop
             take turns so that a busy machine slows both alike; the others follow. Ours and
             on-policy take each epoch in one gradient step, the plain loop, as its model does, and
             BenchMARL in four.

Set OMP_NUM_THREADS=1. BenchMARL is installed into an environment of its own under .bench (once,
from a package index). on-policy is on no index: ``git clone
https://github.com/marlbenchmark/on-policy``, then ``--on-policy FOLDER``; what it imports goes into
an environment of its own too. A row that cannot be measured says why. HARL and EPyMARL are on no
index either: what was measured of them elsewhere is printed as such.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from agents.learn.config import TrainConfig
from agents.learn.run import TrainingRun
from tests.benchmarks.learning.foreign import Collector, PlainLoop, mappo
from tests.benchmarks.learning.others import Spent, benchmarl, on_policy
from tests.benchmarks.learning.waiting import ENVS, STEP_US, STEPS, environments
from twin.network.world import compile_world
from twin.scenario import load

ELSEWHERE = (("HARL mappo", 894), ("EPyMARL mappo", 410))
"""Joint steps/s of the same workload, measured once on another machine."""
Loop = tuple[Callable[[], Any], Callable[[Any], object]]
"""Collects a batch; learns from what was collected."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--updates", type=int, default=40, help="of the quickstart")
    parser.add_argument("--on-policy", type=Path, metavar="FOLDER", help="a checkout of on-policy")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, torch {torch.__version__}")
    for epochs, speeds in _quickstarts(asked.rounds, asked.updates).items():
        speed, least, most = statistics.median(speeds), min(speeds), max(speeds)
        told = f"{speed:>15,.0f} agent-steps/s, {least:,.0f} to {most:,.0f}"
        print(f"quickstart, MAPPO, {epochs} epochs{told}", flush=True)
    for name, spent in _in_turns(asked.rounds).items():
        _print(name, _told(spent))
    others = {
        "on-policy (DummyVec)": partial(on_policy, asked.rounds, asked.on_policy),
        "BenchMARL mappo": partial(benchmarl, asked.rounds),
    }
    for name, measured in others.items():
        try:
            _print(name, _told(measured()))
        except RuntimeError as error:
            _print(name, f"     not run: {error}")
    for name, speed in ELSEWHERE:
        _print(name, f"{speed:>8,.0f} joint steps/s, elsewhere")


def _in_turns(rounds: int) -> dict[str, list[Spent]]:
    """This project's learner and the plain loop, a batch each in turns; the first counts not."""
    learner, collector = mappo(10), Collector(environments(STEP_US))
    plain = PlainLoop(environments(STEP_US), 10)
    loops: dict[str, Loop] = {
        "this project's MAPPO": (
            lambda: collector.collect(learner, 0),
            lambda batch: learner.update(batch, 0, 0.0),
        ),
        "CleanRL-style loop": (plain.collect, plain.learn),
    }
    found: dict[str, list[Spent]] = {name: [] for name in loops}
    for _ in range(rounds + 1):
        for name, loop in loops.items():
            found[name].append(_batch(*loop))
    return {name: spent[1:] for name, spent in found.items()}


def _batch(collect: Callable[[], Any], learn: Callable[[Any], object]) -> Spent:
    start = time.process_time()
    batch = collect()
    collected = time.process_time()
    learn(batch)
    learnt = time.process_time()
    frames = ENVS * STEPS * 1e-6
    return Spent((collected - start) / frames, (learnt - collected) / frames)


def _told(spent: Sequence[Spent]) -> str:
    speed = 1e6 / statistics.median(each.whole_us for each in spent)
    collect = statistics.median(each.collect_us for each in spent)
    learn = statistics.median(each.learn_us for each in spent)
    return f"{speed:>8,.0f} joint steps/s{collect:>8,.0f} us collecting{learn:>7,.0f} us learning"


def _print(name: str, told: str) -> None:
    print(f"foreign, {name:<24}{told}", flush=True)


def _quickstarts(rounds: int, updates: int) -> dict[int, list[float]]:
    """Agent-steps per CPU second by epochs, in turns; what is loaded at first counts not."""
    found: dict[int, list[float]] = {TrainConfig().epochs: [], 4: []}
    _quickstart(1, 1)
    for _ in range(rounds):
        for epochs, speeds in found.items():
            speeds.append(_quickstart(updates, epochs))
    return found


def _quickstart(updates: int, epochs: int) -> float:
    """Agent-steps per CPU second of a whole training loop."""
    world = compile_world(load(Path("scenarios/quickstart.yaml")).model)
    config = TrainConfig(updates=updates, epochs=epochs, critic_epochs=epochs)
    with tempfile.TemporaryDirectory() as place:
        run = TrainingRun(world, world.order_up_to, config, Path(place))
        run.start(resume=False)
        start = time.process_time()
        while not run.over:
            run.advance()
        spent = time.process_time() - start
    return updates * run.steps_per_update / spent


if __name__ == "__main__":
    main()
