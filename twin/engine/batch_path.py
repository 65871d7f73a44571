"""The sample paths of many replications as arrays, replications last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.exogenous.forecast import forecasts
from twin.exogenous.path import SamplePath
from twin.network.world import World


@dataclass(frozen=True)
class BatchPath:
    """Exogenous draws of B replications; numpy or torch."""

    demand: Any  # (period, node, product, B) units
    due: Any  # (period, lane, B) periods until a shipment arrives, whole numbers
    trip_due: Any  # (period, fleet, vehicle, B) periods until a vehicle is back, at least 1
    lane_open: Any  # (period, lane, B) share that gets through, the source's share included
    node_open: Any | None = None  # (period, node, B) share of the node that works; None: all
    fleet_up: Any | None = None  # (period, fleet, B) share of the vehicles in service; None: all
    price_factor: Any | None = None  # (period, lane, B) on list prices; None: one
    forecast: Any | None = None  # (period, node, product, B) as seen at each epoch; None: none
    good: Any | None = None  # (period, lane, B) share that arrives in good order; None: all

    @property
    def replications(self) -> int:
        """B."""
        return int(self.demand.shape[-1])


def stack_paths(
    world: World,
    paths: Sequence[SamplePath],
    xp: Any = np,
    dtype: Any = None,
    device: Any = None,
) -> BatchPath:
    """Stack the paths of B runs as arrays of ``xp``, of float64 unless ``dtype`` says otherwise."""
    real = xp.float64 if dtype is None else dtype
    due = np.stack([world.due_periods(path.lead_time) for path in paths], -1)
    trip_due = np.stack([world.due_periods(path.trip_time) for path in paths], -1)
    gates = [path.lane_open * path.node_open[:, world.source] for path in paths]

    def unless_ones(field: str) -> Any | None:
        rows = np.stack([getattr(path, field) for path in paths], -1)
        return None if (rows == 1).all() else as_array(rows, xp, real, device)

    return BatchPath(
        demand=as_array(np.stack([path.demand for path in paths], -1), xp, real, device),
        due=as_array(due, xp, xp.int32, device),
        trip_due=as_array(np.maximum(trip_due, 1), xp, xp.int32, device),
        lane_open=as_array(np.stack(gates, -1), xp, real, device),
        node_open=unless_ones("node_open"),
        fleet_up=unless_ones("fleet_up"),
        price_factor=unless_ones("price_factor"),
        good=unless_ones("good"),
        forecast=_forecasts(world, paths, lambda rows: as_array(rows, xp, real, device)),
    )


def _forecasts(world: World, paths: Sequence[SamplePath], cast: Callable[[Any], Any]) -> Any | None:
    rows = [forecasts(world, path.demand, path.seed) for path in paths]
    known = [row for row in rows if row is not None]
    return cast(np.stack(known, -1)) if known else None


def as_array(values: Any, xp: Any, dtype: Any, device: Any = None) -> Any:
    """Numpy values (or an array of ``xp``) as a contiguous array of ``xp``."""
    if xp is np:
        return np.ascontiguousarray(values, dtype=dtype)
    if isinstance(values, np.ndarray):
        values = np.array(values)
    return xp.as_tensor(values, dtype=dtype, device=device)
