"""Choices instead of free actions: points of an action's range, and which can be done in a state.

A choice is impossible where it asks for what cannot happen now:

    replenish  order_quantity         an order on a lane that is closed, or above what the lane can
                                      still carry in a period; nothing can always be ordered
               base_stock_correction  an order that none of the node's lanes can take
    dispatch                          more or fewer vehicles than are idle: where fewer are idle
                                      than a choice would send, it means the same as sending all

Of choices that all order nothing, or all send whatever is there, only the one nearest to the static
policy is offered. Something is always possible: the least order, the nearest to zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from twin.env.act import Codec
from twin.exogenous.opening import open_periods
from twin.network.world import World

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
DUST = 1e-6
"""Units that count as none."""


def points_of(codec: Codec, count: int, bend: float) -> Floats:
    """Points over an action's range, both ends included: (choice,).

    Corrections x in [-1, 1] of the range are bent to sign(x) |x|^bend: above one, points lie closer
    together near the static policy. Order quantities are spaced evenly.
    """
    if codec.low >= 0:
        return np.linspace(codec.low, codec.high, count)
    x = np.linspace(-1.0, 1.0, count)
    points: Floats = codec.high * np.sign(x) * np.abs(x) ** bend
    return points


def repeats(codec: Codec, points: Floats, integral: bool) -> Flags:
    """Choices that mean in every state what one nearer to zero means: (action, choice).

    Two shares of a fleet may round to the same number of vehicles, two orders to the same units.
    """
    found = np.zeros((codec.action_size, len(points)), dtype=np.bool_)
    if codec.spec.role == "replenish" and codec.form == "base_stock_correction":
        return found
    actions = np.broadcast_to(points, found.shape)
    meant = codec.decode(np.zeros((codec.spec.size, len(points))), actions)
    meant = np.round(meant) if integral and codec.spec.role == "replenish" else meant
    meant = meant.reshape(-1, codec.action_size, len(points))  # (number, action, choice)
    for action in range(codec.action_size):
        seen: set[tuple[float, ...]] = set()
        for choice in np.argsort(np.abs(points), kind="stable"):
            key = tuple(meant[:, action, choice].tolist())
            found[action, choice] = key in seen
            seen.add(key)
    return found


@dataclass(frozen=True)
class Choices:
    """What one agent chooses from."""

    world: World
    codec: Codec
    grid: NDArray[np.floating]  # (action, choice) points; NaN where there is none

    def possible(self, observation: Floats, gate: Floats | None = None) -> Flags:
        """What can be done, from the natural observation: (observation, ...) to (action, choice,
        ...).

        ``gate`` (lane, ...) is the share of each of its lanes that is open. Without it the opening
        hours say so, which the agent may know; of disruptions it is not told.
        """
        seen = observation.reshape(len(observation), -1)
        if gate is None:
            gate = self._calendar[round(float(self.codec.spec.period(seen)[0]))][:, None]
        opened = gate.reshape(len(gate), -1) > 0
        if self.codec.spec.role == "dispatch":
            found, preferred = self._sendable(seen, opened), np.abs(self.grid)
        elif self.codec.form == "base_stock_correction":
            found, preferred = self._correctable(seen, opened), self.grid
        else:
            found, preferred = self._orderable(seen, opened), self.grid
        found = found & np.isfinite(self.grid)[..., None]
        nothing = ~found.any(axis=1, keepdims=True)
        least = preferred == np.nanmin(preferred, axis=1, keepdims=True)
        found |= nothing & least[..., None]
        shaped: Flags = found.reshape(*self.grid.shape, *observation.shape[1:])
        return shaped

    @cached_property
    def _calendar(self) -> Flags:
        """Opening hours of the lanes and of their sources: (period, lane)."""
        world, lanes = self.world, self.codec.spec.lanes
        nodes = list(world.model.nodes.values())
        periods = world.periods + 1
        rows = [
            open_periods(world.transport[lane].open, periods, world.period_d)
            * open_periods(nodes[world.source[lane]].open, periods, world.period_d)
            for lane in lanes
        ]
        return np.stack(rows, axis=1) > 0

    def _room(self, seen: Floats) -> Floats:
        """What each lane can still carry in a period, given what waits for it: (lane, B)."""
        spec = self.codec.spec
        waiting = seen[spec.slices[f"orders.read/{spec.entity}/waiting"]]
        total = waiting.reshape(len(spec.lanes), spec.products, -1).sum(axis=1)
        room: Floats = self.world.lane_capacity[spec.lanes][:, None] - total
        return room

    def _orderable(self, seen: Floats, opened: Flags) -> Flags:
        """Orders (lane x product, choice, B)."""
        products = self.codec.spec.products
        order = (self.grid * self.codec.max_order[:, None])[..., None]
        room = np.repeat(self._room(seen), products, axis=0)[:, None]
        opened = np.repeat(opened, products, axis=0)[:, None]
        found: Flags = (order <= DUST) | ((order <= room + DUST) & opened)
        return found

    def _correctable(self, seen: Floats, opened: Flags) -> Flags:
        """Corrections of order-up-to levels (product, choice, B)."""
        codec = self.codec
        level = codec.level[:, None] + (codec.range * codec.flow)[:, None] * self.grid
        position = codec.spec.position(seen)
        order = np.maximum(level[..., None] - position[:, None], 0.0)  # (product, choice, B)
        share = codec.share[:, :, None, None]  # (lane, product, 1, 1)
        fits = share * order <= self._room(seen)[:, None, None] + DUST
        able = ((share > 0) & fits & opened[:, None, None]).any(axis=0)
        none = order <= DUST
        away = np.where(none, np.abs(self.grid)[..., None], np.inf)
        nearest = none & (away == np.nanmin(away, axis=1, keepdims=True))
        found: Flags = (able & ~none) | nearest
        return found

    def _sendable(self, seen: Floats, opened: Flags) -> Flags:
        """Bookings (lane, choice, B)."""
        codec = self.codec
        idle = seen[codec.spec.slices[f"fleet.read/{codec.spec.entity}/idle"]][:, None]
        point = self.grid[..., None]
        meant = np.round(codec.vehicles * np.exp(codec.range * np.minimum(point, 0.0)))
        fewer = (point < 0) & (meant >= idle)
        useless = (idle < 1) | ~opened[:, None]
        found: Flags = ~fewer & ~(useless & (point != 0))
        return found


def choices_of(world: World, codec: Codec, count: int, bend: float) -> Choices:
    """The choices of one agent: ``count`` points per action, repeats left out."""
    points = points_of(codec, count, bend)
    grid = np.broadcast_to(points, (codec.action_size, count)).astype(np.float32)
    grid[repeats(codec, points, world.model.integral)] = np.nan
    return Choices(world, codec, grid)
