"""Sample paths of thousands of runs drawn at once, for training, in numpy or on a device.

They are other paths than those of ``draw_path`` and of the same distribution, so they are for
training: what is compared or replayed is drawn by seed. Demand, lead times, trips and losses are
drawn together for all runs. What has no such draw is taken from the runs' own seeds, one by one on
the host: ``drawn_by_seed`` names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twin.engine.batch_path import BatchPath, as_array
from twin.exogenous.copula import group_of
from twin.exogenous.disruption import Working, draw_disruptions
from twin.exogenous.forecast import forecasts
from twin.exogenous.path import demand_row, lanes_open, nodes_open
from twin.exogenous.streams import Streams
from twin.exogenous.variates import Draws
from twin.exogenous.wide import wide_demand, wide_shares, wide_times
from twin.network.world import EPSILON_PERIODS, FleetSpec, World

ALL = slice(None)


def drawn_by_seed(world: World) -> tuple[str, ...]:
    """What of a world's paths has no draw for many runs at once, and costs time for each run."""
    model = world.model
    found = {
        "correlated demand": bool(model.correlation),
        "disruptions": bool(model.disruptions),
        "forecasts": model.forecasts is not None,
    }
    return tuple(name for name, there in found.items() if there)


def drawn_path(
    world: World, draws: Draws, seeds: Sequence[int], own: slice = ALL, dtype: Any = None
) -> BatchPath:
    """The paths of as many runs as there are seeds; of them only those of the slice ``own``.

    The numbers of a run do not depend on the slice. Arrays are of the namespace of the draws, real
    ones of float64 unless ``dtype`` says otherwise.
    """
    return _Drawing(world, draws, seeds, own, dtype).path()


