"""High-risk orders: which wishes need a person's approval, and what may be ordered without one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.env.agents import AgentSpec
from twin.network.world import World

Floats = NDArray[np.float64]
DUST = 1e-9
"""An order may exceed a limit by this share: a sum of parts that were cut down to it."""


@dataclass(frozen=True)
class Excess:
    """A rule that a wish trips, and by how much."""

    rule: str  # the field of the scenario's RiskRule
    times: float  # what is wished, as a multiple of the limit; infinite for a switch


@dataclass(frozen=True)
class RiskLimits:
    """What one agent may order on its own."""

    units: float  # per period, infinite without a rule
    spend: float  # money per period, infinite without a rule
    usual: frozenset[int]  # own lanes from which most may come; empty without a rule
    price: Floats  # (lane x product,) money per unit ordered
    fixed: Floats  # (lane,) money per order
    integral: bool

    def excess(self, wish: Sequence[float] | Floats) -> tuple[Excess, ...]:
        """The rules that a wish (lane x product,) trips."""
        amounts = np.asarray(wish, dtype=np.float64)
        found = []
        if (units := float(amounts.sum())) > self.units * (1 + DUST):
            found.append(Excess("order_above", units / self.units))
        if math.isfinite(self.spend) and (spend := self._spend(amounts)) > self.spend * (1 + DUST):
            found.append(Excess("spend_above", spend / self.spend))
        if self.usual and units > 0 and self._main(amounts) not in self.usual:
            found.append(Excess("supplier_switch", math.inf))
        return tuple(found)

    def capped(self, orders: Floats) -> Floats:
        """Orders (lane, product) cut down, all in proportion, to what needs no approval."""
        fixed = self._fixed(orders)
        variable = float(orders.ravel() @ self.price)
        share = min(1.0, self.units / max(float(orders.sum()), DUST))
        if fixed + variable > self.spend:
            share = min(share, max(0.0, self.spend - fixed) / max(variable, DUST))
            share *= fixed <= self.spend
        if share >= 1.0:
            return orders
        return np.floor(share * orders) if self.integral else share * orders

    def _spend(self, amounts: Floats) -> float:
        return float(amounts @ self.price) + self._fixed(amounts)

    def _fixed(self, amounts: Floats) -> float:
        lanes = amounts.reshape(len(self.fixed), -1).sum(axis=1)
        return float(self.fixed[lanes > 0].sum())

    def _main(self, amounts: Floats) -> int:
        """The own lane that most is ordered on."""
        return int(np.argmax(amounts.reshape(len(self.fixed), -1).sum(axis=1)))


def risk_limits(world: World, specs: tuple[AgentSpec, ...]) -> dict[str, RiskLimits]:
    """The limits of every agent that orders; empty where the scenario has no rule."""
    rules = world.model.tools.high_risk
    if not rules:
        return {}
    units = min((rule.order_above or math.inf for rule in rules), default=math.inf)
    spend = min((rule.spend_above or math.inf for rule in rules), default=math.inf)
    switch = any(rule.supplier_switch for rule in rules)
    price = world.prices.transfer + world.prices.freight
    return {
        spec.name: RiskLimits(
            units=units,
            spend=spend,
            usual=_usual(world.share[spec.lanes]) if switch else frozenset(),
            price=np.broadcast_to(price[spec.lanes], (len(spec.lanes), spec.products)).ravel(),
            fixed=np.broadcast_to(world.prices.order, len(world.lanes))[spec.lanes],
            integral=world.model.integral,
        )
        for spec in specs
        if spec.role == "replenish"
    }


def _usual(share: Floats) -> frozenset[int]:
    """The lanes with the largest share of the static policy's orders."""
    return frozenset(np.flatnonzero(share >= share.max(initial=0.0)).tolist())
