"""Laws of G9: Shapley values name who does not work; leave-one-out alone finds harm only."""

from __future__ import annotations

from typing import Any

import pytest

from agents.credit.audit import judged
from agents.credit.estimate import Estimate
from agents.credit.record import AgentAudit, Audit
from stress.evidence import gather
from stress.gate import Provenance
from stress.gate_credit import judge_work_share
from stress.gate_model import WorkShareRule
from stress.judging import Bench
from stress.results import Criterion
from stress.statistics import Interval
from tests.judged_campaign import GATE, HASH

RULE = WorkShareRule(max_harm=0.0, max_idle=0.01, max_share=1.0)
NOTHING = Estimate(value=0.0, low=-0.02, high=0.02)
HELPS = Estimate(value=4.0, low=3.0, high=5.0)
HARMS = Estimate(value=-4.0, low=-5.0, high=-3.0)


def agent(name: str, value: Estimate | None, without: Estimate) -> AgentAudit:
    return AgentAudit(
        agent=name,
        shapley=value,
        leave_one_out=without,
        spread=0.3,
        deviation=0.3,
        bias=0.0,
        cost=5.0,
        verdict=judged(value, without, 0.1),
        sentence="Its sentence.",
    )


def audit(*agents: AgentAudit, gain: float = 10.0) -> Audit:
    return Audit(
        scenario="town",
        policy="bundle-1",
        method="exact",
        seeds=40,
        first_seed=0,
        episodes=160,
        seconds=1.0,
        currency="EUR",
        cost=50.0,
        default_cost=50.0 + gain,
        gain=Estimate(value=gain, low=gain - 1, high=gain + 1),
        lazy_share=0.01,
        unassigned=0.0,
        agents=agents,
    )


def g9(found: Audit | None, rule: WorkShareRule = RULE, **more: Any) -> Criterion:
    bench = Bench(GATE, HASH, gather([]), Provenance({}, {}), audit=found, currency="EUR", **more)
    return judge_work_share(rule, bench).criterion


def test_a_fleet_whose_agents_all_save_money_passes() -> None:
    found = g9(audit(agent("dc", HELPS, HELPS), agent("shop", HELPS, HELPS)))
    assert found.status == "PASS"
    assert "2 of 2 agents save money beyond doubt" in found.sentence


def test_a_broken_agent_fails_and_its_neighbour_that_leave_one_out_blames_does_not() -> None:
    found = g9(audit(agent("dc", HARMS, HARMS), agent("shop", HELPS, HARMS)))
    assert found.status == "FAIL"
    assert found.sentence.startswith("Agent dc,")
    assert "shop" not in found.sentence


def test_a_lazy_agent_fails_where_the_gate_asks_for_work_and_passes_where_it_does_not() -> None:
    fleet = audit(agent("dc", HELPS, HELPS), agent("shop", NOTHING, NOTHING))
    assert g9(fleet).status == "FAIL"
    assert g9(fleet).sentence.startswith("Agent shop,")
    assert g9(fleet, WorkShareRule(max_harm=0.0)).status == "PASS"


def test_an_agent_that_is_needed_only_by_the_others_passes_and_is_named() -> None:
    found = g9(audit(agent("dc", HELPS, HELPS), agent("shop", NOTHING, HELPS)))
    assert found.status == "PASS"
    assert "only together with the others: shop" in found.sentence


def test_an_agent_that_somebody_could_stand_in_for_passes_and_is_named() -> None:
    found = g9(audit(agent("dc", HELPS, HELPS), agent("shop", HELPS, NOTHING)))
    assert found.status == "PASS"
    assert "somebody else could stand in for: shop" in found.sentence


def test_an_agent_that_carries_more_than_its_share_fails() -> None:
    heavy = Estimate(value=12.0, low=11.0, high=13.0)
    unsure = Estimate(value=-0.5, low=-2.0, high=1.0)
    fleet = audit(agent("dc", heavy, heavy), agent("shop", unsure, unsure))
    assert g9(fleet).status == "FAIL"
    assert "adds 120 % of what the fleet saves" in g9(fleet).sentence
    assert g9(fleet, WorkShareRule(max_harm=0.0, max_idle=0.01)).status == "PASS"


@pytest.mark.parametrize(("without", "status"), [(HARMS, "FAIL"), (NOTHING, "PASS")])
def test_without_shapley_values_leave_one_out_screens_for_harm(
    without: Estimate, status: str
) -> None:
    screen = audit(agent("dc", None, HELPS), agent("shop", None, without))
    credit = {
        row.agent: Interval(o.value, o.low, o.high, 40)
        for row in screen.agents
        for o in (row.leave_one_out,)
    }
    assert g9(screen, credit=credit).status == status
    assert g9(None).status == "INCONCLUSIVE"
