"""What control costs: calls, attempts, bytes and tokens, and their price."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from twin.scenario.tools import ToolCosts

BYTES_PER_TOKEN = 4
KILO = 1000.0


@dataclass
class Tally:
    """Counters of one episode, shared by its sessions."""

    calls: int = 0
    attempts: int = 0
    retries: int = 0
    bytes: int = 0
    asked: int = 0  # approvals; paid when asked for
    approvals: Counter[str] = field(default_factory=Counter)  # by answer: granted, denied, timeout
    clarifications: Counter[str] = field(default_factory=Counter)  # resolved, unresolved


def price(tally: Tally, costs: ToolCosts) -> float:
    """What the counters cost, in the scenario's currency."""
    tokens = math.ceil(tally.bytes / BYTES_PER_TOKEN)
    money = costs.call * tally.attempts + costs.retry * tally.retries
    money += costs.kilobyte * tally.bytes / KILO + costs.kilotoken * tokens / KILO
    return money + costs.approval * tally.asked


@dataclass(frozen=True)
class CostAccount:
    """The bill of one episode."""

    calls: int
    attempts: int  # that left an agent
    retries: int  # attempts after the first of their call
    bytes: int  # sent, and received while somebody waited; no answer is read beyond its cap
    tokens: int  # ceil(bytes / 4)
    approvals: int  # asked for
    clarifications: int  # asked for
    money: float  # in the scenario's currency

    @classmethod
    def of(cls, tally: Tally, costs: ToolCosts) -> CostAccount:
        """Price the counters."""
        return cls(
            calls=tally.calls,
            attempts=tally.attempts,
            retries=tally.retries,
            bytes=tally.bytes,
            tokens=math.ceil(tally.bytes / BYTES_PER_TOKEN),
            approvals=tally.asked,
            clarifications=tally.clarifications.total(),
            money=price(tally, costs),
        )
