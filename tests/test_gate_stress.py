"""Laws of the gate on what went wrong: safety, resilience, control, labels and stability."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from stress.gate_model import StabilityRule
from stress.gate_stability import relapse
from stress.results import NOMINAL, CaseResult
from stress.statistics import Interval
from tests.judged_campaign import (
    GATE,
    HELPS,
    all_changed,
    campaign,
    case,
    changed,
    criterion,
    episodes,
    training,
    verdict_of,
)


def test_one_violation_fails_safety() -> None:
    verdict = verdict_of(changed(campaign(), "world.outage", 5, violations=("1 units lost",)))
    found = criterion(verdict, "G1")
    assert (verdict.status, found.status) == ("FAIL", "FAIL")
    assert found.sentence.startswith("1 of 340 fleet episodes")
    assert "1 units lost" in found.sentence
    assert criterion(verdict, "G5/world.outage").status == "FAIL"
    assert "1 of 340" in [figure.value for figure in verdict.figures]


def test_one_crash_fails_safety() -> None:
    verdict = verdict_of(changed(campaign(), NOMINAL, 0, error="ValueError: no"))
    assert criterion(verdict, "G1").status == "FAIL"


def test_a_broken_reference_makes_the_evidence_inconclusive() -> None:
    cases = campaign()
    cases[-1] = cases[-1].model_copy(update={"violations": ("2 stock below zero",)})
    assert criterion(verdict_of(cases), "G1").status == "INCONCLUSIVE"


def test_a_clean_campaign_states_its_bound_and_a_short_one_is_not_enough() -> None:
    found = criterion(verdict_of(campaign()), "G1")
    assert found.high == pytest.approx(1 - 0.05 ** (1 / 340))
    assert "below 0.88 %" in found.sentence
    short = [case(policy, s, 1.0) for policy in ("fleet", "baseline") for s in range(40)]
    assert criterion(verdict_of(short), "G1").status == "INCONCLUSIVE"


def dearer_when_late(cases: Sequence[CaseResult], by: float) -> list[CaseResult]:
    """The fleet costs more under moderate latency."""
    return [
        c.model_copy(update={"cost": c.cost + by})
        if (c.policy, c.fault, c.severity) == ("fleet", "channel.latency", 3)
        else c
        for c in cases
    ]


def test_a_fleet_that_costs_more_than_the_baseline_under_one_fault_fails_that_family() -> None:
    assert verdict_of(dearer_when_late(campaign(), 12)).status == "PASS"
    verdict = verdict_of(dearer_when_late(campaign(), 30))
    assert [c.gate for c in verdict.failed] == ["G5/channel.latency"]
    found = criterion(verdict, "G5/channel.latency")
    assert found.value == pytest.approx(0.12, abs=0.03)
    assert verdict.figures[0].label.startswith("Cost against the baseline under channel.latency")


def test_a_lead_over_the_champion_that_shrinks_under_one_fault_fails_that_family() -> None:
    cases = [*dearer_when_late(campaign(), 8), *episodes("champion", 0.8)]
    verdict = verdict_of(cases, champion="3")
    found = criterion(verdict, "G5/channel.latency")
    assert found.status == "FAIL"
    assert found.value == pytest.approx(8 / 64, abs=0.02)
    assert "worst at severity 3 (moderate)" in found.sentence
    assert [c.gate for c in verdict.failed] == ["G5/channel.latency"]
    assert verdict.figures[0].label == "Worst loss under channel.latency"


def test_what_a_fault_costs_everybody_is_no_loss_of_the_fleet() -> None:
    cases = [*campaign(), *episodes("champion", 0.8)]
    found = criterion(verdict_of(cases, champion="3"), "G5/world.outage")
    assert found.value == pytest.approx(0.0, abs=1e-12)


def test_extreme_faults_are_judged_by_safety_not_by_cost() -> None:
    dear = [
        c.model_copy(update={"cost": 500.0}) if (c.policy, c.severity) == ("fleet", 5) else c
        for c in campaign()
    ]
    assert verdict_of(dear).status == "PASS"


def test_a_fault_that_nobody_met_or_noticed_proves_nothing() -> None:
    for update in ({"fired": 0, "seen": 0}, {"seen": 0}):
        verdict = verdict_of(all_changed(campaign(), "channel.latency", **update))
        found = criterion(verdict, "G5/channel.latency")
        assert found.status == "INCONCLUSIVE"
        assert "proves nothing" in found.sentence


def test_a_family_the_gate_names_has_to_be_run() -> None:
    cases = [c for c in campaign() if c.fault != "world.outage"]
    assert criterion(verdict_of(cases), "G5/world.outage").status == "INCONCLUSIVE"


def test_too_few_stressed_seeds_are_inconclusive() -> None:
    verdict = verdict_of(campaign(struck=9))
    assert criterion(verdict, "G5/world.outage").status == "INCONCLUSIVE"


def test_a_retry_storm_fails_the_cost_of_control() -> None:
    cases = all_changed(campaign(), "tool.malformed", attempts=1500)
    found = criterion(verdict_of(cases), "G6/amplification")
    assert found.status == "FAIL"
    assert "under tool.malformed" in found.sentence


def test_spending_beyond_the_forecast_fails() -> None:
    verdict = verdict_of(all_changed(campaign(), "channel.latency", control_cost=1.4))
    assert criterion(verdict, "G6/spend").status == "FAIL"
    free = [c.model_copy(update={"control_cost": 0.0}) for c in campaign()]
    assert criterion(verdict_of(free), "G6/spend").status == "PASS"
    surprise = all_changed(free, "channel.latency", control_cost=0.1)
    assert criterion(verdict_of(surprise), "G6/spend").status == "FAIL"


def test_a_spoilt_answer_without_a_label_fails() -> None:
    cases = changed(campaign(), "tool.malformed", 1, labels={"not_json": 3})
    found = criterion(verdict_of(cases), "G7")
    assert found.status == "FAIL"
    assert "1 had no failure label" in found.sentence


def test_an_agent_that_does_harm_fails_and_is_named() -> None:
    credit = {**HELPS, "north": Interval(-2.0, -3.0, -1.0, 40)}
    found = criterion(verdict_of(campaign(), credit=credit), "G9")
    assert found.status == "FAIL"
    assert "agent north" in found.sentence


def test_an_agent_without_measurable_contribution_passes_and_is_named() -> None:
    found = criterion(verdict_of(campaign()), "G9")
    assert found.status == "PASS"
    assert "no measurable contribution: trucks" in found.sentence
    assert criterion(verdict_of(campaign(), credit=None), "G9").status == "INCONCLUSIVE"


def test_a_training_that_jumped_or_lost_what_it_had_learnt_fails() -> None:
    jumped = criterion(verdict_of(campaign(), training=training(kl=0.3)), "G10")
    assert (jumped.status, jumped.value) == ("FAIL", 0.3)
    costs = [*(80 - n for n in range(30)), *(50 + 3 * n for n in range(10))]
    relapsed = criterion(verdict_of(campaign(), training=training(costs)), "G10")
    assert relapsed.status == "FAIL"
    assert "more than at its best" in relapsed.sentence
    assert relapse(training()) == 0.0
    assert relapse(training([80.0] * 19)) is None


def test_a_fleet_that_went_too_far_from_its_parent_fails_where_the_gate_limits_drift() -> None:
    near, far = (
        tuple(row.model_copy(update={"drift": drift}) for row in training()) for drift in (0.1, 0.9)
    )
    rule = StabilityRule(max_kl=0.1, max_relapse=0.1, max_drift=0.5)
    limits = GATE.criteria.model_copy(update={"stability": rule})
    gate = GATE.model_copy(update={"criteria": limits})
    assert criterion(verdict_of(campaign(), gate, training=near), "G10").status == "PASS"
    assert criterion(verdict_of(campaign(), gate, training=far), "G10").status == "FAIL"
    assert criterion(verdict_of(campaign(), training=far), "G10").status == "PASS"


def test_a_run_without_recorded_training_leaves_stability_open() -> None:
    assert criterion(verdict_of(campaign(), training=()), "G10").status == "INCONCLUSIVE"
