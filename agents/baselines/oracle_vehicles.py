"""A pool of vehicles in the program of a sample path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from agents.baselines.oracle_network import NetworkProgram

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
DUST = 1e-9
"""Of a vehicle; a fleet that lacks less is whole."""


class Pool:
    """Trips that carry the load, from no more vehicles than there are."""

    def __init__(self, network: NetworkProgram, fleet: int, whole: bool) -> None:
        world, program = network.world, network.program
        self._network, self._fleet = network, fleet
        self.spec = world.fleets[fleet]
        self.lanes = self.spec.lanes
        self.down = np.ceil((1.0 - network.path.fleet_up[:, fleet]) * self.spec.vehicles - DUST)
        cost = network.over_time(world.prices.trip[self.lanes])
        self.trips = program.variables(cost.shape, cost, float(self.spec.vehicles), whole)
        self.carrier = self._carrier()  # (period, lane, product)
        self._carry()
        self._return()

    def _carrier(self) -> Ints:
        """What goes by common carrier, on lanes where there is one."""
        world = self._network.world
        offers = [world.transport[lane].common_carrier is not None for lane in self.lanes]
        shape = (world.periods, len(self.lanes), len(world.products))
        cost = self._network.over_time(world.prices.carrier[self.lanes])
        most = np.where(np.array(offers, dtype=bool), np.inf, 0.0)[:, None]
        rest = self._network.program.variables(shape, cost[..., None], most)
        row = self._network.program.rows(shape, -np.inf, 0.0)
        self._network.program.add(row, rest, 1.0)
        self._network.program.add(row, self._network.shipped[:, self.lanes], -1.0)
        return rest

    def _carry(self) -> None:
        program, limit = self._network.program, self.spec.limit
        for size, most in zip(limit.size, limit.most[:, 0], strict=True):
            row = program.rows(self.trips.shape, -np.inf, 0.0)
            program.add(row[..., None], self._network.shipped[:, self.lanes], size / most)
            program.add(row[..., None], self.carrier, -size / most)
            program.add(row, self.trips, -1.0)

    def _return(self) -> None:
        """Vehicles that leave are away until their trip is over; those in repair do not leave."""
        program, periods = self._network.program, self._network.world.periods
        count = float(self.spec.vehicles)
        left = program.rows((periods,), -np.inf, 0.0)
        program.add(left[:, None], self.trips, 1.0)
        fit = program.rows((periods,), -np.inf, count - self.down)
        program.add(fit[:, None], self.trips, 1.0)
        away = program.rows((periods,), -np.inf, count)
        for t, times in enumerate(self.trip_periods()):
            for duration, vehicles in zip(*np.unique(times, return_counts=True), strict=True):
                leaving = program.variables((1,), 0.0, float(vehicles))
                program.add(left[t : t + 1], leaving, -1.0)
                program.add(away[t : t + int(duration)], leaving, 1.0)

    def trip_periods(self) -> Ints:
        """Periods until each vehicle that leaves is back, at least one: (period, vehicle)."""
        world = self._network.world
        days = self._network.path.trip_time[:, self._fleet, : self.spec.vehicles]
        return np.maximum(world.due_periods(days), 1)