class _Drawing:
    """One batch of paths while it is drawn."""

    def __init__(
        self, world: World, draws: Draws, seeds: Sequence[int], own: slice, dtype: Any
    ) -> None:
        self.world, self.draws, self.xp = world, draws, draws.xp
        self.count, self.own, self.seeds = len(seeds), own, seeds[own]
        self.dtype = self.xp.float64 if dtype is None else dtype
        self.place = {} if draws.device is None else {"device": draws.device}

    def path(self) -> BatchPath:
        """All arrays, with the runs as the last axis."""
        world = self.world
        working = [draw_disruptions(world, seed) for seed in self._struck()]
        nodes = self._working(working, "nodes") * nodes_open(world)[..., None]
        lanes = self._working(working, "lanes") * lanes_open(world)[..., None]
        demand = self._demand()
        return BatchPath(
            demand=demand,
            due=self._due(),
            trip_due=self._trips(),
            lane_open=self._real(self._wide(lanes * nodes[:, world.source])),
            node_open=self._unless_ones(nodes),
            fleet_up=self._unless_ones(self._working(working, "fleets")),
            price_factor=self._unless_ones(self._working(working, "price")),
            forecast=self._forecasts(demand),
            good=self._good(),
        )

    def _demand(self) -> Any:
        """Units: (period, node, product, B)."""
        world, groups = self.world, group_of(self.world)
        nodes, _, products, _ = world.shape
        demand = self._filled((world.periods, nodes, products), 0, self.dtype)
        for i, k, spec in world.demand_specs:
            name = f"demand/{world.nodes[i]}/{world.products[k]}"
            if i in groups:
                rows = [demand_row(world, i, k, spec, Streams(s), groups) for s in self.seeds]
                demand[:, i, k] = self.draws.array(np.stack(rows, -1))
            else:
                drawn = wide_demand(
                    spec, world.periods, world.period_d, self.count, self.draws, name
                )
                demand[:, i, k] = self._own(drawn)
        return demand

    def _due(self) -> Any:
        """Periods until a shipment arrives: (period, lane, B)."""
        world = self.world
        due = self._filled((world.periods, len(world.lanes)), 0, self.xp.int32)
        due[:] = self._periods(self.draws.array(world.fixed_lead_d))[:, None]
        for j in world.random_leads:
            lane = world.transport[j]
            variates = self.draws.named(f"lead_time/{world.lanes[j]}")
            shape = (world.periods, self.count)
            days = wide_times(lane.lead_time, shape, self.draws, variates) + world.loading(j)
            if not lane.crossover:
                left = self.draws.array(np.arange(world.periods) * world.period_d)[:, None]
                arrived = self.draws.running_max(left + days) - left
                days = self.xp.maximum(arrived, days)  # rounding must not hurry a shipment
            due[:, j] = self._periods(self._own(days))
        return due

    def _trips(self) -> Any:
        """Periods until a vehicle is back: (period, fleet, vehicle, B)."""
        world = self.world
        largest = max((fleet.vehicles for fleet in world.fleets), default=0)
        back = self._filled((world.periods, len(world.fleets), largest), 1, self.xp.int32)
        for f, fleet in enumerate(world.fleets):
            periods = self._periods(self._round_trips(fleet))
            back[:, f, : fleet.vehicles] = self.xp.clip(periods, 1, None)
        return back

    def _round_trips(self, fleet: FleetSpec) -> Any:
        """Days: (period, vehicle, B)."""
        spec, draws = fleet.spec, self.draws
        shape = (self.world.periods, fleet.vehicles, self.count)
        variates = draws.named(f"trip_time/{fleet.name}")
        days = wide_times(spec.round_trip, shape, draws, variates) + spec.loading
        if spec.breakdown is not None:
            variates = draws.named(f"breakdown/{fleet.name}")
            fails = variates.uniform(shape) < spec.breakdown.probability
            repair = wide_times(spec.breakdown.repair, shape, draws, variates)
            days = days + self.xp.where(fails, repair, 0.0)
        return self._own(days)

    def _good(self) -> Any | None:
        """Share of a shipment that arrives in good order: (period, lane, B); None for all."""
        world = self.world
        if not world.lossy_lanes:
            return None
        good = self._filled((world.periods, len(world.lanes)), 1, self.dtype)
        for j in world.lossy_lanes:
            variates = self.draws.named(f"loss/{world.lanes[j]}")
            shape = (world.periods, self.count)
            lost = wide_shares(world.transport[j].loss, shape, self.draws, variates)
            good[:, j] = 1.0 - self._own(lost)
        return good

    def _forecasts(self, demand: Any) -> Any | None:
        if self.world.model.forecasts is None:
            return None
        units = demand if self.xp is np else demand.cpu().numpy()
        rows = [forecasts(self.world, units[..., b], seed) for b, seed in enumerate(self.seeds)]
        return self._real(np.stack([row for row in rows if row is not None], -1))

    def _struck(self) -> Sequence[int]:
        """The seeds whose disruptions differ: one stands for all where there are none."""
        return self.seeds if self.world.model.disruptions else self.seeds[:1]

    def _working(self, working: Sequence[Working], kind: str) -> Any:
        return np.stack([getattr(one, kind) for one in working], -1)

    def _unless_ones(self, rows: Any) -> Any | None:
        return None if (rows == 1).all() else self._real(self._wide(rows))

    def _periods(self, days: Any) -> Any:
        """Periods until days have passed, counted at epochs."""
        return self.xp.clip(self.xp.ceil(days / self.world.period_d - EPSILON_PERIODS), 0, None)

    def _filled(self, shape: tuple[int, ...], value: int, dtype: Any) -> Any:
        return self.xp.full((*shape, len(self.seeds)), value, dtype=dtype, **self.place)

    def _own(self, drawn: Any) -> Any:
        """The columns that are asked for; what is the same for all runs has one column."""
        return drawn if drawn.shape[-1] == 1 else drawn[..., self.own]

    def _wide(self, rows: Any) -> Any:
        """Numpy rows (..., 1 or B) for all runs."""
        return np.array(np.broadcast_to(rows, (*rows.shape[:-1], len(self.seeds))))

    def _real(self, values: Any) -> Any:
        return as_array(values, self.xp, self.dtype, self.draws.device)
