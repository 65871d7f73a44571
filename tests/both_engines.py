"""Runs both engines under the same decisions, and compares what they did."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.strategies import Decisions
from twin.engine.batch import BatchEngine, stack_paths
from twin.engine.event import EventEngine
from twin.engine.ledger import Quantities
from twin.env.observe import global_vector
from twin.exogenous.path import SamplePath, draw_path
from twin.network.world import World, compile_world
from twin.scenario.loader import load

SHIPPED = sorted(
    path
    for path in (Path(__file__).parent.parent / "scenarios").rglob("*.yaml")
    if "kind: scenario" in path.read_text(encoding="utf-8")
)


@dataclass(frozen=True)
class Run:
    """What one engine did with one or more replications."""

    quantities: Quantities
    profit: NDArray[Any]  # (period, node, ...)
    views: NDArray[Any]  # (period, global vector, ...)
    kinds: frozenset[Any] = frozenset()  # dtypes of the rows that the batch engine worked with


def shipped_case(file: Path) -> tuple[World, list[SamplePath], Decisions]:
    """The first 40 periods of a shipped scenario: two paths, and decisions at random."""
    model = load(file).model
    periods = min(40, round(model.horizon / model.period))
    world = compile_world(model.model_copy(update={"horizon": periods * model.period}))
    paths = [draw_path(world, seed) for seed in (1, 2)]
    rng = np.random.default_rng(3)
    shape = (world.periods, *world.shape[1:3], len(paths))
    flow = world.throughput[world.destination] * world.share
    orders = rng.uniform(0, 2.5, shape) * flow[..., None]
    booked = rng.integers(0, 4, (*shape[:2], len(paths))).astype(float)
    return world, paths, Decisions(orders, booked, rng.uniform(0, 1, booked.shape))


def run_event(world: World, path: SamplePath, chosen: Decisions, replication: int) -> Run:
    engine, views = EventEngine(world, path), []
    while engine.advance():
        views.append(global_vector(world, engine))
        engine.decide(chosen.of(engine.t, replication))
    engine.ledger.check()
    return Run(engine.quantities, engine.ledger.profit, np.array(views))


def run_batch(
    world: World, paths: list[SamplePath], chosen: Decisions, xp: Any = np, dtype: Any = None
) -> Run:
    def cast(values: NDArray[Any]) -> Any:
        return values.astype(path.demand.dtype) if xp is np else xp.tensor(values, dtype=dtype)

    path = stack_paths(world, paths, xp, dtype)
    engine = BatchEngine(world, path, xp)
    views, profit, kinds = [], [], set()
    while engine.advance():
        views.append(np.asarray(global_vector(world, engine, xp)))
        row = (chosen.orders, chosen.vehicles, chosen.min_load)
        engine.decide(*(cast(values[engine.t]) for values in row))
        profit.append(np.asarray(engine.profit_row()))
        rows = [views[-1], profit[-1], *engine._row.values()]
        kinds |= {getattr(row, "dtype", type(row)) for row in rows if row is not None}
    return Run(engine.quantities(), np.array(profit), np.array(views), frozenset(kinds))


def assert_same(got: Run, want: Run, relative: float = 1e-9) -> None:
    for field in fields(Quantities):
        of_got, of_want = getattr(got.quantities, field.name), getattr(want.quantities, field.name)
        close(of_got, of_want, relative, field.name)
    close(got.profit, want.profit, relative, "profit")
    close(got.views, want.views, relative, "global vector")


def close(got: NDArray[Any], want: NDArray[Any], relative: float, name: str) -> None:
    tolerance = relative * (1 + np.abs(want).max(initial=0))
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance, err_msg=name)


def replication(run: Run, index: int) -> Run:
    return Run(run.quantities.replication(index), run.profit[..., index], run.views[..., index])
