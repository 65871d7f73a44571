"""Speed of drawing sample paths: seed by seed, and together in numpy and in torch.

python -m tests.benchmarks.engine.drawing --runs 1024 --device cpu
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from agents.learn.device import usable_device
from agents.learn.device_draws import TorchDraws
from agents.learn.tensors import torch_threads
from twin.engine.batch import stack_paths
from twin.engine.batch_drawn import drawn_by_seed, drawn_path
from twin.exogenous.path import draw_path
from twin.exogenous.variates import NumpyDraws
from twin.network.world import World, compile_world
from twin.scenario import load

SCENARIOS = ("quickstart", "library/spare_parts", "library/ecommerce_trucks", "library/national_50")
FOLDER = Path("scenarios")
REPEATS = 3


def seconds(draw: Callable[[], object], device: torch.device) -> float:
    """The shortest of a few draws, without the first one; CPU time where nothing else draws."""
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    found = []
    for _ in range(REPEATS + 1):
        start = clock()
        draw()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        found.append(clock() - start)
    return min(found[1:])


def measured(world: World, runs: int, device: torch.device) -> tuple[float, float, float]:
    """Seconds by seed, together in numpy, together in torch."""
    cpu, seeds = torch.device("cpu"), range(runs)
    return (
        seconds(
            lambda: stack_paths(world, [draw_path(world, s) for s in seeds], np, np.float32), cpu
        ),
        seconds(lambda: drawn_path(world, NumpyDraws(0), seeds, dtype=np.float32), cpu),
        seconds(
            lambda: drawn_path(world, TorchDraws(0, device), seeds, dtype=torch.float32), device
        ),
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1024)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    device = usable_device(given.device)
    table = Table("scenario", "by seed, ms", "numpy, ms", f"torch on {device}, ms", "by seed too")
    with torch_threads(1):
        for name in SCENARIOS:
            world = compile_world(load(FOLDER / f"{name}.yaml").model)
            by_seed, numpy, torch_s = measured(world, given.runs, device)
            table.add_row(
                name,
                f"{by_seed * 1e3:.0f}",
                f"{numpy * 1e3:.0f} ({by_seed / numpy:.1f} x)",
                f"{torch_s * 1e3:.0f} ({by_seed / torch_s:.1f} x)",
                ", ".join(drawn_by_seed(world)) or "nothing",
            )
    Console().print(f"{given.runs} sample paths", table)


if __name__ == "__main__":
    main()
