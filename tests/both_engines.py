"""Runs both engines under the same decisions, and compares what they did."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.strategies import Decisions
from twin.engine.batch import BatchEngine, stack_paths
from twin.engine.event import EventEngine
from twin.engine.ledger import Quantities
from twin.env.observe import global_vector
from twin.exogenous.path import SamplePath
from twin.network.world import World


@dataclass(frozen=True)
class Run:
    """What one engine did with one or more replications."""

    quantities: Quantities
    profit: NDArray[Any]  # (period, node, ...)
    views: NDArray[Any]  # (period, global vector, ...)


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
    views, profit = [], []
    while engine.advance():
        views.append(np.asarray(global_vector(world, engine, xp)))
        row = (chosen.orders, chosen.vehicles, chosen.min_load)
        engine.decide(*(cast(values[engine.t]) for values in row))
        profit.append(np.asarray(engine.profit_row()))
    return Run(engine.quantities(), np.array(profit), np.array(views))


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
