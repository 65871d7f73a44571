"""Training speed on one core, CPU time: ``python -m tests.benchmarks.learning.speed``.

quickstart   MAPPO end to end on the batch engine: rollout, update, evaluations, guard, audits;
             agent-steps/s
foreign      a PettingZoo environment of 35 us a step, five agents, ten of them side by side, 2,000
             joint frames a batch, 64-64 networks, ten epochs; joint steps/s. The learners take
             turns so that a busy machine slows all alike. Ours takes each epoch in one gradient
             step, the plain loop, as its model does, in four.

Set OMP_NUM_THREADS=1. BenchMARL is installed into an environment of its own under .bench (once,
from a package index) and runs after the others; without it its row says why. on-policy, HARL and
EPyMARL are on no package index: what was measured of them elsewhere is printed as such.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from agents.learn.config import TrainConfig
from agents.learn.run import TrainingRun
from tests.benchmarks.engine.environments import python_of
from tests.benchmarks.engine.rows import Peer
from tests.benchmarks.learning.foreign import Collector, PlainLoop, mappo
from tests.benchmarks.learning.waiting import ENVS, STEP_US, STEPS, environments
from twin.network.world import compile_world
from twin.scenario import load

ELSEWHERE = (
    ("on-policy (DummyVec)", 1_316),
    ("HARL mappo", 894),
    ("EPyMARL mappo", 410),
)
"""Joint steps/s of the same workload, measured once on another machine."""
BENCHMARL = Peer(
    "BenchMARL",
    "1.5.2",
    "benchmarl_waiting.py",
    (("torch==2.13.0",), ("benchmarl==1.5.2", "pettingzoo==1.27.0")),
)
HERE = Path(__file__).parent
CACHE = Path(".bench")
PEER_LIMIT_S = 900


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--updates", type=int, default=40, help="of the quickstart")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, torch {torch.__version__}")
    for epochs in (TrainConfig().epochs, 4):
        speed = _quickstart(asked.updates, epochs)
        print(f"quickstart, MAPPO, {epochs} epochs{speed:>15,.0f} agent-steps/s")
    learner, collector = mappo(10), Collector(environments(STEP_US))
    plain = PlainLoop(environments(STEP_US), 10)

    def ours() -> None:
        learner.update(collector.collect(learner, 0), 0, 0.0)

    loops: dict[str, Callable[[], None]] = {
        "this project's MAPPO": ours,
        "CleanRL-style loop": plain.update,
    }
    found: dict[str, list[float]] = {name: [] for name in loops}
    for round_ in range(asked.rounds + 1):
        for name, loop in loops.items():
            start = time.process_time()
            loop()
            if round_:
                found[name].append(ENVS * STEPS / (time.process_time() - start))
    for name, speeds in found.items():
        print(f"foreign, {name:<24}{statistics.median(speeds):>8,.0f} joint steps/s")
    print(f"foreign, {'BenchMARL mappo':<24}{_benchmarl(asked.rounds)}")
    for name, speed in ELSEWHERE:
        print(f"foreign, {name:<24}{speed:>8,.0f} joint steps/s, elsewhere")


def _benchmarl(rounds: int) -> str:
    """The end of BenchMARL's row: its median, or why there is none."""
    try:
        python = python_of(BENCHMARL, CACHE)
        done = subprocess.run(
            [str(python), "-W", "ignore", str(HERE / "drivers" / BENCHMARL.driver), str(rounds)],
            env={**os.environ, "PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=PEER_LIMIT_S,
            check=True,
        )
        speeds = [float(word) for word in done.stdout.splitlines()[-1].split()]
    except (RuntimeError, OSError, ValueError, subprocess.SubprocessError) as error:
        return f"     not run: {error}"
    return f"{statistics.median(speeds):>8,.0f} joint steps/s"


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
