"""Actions to decisions, for all agents of a network at once, by numpy or torch.

It means what ``twin.env.act.Codec.decode`` means agent by agent, to rounding (a law with a test);
a replenishing node's inventory position is read off the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agents.learn.setup import GroupSetup, Setup
from twin.engine.batch_path import as_array
from twin.engine.bounds import at_least
from twin.env.act import Codec

Decision = tuple[Any, Any, Any]
"""Orders (lane, product, B), vehicles (lane, B) and least loads (lane, B)."""


class Decoder:
    """The network's decision from the actions of its agents; the static policy's elsewhere."""

    def __init__(self, setup: Setup, like: Any, xp: Any, by_sight: bool = False) -> None:
        """``like`` has the trailing axis B, and the kind and device of what is decided.

        ``xp`` is numpy, or torch that goes straight through. ``by_sight``: inventory positions are
        those that the agents see, right or wrong.
        """
        world = setup.world
        lanes, count = len(world.lanes), like.shape[-1]
        device = getattr(like, "device", None)
        # Numpy's constants are double, as a single agent's codec has them.
        kind = xp.float64 if xp is np else like.dtype

        def real(values: Any) -> Any:
            return as_array(np.array(values), xp, kind, device)

        def index(values: Any) -> Any:
            return as_array(values, xp, xp.int64, device)

        self.xp = xp
        self.kind = like.dtype
        fleet = real(np.array([f.vehicles for f in world.fleets] + [0.0])[world.fleet_of])
        self.vehicles = xp.broadcast_to(fleet[:, None], (lanes, count))
        self.min_load = xp.zeros_like(self.vehicles)
        self.level = real(setup.levels)[..., None]
        self.share = real(world.share)[..., None]
        self.destination = index(world.destination)
        self.groups = [_GroupDecoder(group, real, index, xp, by_sight) for group in setup.groups]
        self.order_of = index(_place(lanes, [g.ordered for g in self.groups]))
        self.vehicle_of = index(_place(lanes, [g.booked for g in self.groups]))

    def __call__(
        self,
        position: Any,
        vector: Any,
        actions: Sequence[Any],
        held: tuple[Any, Any] | None = None,
    ) -> Decision:
        """The decision at an epoch, from true inventory positions (node, product, B) and the padded
        global vector.

        ``held`` says of each lane, (lane, B), whether its orders, and its vehicles, are the static
        policy's all the same.
        """
        xp = self.xp
        gap = at_least(self.level - position, 0, xp)
        orders = [gap[self.destination] * self.share]
        vehicles, min_load = [self.vehicles], [self.min_load]
        for group, acts in zip(self.groups, actions, strict=True):
            orders += group.orders(group.positions(position, vector), acts)
            for booked, least in group.bookings(vector, acts):
                vehicles.append(booked)
                min_load.append(least)
        decided = (
            xp.concatenate(orders)[self.order_of],
            xp.concatenate(vehicles)[self.vehicle_of],
            xp.concatenate(min_load)[self.vehicle_of],
        )
        if held is None:
            return self._cast(decided)
        return self._cast(
            (
                xp.where(held[0][:, None], orders[0], decided[0]),
                xp.where(held[1], vehicles[0], decided[1]),
                xp.where(held[1], min_load[0], decided[2]),
            )
        )

    def _cast(self, decision: Decision) -> Decision:
        if self.xp is not np:
            return decision
        orders, vehicles, min_load = (part.astype(self.kind) for part in decision)
        return orders, vehicles, min_load


class _GroupDecoder:
    """The agents of one group: those that order at once, dispatchers one by one."""

    def __init__(self, group: GroupSetup, real: Any, index: Any, xp: Any, by_sight: bool) -> None:
        self.xp = xp
        indexed = list(enumerate(group.codecs))
        ordering = [(i, codec) for i, codec in indexed if codec.spec.role == "replenish"]
        self.rows = [i for i, _ in ordering]
        self.members = members = [codec for _, codec in ordering]
        self.dispatchers = [
            (i, codec, index(group.places[i, : codec.spec.size]))
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
            [index(group.places[i, : codec.spec.size]) for i, codec in ordering] if by_sight else []
        )
        self.of_lane = _joined([[i] * len(c.spec.lanes) for i, c in enumerate(members)])
        self.share = real(_joined([codec.share for codec in members]))[..., None]
        self.level = real([codec.level for codec in members])[..., None]
        self.moved = real([codec.range * codec.flow for codec in members])[..., None]
        self.most = real(_joined([codec.max_order for codec in members]))[:, None]
        self.low, self.high = members[0].low, members[0].high

    def positions(self, position: Any, vector: Any) -> Any:
        """What those that order take for their inventory position: (agent, product, B)."""
        if not self.members:
            return position[:0]
        if not self.seen:
            return position[self.nodes]
        pairs = zip(self.members, self.seen, strict=True)
        return self.xp.stack([codec.spec.position(vector[seen]) for codec, seen in pairs])

    def orders(self, position: Any, acts: Any) -> list[Any]:
        """Orders of the group's lanes (lane, product, B), in a list of none or one."""
        if not self.members:
            return []
        mine = _bounded(acts[self.rows], self.low, self.high, self.xp)
        if self.quantities:
            sizes = [codec.action_size for codec in self.members]
            parts = [mine[i, :size] for i, size in enumerate(sizes)]
            orders = self.xp.concatenate(parts) * self.most
            return [orders.reshape(-1, self.products, orders.shape[-1])]
        wish = self.level + self.moved * mine[:, : self.products] - position
        return [at_least(wish, 0, self.xp)[self.of_lane] * self.share]

    def bookings(self, vector: Any, acts: Any) -> list[tuple[Any, Any]]:
        """Vehicles and least loads (lane, B) of each dispatcher."""
        return [self._booking(codec, vector[seen], acts[i]) for i, codec, seen in self.dispatchers]

    def _booking(self, codec: Codec, seen: Any, acts: Any) -> tuple[Any, Any]:
        action = _bounded(acts[: codec.action_size], codec.low, codec.high, self.xp)
        wish = codec.decode(seen, action, self.xp)
        return wish[: codec.action_size], wish[codec.action_size :]


def _bounded(actions: Any, low: float, high: float, xp: Any) -> Any:
    """Actions within bounds, towards which a gradient leads back from outside."""
    return np.clip(actions, low, high) if xp is np else xp.bounded(actions, low, high)


def _joined(parts: Sequence[Any]) -> Any:
    return np.concatenate([np.asarray(part) for part in parts]) if parts else np.zeros(0, int)


def _place(lanes: int, parts: Sequence[Any]) -> Any:
    """Where each lane's decision stands: in the static policy's, or after it in the agents'."""
    place = np.arange(lanes)
    decided = _joined(parts)
    place[decided] = lanes + np.arange(len(decided))
    return place
