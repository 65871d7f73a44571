"""What plays beside the training networks, on the same sample paths, in one wide batch.

    block          networks in which                              for
    0              every agent acts                               learning
    1 .. agents    one agent each plays the static policy         difference rewards
    last           the static policy plays alone                  the control variate

Twins run closed loop with the networks' exploration noise: the other agents react to the
replacement. What a twin earns depends on nothing that its agent does in training, so subtracting it
changes no expected gradient, only the noise. Small arrays cost hardly more when they are wider, so
all blocks are stepped together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from twin.engine.batch import BatchPath
from twin.env.agents import AgentSpec

if TYPE_CHECKING:
    from agents.learn.decided import Decision

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
ROLES = ("replenish", "dispatch")


def widened(path: BatchPath, copies: int) -> BatchPath:
    """Each sample path several times over, copies in blocks."""
    found: BatchPath = replace(
        path,
        **{name: np.tile(x, copies) for name, x in vars(path).items() if isinstance(x, np.ndarray)},
    )
    return found


@dataclass(frozen=True)
class Blocks:
    """The blocks of a wide batch, of ``count`` networks each."""

    count: int
    lanes: int
    specs: tuple[AgentSpec, ...]  # agents that have twins
    static: bool  # whether the static policy plays beside them

    @property
    def copies(self) -> int:
        """How often each sample path is played."""
        return 1 + len(self.specs) + self.static

    @property
    def unmanned(self) -> int:
        """Networks at the end that have no agents."""
        return self.count * self.static

    @property
    def networks(self) -> slice:
        """The columns that are learnt from."""
        return slice(0, self.count)

    @property
    def twins(self) -> slice:
        """The columns of all twins, agent by agent."""
        return slice(self.count, self.count * (1 + len(self.specs)))

    @cached_property
    def replaced(self) -> tuple[Flags, Flags]:
        """Whose orders, and whose vehicles, are the static policy's in twins: (lane, column)."""
        found = {
            role: np.zeros((self.lanes, self.count * self.copies), dtype=np.bool_) for role in ROLES
        }
        for i, spec in enumerate(self.specs):
            found[spec.role][spec.lanes, (i + 1) * self.count : (i + 2) * self.count] = True
        return found["replenish"], found["dispatch"]

    def without_each(self, decision: Decision, static: Decision) -> Decision:
        """The decision with each twin's own agent replaced by the static policy."""
        orders, bookings = self.replaced
        return (
            np.where(orders[:, None], static[0], decision[0]),
            np.where(bookings, static[1], decision[1]),
            np.where(bookings, static[2], decision[2]),
        )

    def without(self, profit: Floats) -> Floats:
        """The team's profit without each agent, (B, agent), from that of all blocks."""
        team: Floats = profit[self.twins].sum(axis=1)
        return team.reshape(len(self.specs), self.count).T


def part_of(decision: Decision, columns: slice) -> Decision:
    """Some columns of a decision."""
    orders, vehicles, min_load = (part[..., columns] for part in decision)
    return orders, vehicles, min_load


def side_by_side(*decisions: Decision) -> Decision:
    """Decisions for some networks, and then for others."""
    orders, vehicles, min_load = (
        np.concatenate(parts, axis=-1) for parts in zip(*decisions, strict=True)
    )
    return orders, vehicles, min_load
