"""The networks that are timed, built from plain mappings, and the least a SimPy chain can cost."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import simpy

from twin.network.world import World, compile_world
from twin.scenario import from_mapping, load

SCENARIOS = Path(__file__).parents[3] / "scenarios"


def shipped_world(name: str) -> World:
    """A scenario of the repository."""
    return compile_world(load(SCENARIOS / f"{name}.yaml").model)


def serial_world(stages: int = 4, periods: int = 1000) -> World:
    """A chain with capacities and prices on every lane, like OR-Gym's; the first is unlimited."""
    names = [f"s{i}" for i in range(stages)]
    nodes = {
        name: {"kind": "warehouse", "stock": 150, "holding": 0.05, "penalty": 0.1} for name in names
    }
    nodes[names[0]] = {"kind": "supplier"}
    nodes[names[-1]] |= {"kind": "store", "price": 2, "demand": {"model": "poisson", "mean": 20}}
    lanes = {
        f"{a} -> {b}": {"lead_time": f"{2 + i % 4} d", "capacity": 100, "price": 1}
        for i, (a, b) in enumerate(pairwise(names))
    }
    return _compiled("serial", nodes, lanes, periods)


def plain_chain(stages: int, periods: int) -> World:
    """A supplier and ``stages`` stocking stages, two periods apart: holding and backlog only."""
    names = ["supplier", *(f"s{i}" for i in range(stages))]
    nodes: dict[str, dict[str, object]] = {
        name: {"kind": "warehouse", "stock": 50, "holding": 0.5, "penalty": 1} for name in names
    }
    nodes["supplier"] = {"kind": "supplier"}
    nodes[names[-1]] |= {"kind": "store", "demand": {"model": "poisson", "mean": 20}}
    lanes = {f"{a} -> {b}": {"lead_time": "2 d"} for a, b in pairwise(names)}
    return _compiled("chain", nodes, lanes, periods)


def tree_world(warehouses: int = 3, stores: int = 16, periods: int = 1000) -> World:
    """A supplier, warehouses and stores with lost sales."""
    nodes: dict[str, dict[str, object]] = {"supplier": {"kind": "supplier"}}
    lanes: dict[str, dict[str, object]] = {}
    for w in range(warehouses):
        nodes[f"w{w}"] = {"kind": "warehouse", "stock": 600, "holding": 0.1}
        lanes[f"supplier -> w{w}"] = {"lead_time": "4 d", "price": 1}
    for s in range(stores):
        demand = {"model": "poisson", "mean": 10 + s % 20}
        nodes[f"store{s}"] = {"kind": "store", "stock": 60, "holding": 0.3, "penalty": 4}
        nodes[f"store{s}"] |= {"unmet": "lost", "demand": demand}
        lanes[f"w{s % warehouses} -> store{s}"] = {"lead_time": f"{1 + s % 3} d", "freight": 0.1}
    return _compiled("tree", nodes, lanes, periods)


def assortment_world(products: int, periods: int = 100) -> World:
    """Three warehouses in a row with customers of their own for every product, lost sales."""
    names = [f"p{i}" for i in range(products)]
    rates = np.exp(np.random.default_rng(0).normal(1.0, 1.0, products)).round(3)
    demand = {
        name: {"model": "poisson", "mean": float(rate)}
        for name, rate in zip(names, rates, strict=True)
    }
    sites = ["central", "regional", "local"]
    nodes: dict[str, dict[str, object]] = {"plant": {"kind": "supplier"}}
    for site in sites:
        nodes[site] = {"kind": "warehouse", "stock": 60, "holding": 0.1, "penalty": 4}
        nodes[site] |= {"unmet": "lost", "demand": demand}
    lanes = {
        f"{a} -> {b}": {"lead_time": "2 d", "price": 1} for a, b in pairwise(["plant", *sites])
    }
    return _compiled("assortment", nodes, lanes, periods, {name: {"value": 1} for name in names})


def _compiled(
    name: str, nodes: object, lanes: object, periods: int, products: object = None
) -> World:
    data = {"name": name, "horizon": f"{periods} d", "nodes": nodes, "lanes": lanes}
    if products:
        data["products"] = products
    return compile_world(from_mapping(data).model)


def bare_simpy(stages: int = 4, periods: int = 1000) -> None:
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
