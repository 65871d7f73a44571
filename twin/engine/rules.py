"""The constants of one run of the event engine, and the limits that shipments meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.exogenous.path import SamplePath
from twin.network.world import World

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
DUST = 1e-9
"""Units; less is a rounding error and nobody sets a machine up for it."""
TINY = 1e-300


@dataclass(frozen=True)
class Constants:
    """What is the same in all runs of a world, and which of its features they use."""

    world: World
    bottomless: Floats  # (node, 1) infinite where stock never runs out
    limited: Floats  # (node, 1) 0 where stock never runs out
    least_stock: float
    independent: bool  # each lane may take all of its source's stock
    nothing: Floats  # (node, product) zeros; never written
    keeps: Floats  # (node, 1) 0 where unmet demand is lost
    some_lost: bool
    sole: Flags  # (lane, 1) no other lane leaves the source
    all_sole: bool
    simple: bool  # plain lanes, proportional allocation
    lagged: bool
    makes: Floats  # (lane,) units per period that the source can make to order
    make_limited: bool
    swaps: bool  # customers take other products instead
    producing: bool
    perishable: bool
    plain: bool  # one unit shipped is one unit of stock
    sets_up: bool  # some capacity is lost to set-ups
    drops: Flags  # (lane,) what the source cannot ship is dropped
    some_drop: bool
    carrier: Flags  # (lane,) a common carrier takes what finds no vehicle
    some_carrier: bool

    @classmethod
    def of(cls, world: World) -> Constants:
        """Work out the constants of a world."""
        lanes_from = np.bincount(world.source, minlength=len(world.nodes))
        sole = np.equal(lanes_from[world.source], 1)[:, None]
        independent = world.model.independent_links
        proportional = all(n.allocation == "proportional" for n in world.model.nodes.values())
        late = world.convention.ships_before_ordering
        carrier = np.array([x.common_carrier is not None for x in world.transport], dtype=bool)
        return cls(
            world=world,
            bottomless=np.where(world.unlimited, np.inf, 0.0)[:, None],
            limited=(~world.unlimited)[:, None].astype(float),
            least_stock=-np.inf if independent else 0.0,
            independent=independent,
            nothing=_zeros(world),
            keeps=(~world.lost)[:, None].astype(float),
            some_lost=bool(world.lost.any()),
            sole=sole,
            all_sole=independent or bool(sole.all()),
            simple=proportional and not world.recipes.bills,
            lagged=late or bool(world.order_lag.any()) or len(world.initial_orders) > 0,
            makes=world.make_capacity[world.source],
            make_limited=bool(np.isfinite(world.make_capacity).any()),
            swaps=any(product.substitutes for product in world.model.products.values()),
            producing=bool(world.produces.any()),
            perishable=bool(world.shelf_life.any()),
            plain=not world.recipes.bills and bool((world.recipes.plain == 1).all()),
            sets_up=bool(world.setup_units.any()),
            drops=world.drops[world.source],
            some_drop=bool(world.drops[world.source].any()),
            carrier=carrier,
            some_carrier=bool(carrier.any()),
        )


@dataclass(frozen=True)
class Rules(Constants):
    """What does not change during a run, and which features it uses."""

    path: SamplePath
    gate: Floats  # (period, lane) share that gets through, its source's included
    lane_limited: bool
    receives_in_part: bool
    closes: bool  # some node is closed, or works in part, at some time
    lossy: bool
    priced: bool  # some price differs from the list price at some time

    @classmethod
    def on(cls, constants: Constants, path: SamplePath) -> Rules:
        """The rules of a run on a path."""
        world = constants.world
        gate = path.lane_open * path.node_open[:, world.source]
        closes = bool((path.node_open < 1).any())
        return cls(
            **vars(constants),
            path=path,
            gate=gate,
            lane_limited=world.lane_limit.binds or bool((gate < 1).any()),
            receives_in_part=world.storage_limit.binds or closes,
            closes=closes,
            lossy=bool((path.good < 1).any()),
            priced=bool((path.price_factor != 1).any()),
        )

    @property
    def never(self) -> frozenset[str]:
        """Recorded quantities that stay zero, because nothing in this run causes them."""
        causes = {
            "scrapped": self.lossy,
            "wasted": self.perishable or self.receives_in_part,
            "substituted": self.swaps,
            "setups": self.producing,
            "surcharge": self.priced,
            "carrier": self.some_carrier,
        }
        return frozenset(name for name, caused in causes.items() if not caused)

    def claims(self, units: Floats) -> Floats:
        """Stock of the source that lane quantities use up: (lane, product)."""
        return units if self.plain else self.world.recipes.claims(units)

    def within_lanes(self, want: Floats, t: int) -> Floats:
        """Wishes scaled down to the lanes' capacity, and to the share of it that is open."""
        if not self.lane_limited:
            return want
        world = self.world
        share = self.gate[t]
        if world.lane_limit.binds:
            lost = world.setup_units * (want > DUST).sum(axis=1) if self.sets_up else 0.0
            share = share * world.lane_limit.share(want, lost)
        scaled: Floats = want * share[:, None]
        return scaled

    def proportional(self, want: Floats, stock: Floats) -> Floats:
        """Share the stock of each node among plain lanes in proportion to what they want."""
        world = self.world
        within = np.minimum(want, stock.take(world.source, 0))
        if self.all_sole:
            return within
        ratio = np.minimum(stock / np.maximum(world.outbound.total(want), TINY), 1.0)
        granted: Floats = want * ratio.take(world.source, 0)
        np.copyto(granted, within, where=self.sole)
        return granted

    def within_making(self, granted: Floats, t: int) -> Floats:
        """Scale down to what the factories that make to order can make."""
        world = self.world
        made = np.add.reduce(granted, axis=1)
        if not self.independent:
            made = world.outbound.total(made).take(world.source)
        capacity = self.makes
        if self.closes:
            works = self.path.node_open[t]
            capacity = capacity * np.where(works > 0, works, 1.0)[world.source]
        scaled: Floats = granted * np.minimum(capacity / np.maximum(made, TINY), 1.0)[:, None]
        return scaled

    def scrapped(self, shipped: Floats, t: int) -> Floats | None:
        """What of a shipment will never arrive in good order: (lane, product)."""
        if not self.lossy:
            return None
        lost: Floats = shipped * (1.0 - self.path.good[t])[:, None]
        return np.rint(lost) if self.world.model.integral else lost

    def surcharge(self, shipped: Floats, t: int) -> Floats:
        """Money above the list price: (lane,)."""
        listed = (self.world.prices.transfer * shipped).sum(axis=1)
        paid: Floats = listed * (self.path.price_factor[t] - 1.0)
        return paid

    def setups(self, shipped: Floats) -> Floats:
        """Products whose production to stock was started: (lane,)."""
        return np.where(self.world.produces, (shipped > DUST).sum(axis=1), 0.0)

    def received(self, dock: Floats, on_hand: Floats, t: int) -> tuple[Floats, Floats]:
        """What goes on hand, and what leaves the dock (the destroyed included): (lane, product)."""
        world = self.world
        taken = dock
        if world.storage_limit.binds:
            incoming = world.inbound.total(dock)
            share = world.storage_limit.share(incoming, world.storage_limit.load(on_hand))
            taken = dock * share[world.destination][:, None]
            taken = np.floor(taken + 1e-9) if world.model.integral else taken
        works = (self.path.node_open[t] > 0)[world.destination][:, None]
        taken = np.where(works, taken, 0.0) if self.closes else taken
        destroys = (world.destroys[world.destination])[:, None] & works
        return taken, np.where(destroys, dock, taken)

    def working(self, t: int) -> Floats | float:
        """Share of the customers that each node can serve: (node, 1)."""
        return self.path.node_open[t][:, None] if self.closes else 1.0


def _zeros(world: World) -> Floats:
    zeros = np.zeros((len(world.nodes), len(world.products)))
    zeros.setflags(write=False)
    return zeros
