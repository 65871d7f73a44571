"""The spend limit: a forecast from a clean run, a buffer, an alarm, and a hard stop beyond it.

After the stop no call leaves any agent for the rest of the episode, and the static policy acts. An
attempt is sent only if what is left pays for it and for every answer that is waited for.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.gateway.account import BYTES_PER_TOKEN, KILO, Tally, price
from agents.gateway.schema import Label
from twin.engine.clock import Clock
from twin.errors import ToolBoundaryError
from twin.scenario.tools import ToolCosts


@dataclass(frozen=True)
class SpendReport:
    """What was forecast, allowed and spent; money in the scenario's currency, times in days."""

    forecast: float
    limit: float  # forecast x (1 + buffer)
    spent: float
    alarm_at: float | None  # when spending first ran ahead of the limit's share of the time so far
    stopped_at: float | None  # when the first attempt was refused


class SpendLimit:
    """Guards one episode's spending."""

    def __init__(
        self,
        forecast: float,
        buffer: float,
        costs: ToolCosts,
        tally: Tally,
        answer_cap: int,
        clock: Clock,
    ) -> None:
        self.forecast = forecast
        self.limit = forecast * (1.0 + buffer)
        self.alarm_at: float | None = None
        self.stopped_at: float | None = None
        self._costs = costs
        self._tally = tally
        self._waiting = 0
        self._clock = clock
        self._byte = (costs.kilobyte + costs.kilotoken / BYTES_PER_TOKEN) / KILO
        self._priced = any(getattr(costs, name) for name in type(costs).model_fields)
        self._answer = (answer_cap + 1) * self._byte

    @property
    def spent(self) -> float:
        """Money spent so far."""
        return price(self._tally, self._costs)

    def refuses(self, agent: str, tool: str, size: int) -> Label | None:
        """Refuse what might exceed the limit; once one attempt was refused, all are."""
        attempt = self._costs.call + self._costs.retry + size * self._byte
        return None if self.affords(attempt + self._answer) else Label.SPEND_STOP

    def affords(self, money: float) -> bool:
        """Whether ``money`` is left, besides what answers under way may cost; else stop."""
        if self.stopped_at is None:
            held = self._waiting * self._answer + self._costs.kilotoken / KILO
            if not self._priced or self.spent + held + money <= self.limit:
                return True
            self.stopped_at = self._clock.now
            self.alarm_at = self.stopped_at if self.alarm_at is None else self.alarm_at
        return False

    def began(self, tool: str) -> None:
        """Hold back what its answer may cost."""
        self._waiting += 1

    def ended(self, tool: str, failure: ToolBoundaryError | None) -> None:
        """What it has cost is in the tally."""
        self._waiting -= 1

    def watch(self, share: float) -> None:
        """Raise the alarm when spending runs ahead; ``share`` of the horizon is over."""
        if self.alarm_at is None and self.spent > share * self.limit:
            self.alarm_at = self._clock.now

    def report(self) -> SpendReport:
        """The figures at the end."""
        return SpendReport(self.forecast, self.limit, self.spent, self.alarm_at, self.stopped_at)
