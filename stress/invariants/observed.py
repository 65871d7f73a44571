"""What the invariants look at: one finished episode, and the same one without its faults."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stress.case import Case
from stress.invariants.world import world_problems
from twin.engine.ledger import PeriodLedger
from twin.exogenous.path import SamplePath
from twin.kpi.resilience import units_served

if TYPE_CHECKING:
    from agents.gateway.episode import Outcome

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """How an episode went, period by period, and what it cost: enough to compare two by."""

    served: Floats  # (period,) units of the period's own demand served in it
    backlog: Floats  # (period,) units owed to customers, and ordered from sources but not shipped
    fallbacks: NDArray[np.intp]  # (period,) decisions taken by the static policy
    money: float  # spent on tools
    digest: str  # of the ledger

    @classmethod
    def of(cls, outcome: Outcome) -> Course:
        """The course of a traced episode."""
        ledger = outcome.ledger
        fallbacks = np.zeros(ledger.world.periods, dtype=np.intp)
        for decision in outcome.trace:
            fallbacks[decision.epoch] += decision.verdict == "fallback"
        return cls(
            served=units_served(ledger),
            backlog=_owed(ledger),
            fallbacks=fallbacks,
            money=outcome.account.money,
            digest=ledger.digest,
        )


def _owed(ledger: PeriodLedger) -> Floats:
    q, world = ledger.quantities, ledger.world
    customers = np.where(world.lost[None, :, None], 0.0, q.unmet).sum(axis=(1, 2))
    owed: Floats = customers + q.waiting.sum(axis=(1, 2))
    return owed


@dataclass(frozen=True)
class Observed:
    """One finished episode with everything that the laws need."""

    case: Case
    path: SamplePath
    outcome: Outcome
    course: Course
    calm: Course
    """The same policy on the same seed, undisturbed."""
    misread: tuple[str, ...]
    """Observations that reached the policy and should not have."""
    weights: tuple[str, str]
    """Digest of the policy's weights before and after."""
    policy_hash: str

    @property
    def ledger(self) -> PeriodLedger:
        """What happened."""
        return self.outcome.ledger

    @cached_property
    def world_problems(self) -> dict[int, str]:
        """The laws of the world that the ledger breaks."""
        return world_problems(self.ledger, self.path)

    def said(self, number: int) -> tuple[str, ...]:
        """What the gateway's own audit says about a law."""
        head = f"{number} "
        return tuple(v[len(head) :] for v in self.outcome.violations if v.startswith(head))
