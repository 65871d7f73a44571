"""From an agent's numbers to orders and bookings, and from observations to network inputs.

    role       form                   action                        becomes
    replenish  base_stock_correction  (product,) in [-2, 2]         order up to level + range a flow
    replenish  order_quantity         (lane x product,) in [0, 1]   order a * max_order
    dispatch   (any)                  (lane,) in [-2, 2]            a > 0: last vehicle waits until
                                                                    a / 2 full; a < 0: at most
                                                                    vehicles * exp(range a) leave

Zero is the static policy's own decision in the correction form. ``flow`` is the node's mean flow
per period: noise on an order-up-to level becomes noise in the order, so a correction is measured in
days of flow and not in shares of a level that may cover many days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.engine.decision import Decision
from twin.env.agents import AgentSpec, agent_specs
from twin.env.observe import observation_scale
from twin.network.world import World

Floats = NDArray[np.float64]
BOUND = 2.0
DEFAULT_CAP = 4.0
"""order_quantity: the largest order, in multiples of the mean flow, where the lane has no limit."""


@dataclass(frozen=True)
class Codec:
    """How one agent's actions and observations are scaled.

    ``decode`` gives natural units: a replenishing agent's orders (lane x product, ...), a
    dispatcher's vehicles and then least loads (2 x lane, ...).
    """

    spec: AgentSpec
    form: str
    range: float
    level: Floats  # (product,) order-up-to level that action zero stands for
    share: Floats  # (lane, product) of the orders
    flow: Floats  # (product,) mean flow of the node per period, what a correction is measured in
    max_order: Floats  # (lane x product,)
    vehicles: float
    scale: Floats  # (observation,) factor; zero for the ages, which plain policies do not see

    @property
    def low(self) -> float:
        """Smallest action."""
        return 0.0 if self._quantities else -BOUND

    @property
    def high(self) -> float:
        """Largest action."""
        return 1.0 if self._quantities else BOUND

    @property
    def action_size(self) -> int:
        """Length of the action."""
        if self.spec.role == "dispatch":
            return len(self.spec.lanes)
        return len(self.max_order) if self._quantities else self.spec.products

    @property
    def wish_size(self) -> int:
        """Length of the decoded action."""
        if self.spec.role == "dispatch":
            return 2 * len(self.spec.lanes)
        return len(self.max_order)

    @property
    def _quantities(self) -> bool:
        return self.spec.role == "replenish" and self.form == "order_quantity"

    def scaled(self, observation: Any) -> Any:
        """Network input of a natural observation (numpy): (observation, ...)."""
        scale = self.scale.reshape((-1,) + (1,) * (observation.ndim - 1))
        return (observation * scale).astype(np.float32)

    def decode(self, observation: Any, action: Any, xp: Any = np) -> Any:
        """Orders or bookings that an action stands for, given the natural observation."""
        action = xp.clip(action, self.low, self.high)
        if self.spec.role == "dispatch":
            allowed = xp.round(self.vehicles * xp.exp(self.range * xp.clip(action, None, 0)))
            return xp.concatenate([allowed, xp.clip(action, 0, None) / BOUND], 0)
        if self._quantities:
            return action * self._column(self.max_order, action, xp)
        moved = self._column(self.range * self.flow, action, xp) * action
        level = self._column(self.level, action, xp) + moved
        return self.split(xp.clip(level - self.spec.position(observation), 0, None), xp)

    def split(self, quantity: Any, xp: Any = np) -> Any:
        """A node's order per product over its lanes, by share: (lane x product, ...)."""
        trailing = tuple(quantity.shape[1:])
        share = self._column(self.share.ravel(), quantity, xp).reshape(
            *self.share.shape, *(1,) * len(trailing)
        )
        return (share * quantity[None]).reshape(-1, *trailing)

    @staticmethod
    def _column(values: Floats, like: Any, xp: Any) -> Any:
        shape = (-1,) + (1,) * (like.ndim - 1)
        if xp is np:
            return values.reshape(shape)
        return xp.as_tensor(values, dtype=like.dtype, device=like.device).reshape(shape)


def codecs(world: World, levels: Floats | None = None, ages: bool = False) -> tuple[Codec, ...]:
    """One codec per agent; ``levels`` (node, product) replace the scenario's order-up-to levels.

    With ``ages`` the agents' networks see how old each answer is, the oldest that may be used as
    one; those of a fleet that has never met an old answer must not.
    """
    levels = world.order_up_to if levels is None else levels
    scale = observation_scale(world)
    age = 1.0 / max(world.model.tools.max_age, 1) if ages else 0.0
    return tuple(_codec(world, spec, levels, scale, age) for spec in agent_specs(world))


def _codec(world: World, spec: AgentSpec, levels: Floats, scale: Floats, age: float) -> Codec:
    action = world.model.agents.action
    flow = world.throughput[world.destination[spec.lanes]] * world.share[spec.lanes]
    limit = np.broadcast_to(world.lane_capacity[spec.lanes, None], flow.shape)
    cap = np.where(np.isfinite(limit), limit, np.maximum(DEFAULT_CAP * flow, 1.0))
    if action.max_order is not None:
        cap = np.full_like(cap, action.max_order)
    replenish = spec.role == "replenish"
    return Codec(
        spec=spec,
        form=action.form,
        range=action.range,
        level=levels[spec.index] if replenish else np.zeros(0),
        share=world.share[spec.lanes] if replenish else np.zeros((0, 0)),
        flow=world.throughput[spec.index] if replenish else np.zeros(0),
        max_order=cap.ravel() if replenish else np.zeros(0),
        vehicles=0.0 if replenish else float(world.fleets[spec.index].vehicles),
        scale=np.concatenate([scale[spec.places], np.full(len(spec.reads), age)]),
    )


def merge_wishes(
    world: World, base: Decision, specs: tuple[AgentSpec, ...], wishes: dict[str, Floats]
) -> Decision:
    """The decision of the network: the base decision with the agents' own lanes replaced."""
    orders, vehicles = base.orders.copy(), base.vehicles.copy()
    min_load = base.min_load.copy()
    for spec in specs:
        wish = wishes.get(spec.name)
        if wish is None:
            continue
        if spec.role == "replenish":
            orders[spec.lanes] = wish.reshape(len(spec.lanes), -1)
        else:
            vehicles[spec.lanes], min_load[spec.lanes] = wish.reshape(2, -1)
    return Decision(orders, vehicles, min_load)
