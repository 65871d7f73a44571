"""The team's cost by agent and part, and three ways to reward an agent for it.

Every node belongs to at most one replenishing agent, and the trips of a fleet to its dispatcher;
what nobody decides about is left over under ``UNASSIGNED``. Transfers between nodes are income here
and expense there, so the parts of all owners sum to the team's cost.

    local       what happened in the agent's own books
    team        what happened in everybody's
    difference  the team's cost less what it would be with the agent on the static rule, everybody
                else reacting (closed-loop replay; Wolpert & Tumer 2002, difference rewards)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.credit.shapley import Contributions
from twin.engine.ledger import PeriodLedger
from twin.engine.money import PARTS, Accounts
from twin.env.agents import AgentSpec, agent_specs
from twin.network.world import World

Floats = NDArray[np.float64]
UNASSIGNED = "(no agent)"


def _sign(part: str) -> float:
    """1 for a cost, -1 for an income: what a unit of it takes from the profit."""
    unit = Accounts(**{name: float(name == part) for name in PARTS})
    return -float(unit.profit)


SIGNS = {part: _sign(part) for part in PARTS}


@dataclass(frozen=True)
class Decomposition:
    """Cost less revenue per period by owner and part; income counts as negative cost."""

    owners: tuple[str, ...]
    """Agents in their order, then ``UNASSIGNED``."""
    parts: tuple[str, ...]
    cost: Floats  # (owner, part) money per period, mean over the ledgers

    @property
    def team(self) -> float:
        """Cost of the whole network per period."""
        return float(self.cost.sum())

    @property
    def local(self) -> Mapping[str, float]:
        """Cost of each owner per period."""
        return dict(zip(self.owners, self.cost.sum(axis=1).tolist(), strict=True))

    def of(self, owner: str) -> dict[str, float]:
        """The parts of one owner that are not zero."""
        row = self.cost[self.owners.index(owner)].tolist()
        return {part: value for part, value in zip(self.parts, row, strict=True) if value}


@dataclass(frozen=True)
class Rewards:
    """What each agent would be rewarded by, per period: minus cost. Each (agent,)."""

    agents: tuple[str, ...]
    local: Floats
    team: Floats
    difference: Floats


def decompose(world: World, ledgers: Iterable[PeriodLedger]) -> Decomposition:
    """Split the mean cost per period of some episodes; it sums to the team's."""
    specs = agent_specs(world)
    nodes = _owner_of_nodes(world, specs)
    lanes = _owner_of_trips(world, specs, nodes)
    cost, count = np.zeros((len(specs) + 1, len(PARTS))), 0
    for ledger in ledgers:
        count += 1
        for p, part in enumerate(PARTS):
            if part == "trips":
                spent = world.prices.trip * ledger.quantities.trips.mean(axis=0)  # (lane,)
                np.add.at(cost[:, p], lanes, spent)
                continue
            money = getattr(ledger.accounts, part).mean(axis=0)  # (node,)
            np.add.at(cost[:, p], nodes, SIGNS[part] * money)
    owners = (*(spec.name for spec in specs), UNASSIGNED)
    return Decomposition(owners, PARTS, cost / max(count, 1))


def rewards(split: Decomposition, found: Contributions) -> Rewards:
    """The three rewards per agent, from the books and from the replay of the same policy."""
    local = -np.array([split.local[name] for name in found.agents])
    team = np.full(len(found.agents), -float(found.cost.mean()))
    return Rewards(found.agents, local, team, found.without.mean(axis=0))


def _owner_of_nodes(world: World, specs: Sequence[AgentSpec]) -> NDArray[np.intp]:
    """The row of each node's replenishing agent: (node,)."""
    owner = np.full(len(world.nodes), len(specs), dtype=np.intp)
    for row, spec in enumerate(specs):
        if spec.role == "replenish":
            owner[spec.index] = row
    return owner


def _owner_of_trips(
    world: World, specs: Sequence[AgentSpec], owner: NDArray[np.intp]
) -> NDArray[np.intp]:
    """The row of whoever pays for the trips on each lane: its dispatcher, else the depot's."""
    found = owner[world.source]
    for row, spec in enumerate(specs):
        if spec.role == "dispatch":
            found[spec.lanes] = row
    return found
