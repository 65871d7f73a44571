"""All agents of a network at once: one gather for what they see, one pass for what they order.

Means what each agent's ``Codec`` means on its own, to the last bit (a law with a test); per agent
it costs as much as the event engine itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.engine.decision import Decision
from twin.env.act import BOUND, Codec, merge_wishes
from twin.env.agents import AgentSpec
from twin.env.episode import observation
from twin.errors import UsageError
from twin.network.world import World

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
CORRECTION = "base_stock_correction"


class JointObservations:
    """Scaled observations of all agents from the global vector."""

    def __init__(self, codecs: Mapping[str, Codec]) -> None:
        # The ages stand nowhere in the global vector: with direct access they are zero, as is the
        # factor of their places.
        places = [np.append(c.spec.places, [0] * len(c.spec.reads)) for c in codecs.values()]
        self._places = np.concatenate(places).astype(np.intp)
        self._scale = np.concatenate([codec.scale for codec in codecs.values()])
        ends = np.cumsum([len(part) for part in places]).tolist()
        starts = [0, *ends[:-1]]
        self._parts = {
            name: slice(start, end) for name, start, end in zip(codecs, starts, ends, strict=True)
        }

    def __call__(self, vector: Floats) -> dict[str, NDArray[np.float32]]:
        """Each agent's observation: (observation,)."""
        seen = (vector.take(self._places) * self._scale).astype(np.float32)
        return {name: seen[part] for name, part in self._parts.items()}


class JointOrders:
    """Orders of the agents that correct a base-stock level, all in one pass."""

    def __init__(self, world: World, codecs: Mapping[str, Codec]) -> None:
        chosen = [c for c in codecs.values() if _corrects(c)]
        self.names = tuple(codec.spec.name for codec in chosen)
        products = len(world.products)
        self._actions = np.zeros((len(chosen), products))
        self._level = _stacked([codec.level for codec in chosen], products)
        self._reach = _stacked([codec.range * codec.flow for codec in chosen], products)
        self.lanes: Ints = np.concatenate([_NONE, *(codec.spec.lanes for codec in chosen)])
        shares = [codec.share.reshape(len(codec.spec.lanes), -1) for codec in chosen]
        self._share = np.concatenate(shares) if shares else np.zeros((0, 1))
        counts = [len(codec.spec.lanes) for codec in chosen]
        self._agent = np.repeat(np.arange(len(chosen)), counts)
        specs = [codec.spec for codec in chosen]
        own = [_places(specs, "inventory.read", field) for field in ("on_hand", "owed")]
        coming = [_places(specs, "orders.read", field) for field in ("waiting", "in_transit")]
        self._read = np.concatenate([*own, *coming])
        # Agents with fewer lanes than another have places below zero.
        self._real = (np.stack(coming) >= 0).astype(np.float64)

    def __call__(self, vector: Floats, actions: Mapping[str, Any]) -> Floats:
        """Orders on ``lanes``: (lane, product); every agent of ``names`` must have an action."""
        for row, name in enumerate(self.names):
            self._actions[row] = actions[name]
        action = np.minimum(np.maximum(self._actions, -BOUND), BOUND)
        read = vector.take(self._read)
        on_hand, owed, lanes = read[0], read[1], read[2:].reshape(self._real.shape)
        waiting, in_transit = np.add.reduce(lanes * self._real, axis=1)
        position = on_hand - owed + (waiting + in_transit)
        wanted = np.maximum(self._level + self._reach * action - position, 0.0)
        orders: Floats = self._share * wanted.take(self._agent, 0)
        return orders


class JointDecision:
    """The decision of a network whose agents have chosen their scaled actions."""

    def __init__(self, world: World, codecs: Mapping[str, Codec]) -> None:
        self._world = world
        self._codecs = codecs
        self._orders = JointOrders(world, codecs)
        self._together = set(self._orders.names)
        self._all = tuple(codec.spec for codec in codecs.values())
        self._others = tuple(spec for spec in self._all if spec.name not in self._together)
        self._covers_lanes = len(self._orders.lanes) == len(world.lanes)
        self._place = np.argsort(self._orders.lanes)  # of each lane among those of the agents

    def __call__(
        self, static: Callable[[], Decision], vector: Floats, actions: Mapping[str, Any]
    ) -> Decision:
        """What the agents want on their own lanes; the static decision where no agent decides.

        Raises UsageError for an action of nobody.
        """
        if not actions.keys() <= self._codecs.keys():
            unknown = sorted(actions.keys() - self._codecs.keys())[0]
            known = ", ".join(self._codecs)
            raise UsageError("an action of an unknown agent", "step", repr(unknown), known)
        if not self._together or not actions.keys() >= self._together:
            return self._merged(static(), self._all, vector, actions)
        world = self._world
        if self._covers_lanes:
            decision = Decision.of_orders(world, self._orders(vector, actions).take(self._place, 0))
        else:
            base = static()
            orders = base.orders.copy()
            orders[self._orders.lanes] = self._orders(vector, actions)
            decision = Decision(orders, base.vehicles, base.min_load)
        return self._merged(decision, self._others, vector, actions) if self._others else decision

    def _merged(
        self,
        base: Decision,
        specs: tuple[AgentSpec, ...],
        vector: Floats,
        actions: Mapping[str, Any],
    ) -> Decision:
        wishes = {
            spec.name: self._wish(spec, vector, actions[spec.name])
            for spec in specs
            if spec.name in actions
        }
        return merge_wishes(self._world, base, specs, wishes)

    def _wish(self, spec: AgentSpec, vector: Floats, action: Any) -> Floats:
        seen = observation(spec, vector)
        wish: Floats = self._codecs[spec.name].decode(seen, np.asarray(action, dtype=np.float64))
        return wish


_NONE: Ints = np.zeros(0, dtype=np.intp)


def _corrects(codec: Codec) -> bool:
    return codec.spec.role == "replenish" and codec.form == CORRECTION


def _stacked(rows: list[Floats], products: int) -> Floats:
    return np.array(rows, dtype=np.float64).reshape(len(rows), products)


def _places(specs: list[AgentSpec], tool: str, field: str) -> Ints:
    """Places of a field in the global vector: (lane of the agent, agent, product); -1 for none."""
    rows = []
    for spec in specs:
        own = (read for read in spec.reads if (read.tool, read.entity) == (tool, spec.entity))
        read = next(own)
        rows.append(dict(read.fields)[field].reshape(-1, spec.products))
    most = max((len(row) for row in rows), default=1)
    products = specs[0].products if specs else 0
    found = np.full((most, len(specs), products), -1, dtype=np.intp)
    for agent, row in enumerate(rows):
        found[: len(row), agent] = row
    return found
