"""Believable episodes of two policies under eight faults, and a training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stress.results import CaseResult, TrainingRow
from tests.report_playback import POLICIES
from twin.exogenous.streams import stream

FAULTS = (
    "channel.bandwidth",
    "channel.latency",
    "channel.loss",
    "tool.malformed",
    "tool.schema_drift",
    "world.demand_surge",
    "world.lead_time",
    "world.outage",
)
LABELS = ("timeout", "invalid_json", "schema", "wrong_entity", "rate_limited")


def training(updates: int = 160) -> tuple[TrainingRow, ...]:
    rng = stream(7, "report_sample/training")
    rows = []
    for n in range(1, updates + 1):
        weekly = 9 * rng.standard_normal()
        cost = 172 + 190 * np.exp(-n / 22) + weekly + 5 * rng.standard_normal()
        rows.append(
            TrainingRow(
                update=n,
                agent_steps=n * 9600,
                seconds=n * 1.9,
                steps_per_second=9600 / 1.9,
                cost=float(cost),
                baseline_cost=float(232 + weekly),
                policy_loss=-0.01,
                value_loss=0.4,
                entropy=float(1.4 * np.exp(-n / 120)),
                kl=float(0.011 + 0.003 * rng.random()),
                clip_share=0.1,
                explained_variance=float(0.93 - 0.9 * np.exp(-n / 15)),
            )
        )
    return tuple(rows)


def case(policy: str, fault: str, severity: int, seed: int, broken: bool = False) -> CaseResult:
    rng = stream(seed, f"report_sample/{fault}/{severity}")
    luck = float(rng.normal(1.0, 0.05))
    harm = _harm(policy, fault, severity)
    calls = 0 if policy == "baseline" else 1080
    failed = {name: int(rng.poisson(severity * 9 / (n + 1))) for n, name in enumerate(LABELS)}
    labels = failed if fault.startswith(("tool", "channel")) and calls else {}
    retries = sum(labels.values())
    operating = (171.0 if policy == "fleet" else 232.0) * luck * harm
    return CaseResult(
        case=f"{policy}-{fault}-{severity}-{seed}",
        scenario="quickstart",
        policy=policy,
        policy_hash="77e0aa41c2d9",
        fault=fault,
        severity=severity,
        seed=seed,
        cost=operating + calls * 0.0008,
        operating_cost=operating,
        fill_rate=min(1.0, 0.99 / harm),
        calls=calls,
        attempts=calls + retries,
        retries=retries,
        bytes=calls * 640,
        tokens=calls * 12,
        control_cost=calls * 0.0008 * 120,
        decisions=600 if calls else 0,
        fallbacks=severity * 4 if labels else 0,
        labels={name: n for name, n in labels.items() if n},
        fired=severity * 11,
        seen=severity * 9 if fault != "world.lead_time" else 0,
        breaker_opened=severity if labels else 0,
        breaker_closed=severity if labels else 0,
        violations=("stock below zero",) if broken else (),
        ledger_digest="d1",
    )


def _harm(policy: str, fault: str, severity: int) -> float:
    if fault.startswith("world"):
        return 1 + (0.075 if policy == "fleet" else 0.09) * severity**1.3
    return 1.0 if policy == "baseline" else 1 + 0.012 * severity**2


def cases(
    faults: Sequence[str] = FAULTS, seeds: int = 5, severities: Sequence[int] = (1, 2, 3, 4, 5)
) -> tuple[CaseResult, ...]:
    calm = [case(p, "none", 0, s) for p in POLICIES for s in range(seeds)]
    harsh = [
        case(p, f, v, s) for p in POLICIES for f in faults for v in severities for s in range(seeds)
    ]
    return (*calm, *harsh)
