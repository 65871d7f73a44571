"""The kill switch: takes agents out of control, effective before the next side effect.

A killed agent emits nothing of its own: no call leaves it, what it has sent and what waits in the
server's inbox is void, and its lanes run by the static policy, or stand still. Revived, it acts
from the next epoch on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from twin.env.agents import AgentSpec
from twin.errors import UsageError
from twin.scenario.findings import did_you_mean

SWARM = "swarm"
"""The target that means every agent."""
MAX_EVENTS = 10_000
"""Events kept; beyond it the oldest are dropped."""
Standby = Literal["static", "stop"]
"""What runs a killed agent's lanes: the static policy, or nothing at all."""


@dataclass(frozen=True)
class KillEvent:
    """One use of the switch."""

    at: float  # simulated days
    what: Literal["kill", "revive"]
    target: str
    agents: tuple[str, ...]
    standby: Standby
    by: str  # who used it
    reason: str


class KillSwitch:
    """Who is killed; targets are an agent, a node or fleet, a role, or the swarm."""

    def __init__(self, specs: tuple[AgentSpec, ...]) -> None:
        self.events: deque[KillEvent] = deque(maxlen=MAX_EVENTS)
        self.used = 0
        self._specs = specs
        self._killed: dict[str, Standby] = {}

    def is_killed(self, agent: str) -> bool:
        """Whether an agent is out of control."""
        return agent in self._killed

    @property
    def killed(self) -> frozenset[str]:
        """The agents that are out of control."""
        return frozenset(self._killed)

    @property
    def stopped(self) -> frozenset[str]:
        """The killed agents whose lanes stand still."""
        return frozenset(agent for agent, mode in self._killed.items() if mode == "stop")

    def agents_of(self, target: str) -> tuple[str, ...]:
        """The agents that a target means; raises UsageError when it means none.

        A name that fits in several ways (a node called ``dispatch``) means all of them.
        """
        names = {spec.name: {spec.name, spec.entity, spec.role, SWARM} for spec in self._specs}
        meant = tuple(agent for agent, known in names.items() if target in known)
        if not meant:
            known = sorted({name for group in names.values() for name in group})
            hint = did_you_mean(target, known)
            raise UsageError("no agent to kill", "target", repr(target), "", hint)
        return meant

    def kill(self, at: float, target: str, standby: Standby, by: str, reason: str) -> set[str]:
        """Kill; the agents that were not killed before."""
        agents = self.agents_of(target)
        new = set(agents) - self._killed.keys()
        self._killed.update(dict.fromkeys(agents, standby))
        self.used += 1
        self._note(KillEvent(at, "kill", target, agents, standby, by, reason))
        return new

    def revive(self, at: float, target: str, by: str, reason: str) -> set[str]:
        """Give control back; the agents that were killed before."""
        agents = self.agents_of(target)
        back = set(agents) & self._killed.keys()
        self._forget(back)
        self._note(KillEvent(at, "revive", target, agents, "static", by, reason))
        return back

    def _forget(self, agents: Iterable[str]) -> None:
        for agent in agents:
            del self._killed[agent]

    def _note(self, event: KillEvent) -> None:
        self.events.append(event)
