"""Campaigns made up case by case, and the verdict of the default gate on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stress.gate import GateModel, Provenance, gate_digest, judge, load_gate
from stress.results import NOMINAL, CaseResult, Criterion, TrainingRow, Verdict
from stress.statistics import Interval
from twin.exogenous.streams import stream

DEFAULT = Path(__file__).parents[1] / "scenarios" / "gates" / "default.yaml"
GATE, HASH = load_gate(DEFAULT)
FAMILIES = (
    "tool.malformed",
    "channel.latency",
    "network.throttle",
    "world.demand_surge",
    "world.outage",
)
DIGESTS = {"gate": HASH, "scenario": "abc", "artifact": "bundle-1"}
HELPS = {"dc": Interval(3.0, 2.0, 4.0, 40), "trucks": Interval(0.5, -0.5, 1.5, 40)}


def case(policy: str, seed: int, cost: float, fault: str = NOMINAL, level: int = 0) -> CaseResult:
    fired = 4 * level
    return CaseResult(
        case=f"{policy}/{fault}/{level}/{seed}",
        scenario="quickstart",
        policy=policy,
        policy_hash="bundle-1" if policy == "fleet" else policy,
        fault=fault,
        severity=level,
        seed=seed,
        cost=cost,
        calls=1000,
        attempts=1000 + 20 * level,
        control_cost=1.0 + 0.05 * level,
        labels={"not_json": fired} if fired else {},
        fired=fired,
        seen=fired,
    )


def base_cost(seed: int) -> float:
    return float(stream(seed, "test/demand").normal(80.0, 6.0))


def own_luck(policy: str, seed: int) -> float:
    return float(stream(seed, f"test/{policy}").normal(0.0, 0.5))


def episodes(policy: str, factor: float, calm: int = 40, struck: int = 20) -> Iterator[CaseResult]:
    """A policy that costs ``factor`` times the baseline; each severity costs everybody 1 more."""
    for seed in range(calm):
        yield case(policy, seed, factor * base_cost(seed) + own_luck(policy, seed))
    for family in FAMILIES:
        for level in (1, 3, 5):
            for seed in range(struck):
                cost = factor * base_cost(seed) + own_luck(policy, seed) + level
                yield case(policy, seed, cost, family, level)


def campaign(fleet: float = 0.75, calm: int = 40, struck: int = 20) -> list[CaseResult]:
    return [*episodes("fleet", fleet, calm, struck), *episodes("baseline", 1.0, calm, struck)]


def training(
    costs: Sequence[float] = tuple(80 - n / 2 for n in range(40)), kl: float = 0.01
) -> tuple[TrainingRow, ...]:
    return tuple(
        TrainingRow(
            update=n + 1,
            agent_steps=100 * (n + 1),
            seconds=1.0,
            steps_per_second=100.0,
            cost=cost,
            baseline_cost=80.0,
            policy_loss=0.0,
            value_loss=0.0,
            entropy=0.0,
            kl=kl,
            clip_share=0.0,
            explained_variance=0.5,
        )
        for n, cost in enumerate(costs)
    )


def verdict_of(cases: Sequence[CaseResult], gate: GateModel = GATE, **more: Any) -> Verdict:
    more = {"credit": HELPS, "training": training(), **more}
    return judge(gate, gate_digest(gate), cases, Provenance(DIGESTS, DIGESTS), **more)


def criterion(verdict: Verdict, gate: str) -> Criterion:
    return next(c for c in verdict.criteria if c.gate == gate)


def changed(
    cases: Sequence[CaseResult], fault: str, level: int, **update: object
) -> list[CaseResult]:
    """The same campaign with one fleet episode under the fault changed."""
    index = next(
        i for i, c in enumerate(cases) if (c.policy, c.fault, c.severity) == ("fleet", fault, level)
    )
    return [c.model_copy(update=update) if i == index else c for i, c in enumerate(cases)]


def all_changed(cases: Sequence[CaseResult], fault: str, **update: object) -> list[CaseResult]:
    return [
        c.model_copy(update=update) if (c.policy, c.fault) == ("fleet", fault) else c for c in cases
    ]
