"""An episode with its faults in place: the path, the policy, the channel, the people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stress.case import Strike
from stress.catalogue import ActorFault, ChannelFault, PeopleFault, WorldFault, build_fault
from stress.catalogue.actors import FaultyPolicy
from stress.catalogue.layers import FaultLayer
from stress.felt import felt_periods, struck_periods
from twin.env.policy import Policy
from twin.exogenous.path import SamplePath, draw_path
from twin.network.world import World

if TYPE_CHECKING:
    from agents.gateway.episode import Outcome
    from agents.gateway.incident import Incident


KILL = "actor.kill_switch"


@dataclass(frozen=True)
class Counts:
    """How often a fault struck, and how often that was noticed."""

    fired: int
    seen: int


class Disturbed:
    """What ``run_through_tools`` needs for one episode with some faults."""

    def __init__(self, world: World, policy: Policy, seed: int, strikes: Sequence[Strike]) -> None:
        self.path: SamplePath = draw_path(world, seed)
        self.policy = policy
        self.layers: list[FaultLayer] = []
        self.incidents: list[Incident] = []
        self._silent: set[str] = set()
        self._actors: list[FaultyPolicy] = []
        self._changes: dict[str, tuple[SamplePath, SamplePath]] = {}
        for strike in strikes:
            self._apply(strike, world, seed)

    def counts(self, outcome: Outcome) -> dict[str, Counts]:
        """What became of each fault, by family.

        What the boundary notices is a failed attempt or a late answer. It cannot say which of
        several faults was at work, so that each of them is held to have been noticed.
        """
        noticed = sum(outcome.labels.values()) + outcome.late
        found = {}
        for layer in self.layers:
            loud = 0 if layer.name in self._silent else noticed
            found[layer.name] = Counts(layer.fired, layer.seen + loud)
        for actor in self._actors:
            found[actor.family] = Counts(actor.fired, actor.seen)
        for incident in self.incidents:
            found[incident.name] = Counts(incident.fired, _noticed_by(incident.name, outcome))
        for family, (before, after) in self._changes.items():
            felt = felt_periods(before, after, outcome.ledger)
            found[family] = Counts(struck_periods(before, after), felt)
        return found

    def _apply(self, strike: Strike, world: World, seed: int) -> None:
        fault = build_fault(strike.family, dict(strike.parameters))
        severity, window = strike.severity, strike.window
        if fault.silent:
            self._silent.add(strike.family)
        if isinstance(fault, WorldFault):
            before = self.path
            self.path = fault.transform(world, before, severity, seed, window)
            self._changes[strike.family] = (before, self.path)
        elif isinstance(fault, ChannelFault):
            self.layers.append(fault.layer(severity, window))
        elif isinstance(fault, PeopleFault):
            self.incidents.append(fault.incident(severity, window))
        elif isinstance(fault, ActorFault):
            actor = fault.wrap(self.policy, world, severity, window)
            self._actors.append(actor)
            self.policy = actor


def _noticed_by(incident: str, outcome: Outcome) -> int:
    """Kills that took place; requests for approval that were denied, or that nobody answered."""
    if incident == KILL:
        return outcome.kills
    return outcome.approvals.get("denied", 0) + outcome.approvals.get("timeout", 0)
