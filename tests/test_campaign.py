"""Laws of campaigns: who is struck by what, what is noticed, and what is told at the end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stress.campaign import CampaignReport, run_campaign
from stress.case import PolicyRef
from stress.expand import expand
from stress.invariants import never_happened
from stress.results import NOMINAL
from stress.spec import FaultPlan, StressSuite
from stress.store import read_table
from stress.summary import figures, line, rate_bound, told
from tests.small_campaign import BASELINE, CAMPAIGN, SUITE, made_up
from twin.errors import NothingSelectedError, UsageError


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> tuple[CampaignReport, Path]:
    folder = tmp_path_factory.mktemp("serial")
    return run_campaign(CAMPAIGN, folder), folder


def test_a_campaign_runs_every_policy_on_the_same_seeds_and_faults(serial) -> None:
    report, _ = serial
    assert len(report.results) == 2 * (2 + 2 * 4)
    cells = {
        name: {(r.fault, r.severity, r.seed) for r in report.results if r.policy == name}
        for name in ("baseline", "leaner")
    }
    assert cells["baseline"] == cells["leaner"]
    assert not report.stopped
    assert not any(r.error or r.violations for r in report.results)


def test_severity_zero_leaves_the_digest_of_the_run_unchanged(serial) -> None:
    report, _ = serial
    nominal = {(r.policy, r.seed): r for r in report.results if r.fault == NOMINAL}
    off = [r for r in report.results if r.fault == "tool.malformed" and r.severity == 0]
    assert len(off) == 4
    for result in off:
        calm = nominal[result.policy, result.seed]
        assert (result.ledger_digest, result.cost) == (calm.ledger_digest, calm.cost)
        assert result.fired == 0


def test_faults_strike_and_are_noticed(serial) -> None:
    report, _ = serial
    for result in report.results:
        if result.fault == NOMINAL:
            assert result.fired == 0
        elif result.severity > 0:
            assert result.fired > 0, result
            assert result.seen > 0, result
    assert not any("fired" in what or "seen" in what for what in report.never)


def test_every_spoilt_answer_that_was_read_has_a_label(serial) -> None:
    report, _ = serial
    for result in report.results:
        if result.fault == "tool.malformed":
            assert sum(result.labels.values()) >= result.fired


def test_a_campaign_whose_steady_state_fails_stops_and_says_so(tmp_path) -> None:
    broken = PolicyRef("fleet", "bundle", "/no/such/folder", "0" * 64)
    report = run_campaign(replace(CAMPAIGN, policies=(BASELINE, broken)), tmp_path)
    assert report.stopped
    assert report.steady_state.startswith("2 of 4 undisturbed episodes failed: ")
    assert {r.fault for r in report.results} == {NOMINAL}
    assert len(read_table(tmp_path)) == 4


def test_a_campaign_stops_when_undisturbed_episodes_miss_what_the_suite_asks(tmp_path) -> None:
    terms = {"min_fill_rate": 1.0, "max_cost_ratio": 0.5}
    suite = StressSuite.model_validate({**SUITE.model_dump(), "steady_state": terms})
    report = run_campaign(replace(CAMPAIGN, suite=suite), tmp_path)
    assert report.stopped
    assert "leaner serves" in report.steady_state
    assert "leaner costs" in report.steady_state
    assert {r.fault for r in report.results} == {NOMINAL}


def test_faults_without_a_place_in_a_scenario_are_left_out_and_named(tmp_path) -> None:
    faults = {"actor.approver": FaultPlan(severities=(3,))}
    suite = StressSuite(name="none", nominal_seeds=1, seeds=1, faults=faults)
    report = run_campaign(replace(CAMPAIGN, suite=suite), tmp_path)
    assert report.left_out == ("actor.approver in tiny: no order needs an approval",)
    assert {r.fault for r in report.results} == {NOMINAL}


def test_the_figures_of_a_campaign_fit_on_one_line(serial) -> None:
    report, _ = serial
    found = figures(CAMPAIGN, report, {"commit": "abc", "gate": "def", "replay": "twin replay"})
    assert found["episodes"] == 20
    assert found["simulated_hours"] == 20 * 20 * 24
    assert found["bound"] == pytest.approx(1 - 0.05 ** (1 / 16))
    text = line(found)
    assert "\n" not in text
    for part in ("commit abc", "seeds 1000000..1000001", "0 violations in 16 stressed", "digest"):
        assert part in text
    told_lines = list(told(found, [made_up(violations=("9 x",))]))
    assert any("9 x" in text for text in told_lines)


def test_the_bound_of_a_rate_is_exact() -> None:
    assert rate_bound(0, 300) == pytest.approx(0.00994, abs=1e-5)
    assert rate_bound(1, 100) == pytest.approx(0.0466, abs=1e-4)
    assert rate_bound(5, 5) == 1.0
    assert rate_bound(0, 0) is None


def test_a_campaign_without_a_policy_or_with_two_of_one_name_is_refused() -> None:
    with pytest.raises(NothingSelectedError):
        expand(replace(CAMPAIGN, policies=()))
    with pytest.raises(UsageError, match="same name"):
        expand(replace(CAMPAIGN, policies=(BASELINE, BASELINE)))


def test_what_never_happened_is_told() -> None:
    struck = {"fired_by": {"channel.latency": 0}, "seen_by": {"channel.latency": 0}}
    quiet = [made_up(), made_up(case="d", fault="channel.latency", severity=3, **struck)]
    assert never_happened(quiet) == (
        "channel.latency fired",
        "channel.latency was seen by an agent",
        "a breaker opened and closed again",
        "a retry budget ran out",
        "a clarification was asked",
    )
