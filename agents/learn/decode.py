"""Actions to decisions in torch, for all agents of a network at once.

It means what ``twin.env.act.Codec.decode`` means agent by agent, to rounding (a law with a test);
a replenishing node's inventory position is read off the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.learn.setup import GroupSetup, Setup
from agents.learn.straight_through import StraightThrough
from twin.engine.batch import BatchEngine
from twin.env.act import Codec

Decision = tuple[Tensor, Tensor, Tensor]
"""Orders (lane, product, B), vehicles (lane, B) and least loads (lane, B)."""


class Decoder:
    """The network's decision from the actions of its agents; the static policy's elsewhere."""

    def __init__(
        self, setup: Setup, like: Tensor, xp: StraightThrough, by_sight: bool = False
    ) -> None:
        """``by_sight``: inventory positions are those that the agents see, right or wrong."""
        world = setup.world
        lanes, count = len(world.lanes), like.shape[-1]

        def real(values: Any) -> Tensor:
            return torch.as_tensor(np.array(values), dtype=like.dtype, device=like.device)

        fleet = real(np.array([f.vehicles for f in world.fleets] + [0.0])[world.fleet_of])
        self.vehicles = fleet[:, None].expand(-1, count)
        self.min_load = torch.zeros_like(self.vehicles)
        self.level = real(setup.levels)[..., None]
        self.share = real(world.share)[..., None]
        self.groups = [_GroupDecoder(group, real, xp, by_sight) for group in setup.groups]
        ordered = [g.ordered for g in self.groups]
        booked = [g.booked for g in self.groups]
        self.order_of = _place(lanes, ordered, like.device)
        self.vehicle_of = _place(lanes, booked, like.device)

    def __call__(
        self,
        engine: BatchEngine,
        vector: Tensor,
        actions: Sequence[Tensor],
        held: tuple[Tensor, Tensor] | None = None,
    ) -> Decision:
        """The decision at the engine's epoch, of which ``vector`` is the padded global vector.

        ``held`` says of each lane, (lane, B), whether its orders, and its vehicles, are the static
        policy's all the same.
        """
        position = engine.inventory_position()
        gap = (self.level - position).clip(0, None)
        orders = [gap[engine.arrays.destination] * self.share]
        vehicles, min_load = [self.vehicles], [self.min_load]
        for group, acts in zip(self.groups, actions, strict=True):
            orders += group.orders(group.positions(position, vector), acts)
            for booked, least in group.bookings(vector, acts):
                vehicles.append(booked)
                min_load.append(least)
        decided = (
            torch.cat(orders)[self.order_of],
            torch.cat(vehicles)[self.vehicle_of],
            torch.cat(min_load)[self.vehicle_of],
        )
        if held is None:
            return decided
        return (
            torch.where(held[0][:, None], orders[0], decided[0]),
            torch.where(held[1], vehicles[0], decided[1]),
            torch.where(held[1], min_load[0], decided[2]),
        )


class _GroupDecoder:
    """The agents of one group: those that order at once, dispatchers one by one."""

    def __init__(self, group: GroupSetup, real: Any, xp: StraightThrough, by_sight: bool) -> None:
        self.xp = xp
        indexed = list(enumerate(group.codecs))
        ordering = [(i, codec) for i, codec in indexed if codec.spec.role == "replenish"]
        self.rows = [i for i, _ in ordering]
        self.members = members = [codec for _, codec in ordering]
        self.dispatchers = [
            (i, codec, torch.from_numpy(group.places[i, : codec.spec.size]))
            for i, codec in indexed
            if codec.spec.role == "dispatch"
        ]
        self.ordered = _joined([codec.spec.lanes for codec in members])
        self.booked = _joined([codec.spec.lanes for _, codec, _ in self.dispatchers])
        if not members:
            return
        self.quantities = members[0].form == "order_quantity"
        self.products = members[0].spec.products
        self.nodes = [codec.spec.index for codec in members]
        self.seen = (
            [torch.from_numpy(group.places[i, : codec.spec.size]) for i, codec in ordering]
            if by_sight
            else []
        )
        self.of_lane = _joined([[i] * len(c.spec.lanes) for i, c in enumerate(members)])
        self.share = real(_joined([codec.share for codec in members]))[..., None]
        self.level = real([codec.level for codec in members])[..., None]
        self.moved = real([codec.range * codec.flow for codec in members])[..., None]
        self.most = real(_joined([codec.max_order for codec in members]))[:, None]
        self.low, self.high = members[0].low, members[0].high

    def positions(self, position: Tensor, vector: Tensor) -> Tensor:
        """What those that order take for their inventory position: (agent, product, B)."""
        if not self.members:
            return position[:0]
        if not self.seen:
            return position[self.nodes]
        pairs = zip(self.members, self.seen, strict=True)
        return torch.stack([codec.spec.position(vector[seen]) for codec, seen in pairs])

    def orders(self, position: Tensor, acts: Tensor) -> list[Tensor]:
        """Orders of the group's lanes (lane, product, B), in a list of none or one."""
        if not self.members:
            return []
        mine = self.xp.bounded(acts[self.rows], self.low, self.high)
        if self.quantities:
            sizes = [codec.action_size for codec in self.members]
            parts = [mine[i, :size] for i, size in enumerate(sizes)]
            return [(torch.cat(parts) * self.most).unflatten(0, (-1, self.products))]
        wish = self.level + self.moved * mine[:, : self.products] - position
        return [wish.clip(0, None)[self.of_lane] * self.share]

    def bookings(self, vector: Tensor, acts: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Vehicles and least loads (lane, B) of each dispatcher."""
        return [self._booking(codec, vector[seen], acts[i]) for i, codec, seen in self.dispatchers]

    def _booking(self, codec: Codec, seen: Tensor, acts: Tensor) -> tuple[Tensor, Tensor]:
        action = self.xp.bounded(acts[: codec.action_size], codec.low, codec.high)
        booked, least = codec.decode(seen, action, self.xp).tensor_split(2)
        return booked, least


def _joined(parts: Sequence[Any]) -> Any:
    return np.concatenate([np.asarray(part) for part in parts]) if parts else np.zeros(0, int)


def _place(lanes: int, parts: Sequence[Any], device: torch.device) -> Tensor:
    """Where each lane's decision stands: in the static policy's, or after it in the agents'."""
    place = np.arange(lanes)
    decided = _joined(parts)
    place[decided] = lanes + np.arange(len(decided))
    return torch.from_numpy(place).to(device)
