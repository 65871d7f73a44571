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
from twin.env.rules import OrderingRule
from twin.exogenous.path import SamplePath, draw_path
from twin.kpi.resilience import units_served
from twin.simulation import run_rule

if TYPE_CHECKING:
    from agents.gateway.episode import Outcome

Floats = NDArray[np.float64]
REFUSED = frozenset({"denied", "timeout"})
"""Approvals after which the static policy orders what needs none: a person's answer, no failure."""


@dataclass(frozen=True)
class Flow:
    """How goods went, period by period."""

    served: Floats  # (period,) units of the period's own demand served in it
    backlog: Floats  # (period,) units owed to customers, and ordered from sources but not shipped
    ordered: Floats  # (period,) units

    @classmethod
    def of(cls, ledger: PeriodLedger) -> Flow:
        """The flow of a run."""
        q, world = ledger.quantities, ledger.world
        customers = np.where(world.lost[None, :, None], 0.0, q.unmet).sum(axis=(1, 2))
        backlog = customers + q.waiting.sum(axis=(1, 2))
        return cls(units_served(ledger), backlog, q.ordered.sum(axis=(1, 2)))


@dataclass(frozen=True)
class Course:
    """How an episode went and what it cost: enough to compare two by."""

    flow: Flow
    fallbacks: NDArray[np.intp]  # (period,) decisions left to the static policy, refused ones aside
    money: float  # spent on tools
    digest: str  # of the ledger

    @classmethod
    def of(cls, outcome: Outcome) -> Course:
        """The course of a traced episode."""
        ledger = outcome.ledger
        fallbacks = np.zeros(ledger.world.periods, dtype=np.intp)
        for decision in outcome.trace:
            left = decision.verdict == "fallback" and decision.approval not in REFUSED
            fallbacks[decision.epoch] += left
        return cls(Flow.of(ledger), fallbacks, outcome.account.money, ledger.digest)


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
    rule: OrderingRule
    """The static policy that stands in for agents."""

    @property
    def ledger(self) -> PeriodLedger:
        """What happened."""
        return self.outcome.ledger

    def without_tools(self) -> tuple[Flow, Flow]:
        """The static policy on its own, with the faults of the world and without any."""
        world = self.ledger.world
        paths = (self.path, draw_path(world, self.case.seed))
        struck, calm = (Flow.of(run_rule(world, path, self.rule)) for path in paths)
        return struck, calm

    @cached_property
    def world_problems(self) -> dict[int, str]:
        """The laws of the world that the ledger breaks."""
        return world_problems(self.ledger, self.path)

    def said(self, number: int) -> tuple[str, ...]:
        """What the gateway's own audit says about a law."""
        head = f"{number} "
        return tuple(v[len(head) :] for v in self.outcome.violations if v.startswith(head))
