"""Customers in the program of a sample path: sales, backlog, and what they take instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from twin.engine.serving import swaps

if TYPE_CHECKING:
    from agents.baselines.oracle_network import NetworkProgram

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


class Customers:
    """The variables of customers' demand; what is lost is the demand less the sales."""

    def __init__(self, network: NetworkProgram) -> None:
        world, path = network.world, network.path
        self._network = network
        self.pairs = self._swapped()  # (node, wanted, instead, share) of each substitution
        self.node, self.product = np.nonzero(self._asked())
        self.demand = path.demand[:, self.node, self.product]
        self.lost = world.lost[self.node]
        self.works = path.node_open[:, self.node]
        self._sale = network.over_time(world.prices.sale[self.node, self.product])
        self._penalty = network.over_time(world.prices.penalty[self.node, self.product])
        self.sold, self.backlog = self._variables()  # both (period, customer)
        self.swapped = self._substitution()  # (period, pair)
        self._serve_what_works()

    def add_sales(self, row: Ints, sign: float) -> None:
        """Add sales from stock, to rows (period, node, product)."""
        limited = np.flatnonzero(~self._network.world.unlimited[self.node])
        place = row[:, self.node[limited], self.product[limited]]
        self._network.program.add(place, self.sold[:, limited], sign)

    def _swapped(self) -> list[tuple[int, int, int, float]]:
        wanted = np.logical_or.reduce(self._network.path.demand > 0, axis=0)
        return [
            (int(node), product, instead, share)
            for product, instead, share in swaps(self._network.world)
            for node in np.flatnonzero(wanted[:, product])
        ]

    def _asked(self) -> NDArray[np.bool_]:
        asked: NDArray[np.bool_] = np.logical_or.reduce(self._network.path.demand > 0, axis=0)
        for node, _, instead, _ in self.pairs:
            asked[node, instead] = True
        return asked

    def _variables(self) -> tuple[Ints, Ints]:
        program, demand, lost = self._network.program, self.demand, self.lost
        self._network.constant += float((self._penalty * demand)[:, lost].sum())
        sold = program.variables(demand.shape, -self._sale - np.where(lost, self._penalty, 0.0))
        most = np.where(lost, 0.0, np.inf)
        backlog = program.variables(demand.shape, self._penalty, most)
        self._owed = program.rows(demand.shape, np.where(lost, -np.inf, demand), demand)
        program.add(self._owed, sold, 1.0)
        program.add(self._owed, backlog, 1.0)
        program.add(self._owed[1:], backlog[:-1], -1.0)
        return sold, backlog

    def _place(self, node: int, product: int) -> int:
        return int(np.flatnonzero((self.node == node) & (self.product == product))[0])

    def _substitution(self) -> Ints:
        """Demand that moves to another product: at most its share of what is asked for."""
        program = self._network.program
        share = np.array([share for *_, share in self.pairs])
        wanted = [self._place(node, product) for node, product, _, _ in self.pairs]
        instead = [self._place(node, other) for node, _, other, _ in self.pairs]
        fined = np.where(self.lost, self._penalty, 0.0)
        # Customers of a closed node go home.
        most = np.where(self.works[:, wanted] > 0, np.inf, 0.0)
        cost = fined[:, instead] - fined[:, wanted]
        moved = program.variables(most.shape, cost, most)
        program.add(self._owed[:, wanted], moved, 1.0)
        program.add(self._owed[:, instead], moved, -1.0)
        part = program.rows(most.shape, -np.inf, share * self.demand[:, wanted])
        program.add(part, moved, 1.0)
        program.add(part[1:], self.backlog[:-1, wanted], -share)
        self.swaps = list(zip(wanted, instead, strict=True))  # customers
        return moved

    def _serve_what_works(self) -> None:
        """A node that works in part serves its share of those who ask, a closed one nobody."""
        program = self._network.program
        part = self.works < 1
        if not part.any():
            return
        most = np.where(part, self.works * self.demand, np.inf)
        row = program.rows(most.shape, -np.inf, most)
        program.add(row, self.sold, 1.0)
        program.add(row[:, [instead for _, instead in self.swaps]], self.swapped, -1.0)
        program.add(row[1:], self.backlog[:-1], -np.where(part, self.works, 0.0)[1:])
