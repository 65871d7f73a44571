"""actor.kill_switch: a person takes agents out of control for a while, and gives it back."""

from __future__ import annotations

from typing import ClassVar, Literal

from agents.gateway.gateway import Gateway
from agents.gateway.incident import Incident
from stress.catalogue.base import ROUNDING, PeopleFault, Window
from stress.catalogue.spells import Spells, shared_spells
from stress.catalogue.targets import Targets
from twin.exogenous.streams import stream
from twin.network.world import World
from twin.scenario.quantities import PositiveDays

Standby = Literal["static", "stop"]


class KillSwitchUse(Targets, PeopleFault):
    """Kill each agent for the ladder's share of the time, in spells, and revive it after them."""

    family: ClassVar[str] = "actor.kill_switch"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.02, 0.05, 0.10, 0.20, 0.40)
    unit: ClassVar[str] = "share of the agents killed at any time"
    duration: PositiveDays = 3.0
    """Mean time until an agent is revived."""
    standby: Standby = "static"
    """What runs a killed agent's lanes: the static policy, or nothing at all."""

    def incident(self, severity: int, window: Window) -> Incident:
        """Somebody at the switch."""
        return _AtTheSwitch(self, severity, window)


class _AtTheSwitch(Incident):
    def __init__(self, fault: KillSwitchUse, severity: int, window: Window) -> None:
        self.name = fault.family
        self.fired = 0
        self._fault = fault
        self._share = fault.at(severity)
        self._window = window
        self._period_d = 1.0
        self._spells: dict[str, Spells] = {}
        self._killed: set[str] = set()

    def start(self, seed: int, world: World, gateway: Gateway) -> None:
        """Begin an episode: draw who is killed when."""
        self.fired, self._killed = 0, set()
        self._period_d = world.period_d
        names = [spec.name for spec in gateway.specs]
        chosen = self._fault.chosen(names, stream(seed, f"fault/{self.name}/targets"))
        rng = stream(seed, f"fault/{self.name}/spells")
        self._spells = shared_spells(
            rng, chosen, 0.0, self._window, self._share, self._fault.duration
        )

    def epoch(self, t: int, gateway: Gateway) -> None:
        """Kill and revive as planned, before anybody has acted."""
        now = t * self._period_d + ROUNDING
        for agent, spells in self._spells.items():
            down = self._window.covers(now) and spells.end_of(now) is not None
            if down and agent not in self._killed:
                gateway.kill(agent, self._fault.standby, by=self.name, reason="drill")
                self._killed.add(agent)
                self.fired += 1
            elif not down and agent in self._killed:
                gateway.revive(agent, by=self.name, reason="drill")
                self._killed.discard(agent)
