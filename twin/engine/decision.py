"""The Decision of one period: what the engines accept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.errors import SimulationError
from twin.network.world import World

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Decision:
    """Orders and vehicle bookings of one period."""

    orders: Floats  # (lane, product) units
    vehicles: Floats  # (lane,) most vehicles that may leave; ignored where no fleet rides
    min_load: Floats  # (lane,) share of its capacity that the last vehicle must fill to leave

    @classmethod
    def of_orders(cls, world: World, orders: Floats) -> Decision:
        """Orders with vehicles as needed: as many as are free, however empty the last one."""
        return cls(orders, world.fleet_vehicles, world.no_min_load)

    def validated(self, world: World) -> Decision:
        """The decision in whole units where asked; raises SimulationError when impossible."""
        _, lanes, products, _ = world.shape
        if self.orders.shape != (lanes, products):
            raise SimulationError(
                "orders have the wrong shape",
                "decision",
                str(self.orders.shape),
                f"({lanes}, {products})",
            )
        for name in ("orders", "vehicles", "min_load") if world.fleets else ("orders",):
            values = getattr(self, name)
            # A NaN or an infinity anywhere makes the sum fail the comparison.
            if lanes and not (np.add.reduce(values, None) < np.inf and _least(values) >= 0):
                raise SimulationError(
                    f"{name} must be finite and not negative", "decision", str(values.min())
                )
        if not world.model.integral:
            return self
        return Decision(np.rint(self.orders), self.vehicles, self.min_load)


def _least(values: Floats) -> float:
    """The smallest of some numbers, without the wrapper that costs as much again."""
    least: float = np.minimum.reduce(values, None)
    return least
