"""Simulation speed of the event engine: node-periods per second of CPU time, one core, ledger on.

``python -m tests.benchmarks.engine``. Beside it, in the same run, a bare SimPy chain: the least
that a process-per-node SimPy model of the same four stages can cost, without a ledger, money,
conservation checks or several products.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import simpy

from twin.env.rules import default_rule
from twin.exogenous.path import draw_path
from twin.network.world import World, compile_world
from twin.scenario import from_mapping
from twin.simulation import run_rule

PERIODS = 1000
REPEATS = 7


def serial_world(stages: int = 4, periods: int = PERIODS) -> World:
    """A chain with capacities and prices on every lane, like OR-Gym's."""
    names = [f"s{i}" for i in range(stages)]
    nodes = {
        name: {"kind": "warehouse", "stock": 150, "holding": 0.05, "penalty": 0.1} for name in names
    }
    nodes[names[0]] = {"kind": "supplier"}
    nodes[names[-1]] |= {"kind": "store", "price": 2, "demand": {"model": "poisson", "mean": 20}}
    lanes = {
        f"{a} -> {b}": {"lead_time": f"{2 + i} d", "capacity": 100, "price": 1}
        for i, (a, b) in enumerate(pairwise(names))
    }
    return _compile("serial", nodes, lanes, periods)


def tree_world(stores: int = 16, periods: int = PERIODS) -> World:
    """One supplier, three warehouses, sixteen stores: twenty nodes."""
    nodes: dict[str, dict[str, object]] = {"supplier": {"kind": "supplier"}}
    lanes: dict[str, dict[str, object]] = {}
    for w in range(3):
        nodes[f"w{w}"] = {"kind": "warehouse", "stock": 600, "holding": 0.1}
        lanes[f"supplier -> w{w}"] = {"lead_time": "4 d", "price": 1}
    for s in range(stores):
        demand = {"model": "poisson", "mean": 10 + s}
        nodes[f"store{s}"] = {"kind": "store", "stock": 60, "holding": 0.3, "penalty": 4}
        nodes[f"store{s}"] |= {"unmet": "lost", "demand": demand}
        lanes[f"w{s % 3} -> store{s}"] = {"lead_time": f"{1 + s % 3} d", "freight": 0.1}
    return _compile("tree", nodes, lanes, periods)


def _compile(name: str, nodes: object, lanes: object, periods: int) -> World:
    data = {"name": name, "horizon": f"{periods} d", "nodes": nodes, "lanes": lanes}
    return compile_world(from_mapping(data).model)


def bare_simpy(stages: int = 4, periods: int = PERIODS) -> None:
    """A four-stage base-stock chain as one SimPy process per stage, and nothing else."""
    env = simpy.Environment()
    rng = np.random.default_rng(0)
    demand = rng.poisson(20, periods).tolist()
    stock = [150.0] * stages
    position = [150.0] * stages
    stock[0] = float("inf")

    def arrive(stage: int, units: float, lead: float):  # type: ignore[no-untyped-def]
        yield env.timeout(lead)
        stock[stage] += units

    def review(stage: int):  # type: ignore[no-untyped-def]
        while True:
            gap = 150.0 - position[stage]
            units = min(gap, stock[stage - 1], 100.0)
            if units > 0:
                stock[stage - 1] -= units
                position[stage - 1] -= units
                position[stage] += units
                env.process(arrive(stage, units, 1.0 + stage))
            yield env.timeout(1.0)

    def customers():  # type: ignore[no-untyped-def]
        for wanted in demand:
            sold = min(stock[-1], wanted)
            stock[-1] -= sold
            position[-1] -= sold
            yield env.timeout(1.0)

    env.process(customers())
    for stage in range(1, stages):
        env.process(review(stage))
    env.run(until=periods)


def median_cpu(run: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median CPU seconds of a call, after one that is not counted."""
    run()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return statistics.median(times)


def engine_seconds(world: World) -> float:
    """Median CPU seconds of one checked run, its sample path drawn inside."""
    rule = default_rule(world)
    return median_cpu(lambda: run_rule(world, draw_path(world, 0), rule))


def main() -> None:
    """Print the table."""
    bare = median_cpu(bare_simpy)
    rows = [("bare SimPy chain, no ledger", 4, bare)]
    for name, world in (
        ("event engine, serial", serial_world()),
        ("event engine, tree", tree_world()),
    ):
        rows.append((name, len(world.nodes), engine_seconds(world)))
    print(
        f"{platform.machine()}, Python {platform.python_version()}, one core, median of {REPEATS}"
    )
    print(f"{'':30} {'nodes':>5} {'periods/s':>10} {'node-periods/s':>15} {'x bare':>7}")
    base = 4 * PERIODS / bare
    for name, nodes, seconds in rows:
        rate = nodes * PERIODS / seconds
        print(f"{name:30} {nodes:5} {PERIODS / seconds:10,.0f} {rate:15,.0f} {rate / base:7.2f}")


if __name__ == "__main__":
    main()
