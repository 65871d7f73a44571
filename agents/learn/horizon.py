"""Networks side by side on given sample paths, one epoch after the other, in plain numpy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.learn.absence import Flags, absent_of
from agents.learn.batch import Array
from agents.learn.counterfactual import part_of, side_by_side
from agents.learn.decided import Decision
from agents.learn.decode import Decoder
from agents.learn.memory import Memory
from agents.learn.setup import Setup
from agents.learn.sight import Sight
from twin.engine.batch import BatchEngine, BatchPath, stack_paths
from twin.engine.batch_drawn import drawn_path
from twin.env.observe import global_vector
from twin.env.rules import OrderingRule, lane_orders
from twin.exogenous.path import draw_path
from twin.exogenous.variates import NumpyDraws
from twin.network.world import World

Floats = NDArray[np.float64]


class Horizon:
    """Networks on their way from the first to the last epoch, B of them with agents.

    ``vector`` is the global vector of the current epoch with a zero appended: (state + 1, B). After
    the last decision it is the true final one. With a ``sight`` what agents see stands after it.
    It is made when somebody looks: the static policy does not.
    """

    def __init__(
        self,
        setup: Setup,
        world: World,
        path: BatchPath,
        killed: Flags | None = None,
        sight: Sight | None = None,
        engine: Any | None = None,
        unmanned: int = 0,
    ) -> None:
        """``killed`` (period, agent, B) says which agents are out of control when, besides down.

        ``engine`` is what plays the networks, by default the batch engine. After those with agents
        come ``unmanned`` ones, which the static policy plays by what agents would be shown.
        """
        self.setup = setup
        self.manned = path.replications - unmanned
        self.absent = absent_of(setup, path, killed, unmanned)
        self.memory = Memory(setup.groups, setup.units, self.manned)
        self.world = world
        self.sight = sight
        self.rule = OrderingRule("base_stock", setup.levels[None, :, :, None])
        self.engine = engine or BatchEngine(world, path, keep_rows=False)
        self.decisions: list[Decision] = []
        self.over = False
        self._vector: Array | None = None
        self._before: Array | None = None
        self._position: Array | None = None
        self._advance()

    @property
    def t(self) -> int:
        """The current epoch."""
        return self.engine.t

    @property
    def vector(self) -> Any:
        """What can be seen at the current epoch: (state + 1, B), or more with a ``sight``."""
        return self._whole[:, : self.manned]

    @property
    def _whole(self) -> Any:
        if self._vector is None:
            vector = global_vector(self.world, self.engine, np, self._before)
            padded = np.concatenate([vector, np.zeros_like(vector[:1])])
            self._vector = self.sight.seen(self.t, padded) if self.sight else padded
        return self._vector

    @property
    def _positions(self) -> Any:
        """True inventory positions of all networks: (node, product, columns)."""
        if self._position is None:
            self._position = self.engine.inventory_position()
        return self._position

    @property
    def alive(self) -> Flags:
        """Who is in control at the current epoch, in the order of the groups: (agent, B)."""
        count = self.engine.path.replications
        if self.absent is None:
            alive = np.ones((self.setup.agents, count), dtype=np.bool_)
        else:
            alive = self.absent.alive[self.t]
        alive = alive if self.sight is None else self.sight.in_control(self.setup, alive)
        return alive[:, : self.manned]

    def possible(self, g: int) -> Flags | None:
        """What the agents of a group can choose: (agent, action, choice, B); None: always all."""
        if not self.setup.masks:
            return None
        group, masks = self.setup.groups[g], self.setup.masks[g]
        shape = (*group.used.shape, masks[0].grid.shape[1], self.vector.shape[-1])
        found = np.zeros(shape, dtype=np.bool_)
        for i, mask in enumerate(masks):
            seen = self.vector[group.places[i, : mask.codec.spec.size]]
            found[i, : mask.codec.action_size] = mask.possible(seen)
        return found

    @cached_property
    def _decoder(self) -> Decoder:
        position = self._positions[..., : self.manned]
        return Decoder(self.setup, position, np, self.sight is not None)

    def static_decision(self) -> Decision:
        """What the network does where no agent decides: order up to the levels, no truck waits."""
        return self._static(self._positions)

    def _static(self, position: Any) -> Decision:
        orders = lane_orders(self.world, self.rule.orders(position, self.t)).astype(position.dtype)
        nothing = np.zeros((len(self._fleet), orders.shape[-1]), dtype=position.dtype)
        return orders, nothing + self._fleet.astype(position.dtype), nothing

    @cached_property
    def _fleet(self) -> Floats:
        """Vehicles that each lane may take at most: (lane, 1)."""
        world = self.world
        count = np.array([float(f.vehicles) for f in world.fleets] + [0.0])
        return count[world.fleet_of][:, None]

    def static_by_sight(self) -> Decision:
        """What the network does where agents follow the static policy by what they are shown."""
        static = self.static_decision()
        if self.sight is None or self.sight.now is None:
            return static
        orders, seen = static[0].copy(), self._whole
        for group in self.setup.groups:
            for i, codec in enumerate(group.codecs):
                spec = codec.spec
                if spec.role == "replenish":
                    position = spec.position(seen[group.places[i, : spec.size]])
                    gap = np.maximum(self.setup.levels[spec.index][:, None] - position, 0.0)
                    orders[spec.lanes] = codec.split(gap).reshape(orders[spec.lanes].shape)
        return self.sight.held((orders, *static[1:]), static)

    def decision(self, actions: Sequence[Array], static: Decision | None = None) -> Decision:
        """The network's decision where each group's agents act: (agent, action, B) per group.

        ``static`` is the ``static_decision`` of this epoch, where it is known already.
        """
        position, manned = self._positions, self.manned
        decision = self._decoder(position[..., :manned], self.vector, actions)
        if manned < position.shape[-1]:
            decision = side_by_side(decision, self.unmanned_decision(static))
        if self.sight is not None and self.sight.holds:
            decision = self.sight.held(decision, self.static_decision())
        if self.absent is not None:
            self.absent.stand_by(decision, self.static_decision(), self.t)
        return decision

    def unmanned_decision(self, static: Decision | None = None) -> Decision:
        """What the static policy does in the networks that have no agents."""
        columns = slice(self.manned, None)
        if self.sight is None and static is not None:
            return part_of(static, columns)
        if self.sight is None:
            return self._static(self._positions[..., columns])
        return part_of(self.static_by_sight(), columns)

    def step(self, decision: Decision) -> Floats:
        """Finish the period and go to the next epoch; the nodes' profit: (B, node)."""
        self.engine.decide(*decision)
        self.decisions.append(decision)
        profit: Floats = self.engine.profit_row().T
        self._advance()
        return profit

    def _advance(self) -> None:
        seen = self.engine.advance()
        self.over = not seen or self.engine.t >= self.setup.world.periods
        if not seen:
            return
        self._before, self._vector, self._position = self._vector, None, None
        if self.sight is not None:
            _ = self._whole  # it remembers what was true, to show it late


def paths(world: World, seeds: Sequence[int], dtype: Any = None) -> BatchPath:
    """The sample paths of some seeds."""
    return stack_paths(world, [draw_path(world, seed) for seed in seeds], np, dtype)


def drawn_together(world: World, seeds: range, own: slice, device: str) -> BatchPath:
    """Other sample paths of the same distribution, drawn for all networks at once on a device."""
    if device == "cpu":
        return drawn_path(world, NumpyDraws(seeds[0]), seeds, own, np.float32)
    from agents.learn.device_draws import host_path

    return host_path(world, seeds, own, device)


def static_profit(
    setup: Setup, world: World, path: BatchPath, sight: Sight | None = None
) -> Floats:
    """Profit of the static policy on given paths, by what agents are shown: (period, B, node)."""
    horizon = Horizon(setup, world, path, sight=sight.repeated(1) if sight else None)
    rows = []
    while not horizon.over:
        rows.append(horizon.step(horizon.static_by_sight()))
    return np.stack(rows)
