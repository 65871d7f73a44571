"""A campaign of twenty episodes of a tiny network, single cases of it, and made-up results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stress.case import Case, PolicyRef, ScenarioRef, Strike
from stress.contestants import world_of
from stress.expand import Campaign
from stress.results import NOMINAL, CaseResult
from stress.spec import FaultPlan, StressSuite
from tests.stressed_world import drawn_bundle, tiny_scenario
from twin.env.rules import OrderingRule, default_rule

TINY = tiny_scenario(costs={"call": 0.001, "retry": 0.002})
SCENARIO = ScenarioRef.of(TINY)
WORLD = world_of(SCENARIO)
BASELINE = PolicyRef.of_rule("baseline", WORLD, default_rule(WORLD))
LEANER = PolicyRef.of_rule(
    "leaner", WORLD, OrderingRule("base_stock", 0.8 * WORLD.order_up_to[None])
)
SUITE = StressSuite(
    name="small",
    nominal_seeds=2,
    seeds=2,
    faults={
        "tool.malformed": FaultPlan(severities=(0, 5)),
        "channel.latency": FaultPlan(severities=(4,), parameters={"probability": 0.5}),
        "world.outage": FaultPlan(severities=(3,)),
    },
)
CAMPAIGN = Campaign(SUITE, (SCENARIO,), (BASELINE, LEANER), BASELINE.source)


def case(seed: int = 1, policy: PolicyRef = BASELINE, strike: Strike | None = None) -> Case:
    if strike is None:
        return Case(SCENARIO, policy, BASELINE.source, seed)
    return Case.struck(SCENARIO, policy, BASELINE.source, seed, strike)


def bundle(folder: Path) -> Path:
    """A checkpoint all of whose weights are zero."""
    return drawn_bundle(folder, TINY, 0.0)


def made_up(**changes: Any) -> CaseResult:
    fields = {
        "case": "c",
        "scenario": "s",
        "policy": "p",
        "policy_hash": "h",
        "fault": NOMINAL,
        "severity": 0,
        "seed": 1,
    }
    return CaseResult.model_validate({**fields, **changes})
