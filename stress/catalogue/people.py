"""What befalls the people whom agents ask, for as long as a window lasts."""

from __future__ import annotations

from dataclasses import dataclass

from agents.gateway.gateway import Gateway
from agents.gateway.incident import Incident
from stress.catalogue.base import ROUNDING, Window
from twin.network.world import World


@dataclass(frozen=True)
class Worse:
    """How much worse a person gets."""

    error: float = 0.0
    absent: float = 0.0
    slowdown: float = 1.0


class ApproverIncident(Incident):
    """An approver who is worse in a window and as before after it.

    ``fired`` counts the questions that fell into the window.
    """

    def __init__(self, family: str, window: Window, worse: Worse) -> None:
        self.name = family
        self.fired = 0
        self._window = window
        self._worse = worse
        self._before = Worse()
        self._period_d = 1.0
        self._asked = 0
        self._is_worse = False

    def start(self, seed: int, world: World, gateway: Gateway) -> None:
        """Begin an episode: remember the person as they are."""
        person = gateway.approver
        self.fired = self._asked = 0
        self._is_worse = False
        self._period_d = world.period_d
        self._before = Worse(person.error, person.absent, person.slowdown)

    def epoch(self, t: int, gateway: Gateway) -> None:
        """The person gets worse with the window, and better after it."""
        asked = gateway.desk.tally.approvals.total()
        self.fired += self._is_worse * (asked - self._asked)
        self._asked = asked
        inside = self._worse != Worse() and self._window.covers(t * self._period_d + ROUNDING)
        if inside != self._is_worse:
            self._is_worse = inside
            self._become(gateway, self._worst() if inside else self._before)

    def _worst(self) -> Worse:
        before, worse = self._before, self._worse
        return Worse(
            max(before.error, worse.error),
            max(before.absent, worse.absent),
            before.slowdown * worse.slowdown,
        )

    def _become(self, gateway: Gateway, person: Worse) -> None:
        gateway.approver.error = person.error
        gateway.approver.absent = person.absent
        gateway.approver.slowdown = person.slowdown
