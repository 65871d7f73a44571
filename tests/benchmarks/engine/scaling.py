"""How simulation speed scales: with nodes, products and replications; CPU time of one core.

``python -m tests.benchmarks.engine.scaling`` (``make bench``). The rows of a table are timed in
turns, so that a busy machine slows all of them alike; the median counts. Every run of the event
engine draws its sample path, keeps the ledger and checks conservation.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.benchmarks.engine.worlds import (
    assortment_world,
    bare_simpy,
    serial_world,
    shipped_world,
    tree_world,
)
from twin.engine.batch import stack_paths
from twin.engine.batch_run import run_rule_batch
from twin.engine.decision import Decision
from twin.engine.event import EventEngine
from twin.env.rules import default_rule, sweep_orders
from twin.exogenous.path import draw_path
from twin.network.world import World
from twin.simulation import run_rule

PERIODS = 500
REPLICATIONS = (64, 256, 1024, 4096)


@dataclass(frozen=True)
class Case:
    """One line of a table."""

    label: str
    size: int  # nodes, or nodes times products
    periods: int  # times replications
    run: Callable[[], object]


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="rounds that are counted")
    repeats = parser.parse_args().repeats
    print(
        f"{platform.machine()}, Python {platform.python_version()}, one core, median of {repeats}, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    _table("event engine by nodes", "node-periods", by_nodes(), repeats)
    _table("event engine, 3 nodes by products", "node-product-periods", by_products(), repeats)
    _table("batch engine by replications", "node-periods", by_replications(), repeats)
    _table("batch engine by nodes, 256 replications", "node-periods", by_batch_nodes(), repeats)


def by_nodes() -> list[Case]:
    """Trees of 4 to 100 nodes, and the least that a SimPy chain of 4 can cost."""
    cases = [
        Case("bare SimPy chain, no ledger", 4, PERIODS, lambda: bare_simpy(4, PERIODS)),
        _checked("serial", serial_world(4, PERIODS)),
    ]
    for warehouses, stores in ((1, 2), (2, 7), (3, 16), (7, 42), (14, 85)):
        world = tree_world(warehouses, stores, PERIODS)
        cases.append(_checked(f"tree of {len(world.nodes)}", world))
    return cases


def by_products() -> list[Case]:
    """Three warehouses that sell 1 to 2,000 products; the last row leaves the checks out."""
    worlds = {count: assortment_world(count) for count in (1, 10, 100, 500, 2000)}
    cases = [_checked(f"{count:,} products", world, 3 * count) for count, world in worlds.items()]
    largest = worlds[2000]
    label = "2,000 products, without the checks"
    cases.append(Case(label, 6000, largest.periods, lambda: _unchecked(largest)))
    shipped = shipped_world("library/warehouses_3x2000")
    return [*cases, _checked("library/warehouses_3x2000", shipped, 6000)]


def by_replications() -> list[Case]:
    """A chain of four nodes and the quickstart, in numpy and torch, on given paths."""
    worlds = {"chain of 4": serial_world(4, 100), "quickstart": shipped_world("quickstart")}
    return [
        _batch(f"{name}, {count:,}, {library} {precision}", world, count, library, precision)
        for name, world in worlds.items()
        for library, precision in (
            ("numpy", "float64"),
            ("torch", "float64"),
            ("torch", "float32"),
        )
        for count in REPLICATIONS
    ]


def by_batch_nodes() -> list[Case]:
    """Trees of 4 to 100 nodes in numpy."""
    shapes = ((1, 2), (2, 7), (3, 16), (7, 42), (14, 85))
    worlds = [tree_world(*shape, periods=50) for shape in shapes]
    return [_batch(f"tree of {len(w.nodes)}", w, 256, "numpy", "float64") for w in worlds]


def _checked(label: str, world: World, size: int = 0) -> Case:
    rule = default_rule(world)
    run = lambda: run_rule(world, draw_path(world, 0), rule)  # noqa: E731
    return Case(label, size or len(world.nodes), world.periods, run)


def _unchecked(world: World) -> object:
    rule, engine = default_rule(world), EventEngine(world, draw_path(world, 0))
    while engine.advance():
        orders = sweep_orders(world, rule, engine.inventory_position(), engine.t)
        engine.decide(Decision.of_orders(world, orders))
    return engine.ledger


def _batch(label: str, world: World, replications: int, library: str, precision: str) -> Case:
    xp = namespace(library)
    drawn = [draw_path(world, seed) for seed in range(min(replications, 64))]
    paths = [drawn[i % len(drawn)] for i in range(replications)]
    path = stack_paths(world, paths, xp, getattr(xp, precision))
    rule = default_rule(world)
    run = lambda: run_rule_batch(world, path, rule, xp)  # noqa: E731
    return Case(label, len(world.nodes), world.periods * replications, run)


def namespace(library: str) -> Any:
    """Numpy, or torch on one thread without gradients."""
    if library == "numpy":
        return np
    import torch

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    return torch


def median_cpu(cases: list[Case], repeats: int) -> list[float]:
    """Median CPU seconds of every case, timed in turns after a round that is not counted."""
    times: list[list[float]] = [[] for _ in cases]
    for _ in range(repeats + 1):
        for case, found in zip(cases, times, strict=True):
            start = time.process_time()
            case.run()
            found.append(time.process_time() - start)
    return [statistics.median(found[1:]) for found in times]


def _table(title: str, unit: str, cases: list[Case], repeats: int) -> None:
    print(f"\n{title:42} {'periods/s':>12} {unit + '/s':>22} {'ns each':>10}")
    for case, seconds in zip(cases, median_cpu(cases, repeats), strict=True):
        rate = case.periods / seconds
        done = rate * case.size
        print(f"{case.label:42} {rate:12,.0f} {done:22,.0f} {1e9 / done:10,.1f}", flush=True)


if __name__ == "__main__":
    main()
