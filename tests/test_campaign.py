"""Laws of campaigns: the same numbers whatever happens to the processes that find them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from stress import contestants, executor
from stress import run_case as run_cases
from stress.campaign import CampaignReport, run_campaign
from stress.case import Case, PolicyRef, ScenarioRef, Strike
from stress.catalogue import Window
from stress.contestants import world_of
from stress.courses import Courses
from stress.executor import Executor, execute, next_chunk, run_chunk
from stress.expand import Campaign, expand
from stress.export import JSON, JUNIT, junit_lines
from stress.invariants import never_happened
from stress.results import NOMINAL, CaseResult
from stress.run_case import run_case
from stress.sharding import Shard
from stress.spec import FaultPlan, StressSuite
from stress.store import (
    JOURNAL,
    TABLE,
    Journal,
    campaign_digest,
    canonical,
    read_journal,
    read_table,
    write_table,
)
from stress.summary import figures, line, rate_bound, told
from tests.stressed_world import drawn_bundle, tiny_scenario
from twin.env.rules import OrderingRule, default_rule
from twin.errors import NothingSelectedError, UsageError

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


def test_two_processes_find_what_one_finds(serial, tmp_path) -> None:
    report, folder = serial
    before = dict(os.environ), signal.getsignal(signal.SIGINT)
    parallel = run_campaign(CAMPAIGN, tmp_path, Executor(workers=2))
    assert (dict(os.environ), signal.getsignal(signal.SIGINT)) == before
    assert parallel.results == report.results
    assert parallel.digest == report.digest
    assert (tmp_path / TABLE).read_bytes() == (folder / TABLE).read_bytes()


def test_an_interrupted_campaign_goes_on_where_it_stopped(serial, tmp_path) -> None:
    report, folder = serial
    total = len(report.results)

    def interrupt(done: int, total: int, failures: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_campaign(CAMPAIGN, tmp_path, progress=interrupt)
    assert len(read_journal(tmp_path)) == 7
    assert not (tmp_path / TABLE).exists()
    with (tmp_path / JOURNAL).open("ab") as journal:
        journal.write(b'{"case": "half a li')
    steps: list[tuple[int, int, int]] = []
    resumed = run_campaign(CAMPAIGN, tmp_path, progress=lambda *step: steps.append(step))
    assert resumed.digest == report.digest
    assert (tmp_path / TABLE).read_bytes() == (folder / TABLE).read_bytes()
    assert steps[-1] == (total, total, 0)
    assert len(read_journal(tmp_path)) == total
    before = (tmp_path / JOURNAL).read_bytes()
    assert run_campaign(CAMPAIGN, tmp_path).digest == report.digest
    assert (tmp_path / JOURNAL).read_bytes() == before


KILLED = """
import sys, time
from pathlib import Path
from stress import store
from stress.campaign import run_campaign
from stress.executor import Executor
from tests.test_campaign import CAMPAIGN

def wait(done, total, failures):
    if done >= 9:
        print("half-way", flush=True)
        time.sleep(600)

store.SYNC_SECONDS = 0.0
run_campaign(CAMPAIGN, Path(sys.argv[1]), Executor(workers=2), wait)
"""


def gone_within(seconds: float, group: int) -> bool:
    """Whether all processes of a group end in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_a_campaign_that_was_killed_goes_on_and_its_workers_die_with_it(serial, tmp_path) -> None:
    report, folder = serial
    root = str(Path(__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": root},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "half-way\n"
        killed.kill()
    assert killed.returncode == -signal.SIGKILL
    assert gone_within(60.0, killed.pid)
    assert 9 <= len(read_journal(tmp_path)) < len(report.results)
    resumed = run_campaign(CAMPAIGN, tmp_path)
    assert resumed.digest == report.digest
    assert (tmp_path / TABLE).read_bytes() == (folder / TABLE).read_bytes()


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


def test_the_journal_and_the_table_give_back_what_was_stored(serial) -> None:
    report, folder = serial
    assert tuple(read_table(folder)) == report.results
    assert campaign_digest(read_journal(folder).values()) == report.digest


def test_a_case_is_the_same_in_every_process_and_order() -> None:
    struck = case(strike=Strike("channel.latency", 3, Window(5.0, 15.0)))
    first = run_case(struck)
    run_case(case(2))
    assert canonical(run_case(struck)) == canonical(first)


def test_the_id_of_a_case_is_its_content() -> None:
    one = case()
    assert one.id == case().id
    moved = replace(BASELINE, source=BASELINE.source)
    assert case(policy=moved).id == one.id
    latency = Strike("channel.latency", 3, Window(0.0, 1.0))
    others = [
        case(2),
        case(policy=LEANER),
        case(strike=latency),
        case(strike=replace(latency, family="channel.loss")),
        case(strike=replace(latency, severity=1)),
        case(strike=replace(latency, window=Window(0.0, 2.0))),
        case(strike=replace(latency, parameters=(("probability", 0.1),))),
        replace(case(), strikes=(latency, latency)),
    ]
    assert len({one.id, *(other.id for other in others)}) == 1 + len(others)
    assert case(strike=latency).label == "baseline channel.latency/3#1"
    assert case(strike=latency).undisturbed == one


def test_a_crash_inside_a_case_is_a_result() -> None:
    broken = case(policy=PolicyRef("fleet", "bundle", "/no/such/folder", "0" * 64))
    result = run_case(broken)
    assert result.error
    assert result.case == broken.id
    assert run_case(case(policy=PolicyRef("fleet", "rul", "", ""))).error.endswith(
        "did you mean 'rule'?"
    )


def test_a_policy_that_raises_does_not_end_the_campaign(monkeypatch) -> None:
    class Angry:
        name = "angry"

        def reset(self, seed: int) -> None: ...

        def act(self, observations: object) -> dict[str, object]:
            raise ZeroDivisionError("no stock, no orders")

    monkeypatch.setitem(contestants.POLICY_KINDS, "angry", lambda document, ref: Angry())
    result = run_case(case(policy=PolicyRef("angry", "angry", "", "")))
    assert isinstance(result, CaseResult)
    assert result.error or result.violations or result.fallbacks == result.decisions


def bundle(folder: Path) -> Path:
    """A checkpoint all of whose weights are zero."""
    return drawn_bundle(folder, TINY, 0.0)


def test_a_fleet_without_corrections_plays_the_static_policy(tmp_path) -> None:
    fleet = PolicyRef.of_bundle("fleet", bundle(tmp_path / "bundle"))
    played = run_case(case(policy=fleet))
    assert not played.error
    assert played.ledger_digest == run_case(case()).ledger_digest
    assert played.policy_hash == fleet.hash


def test_a_sabotaged_fleet_is_another_case_and_plays_worse(tmp_path) -> None:
    folder = bundle(tmp_path / "bundle")
    sound = case(policy=PolicyRef.of_bundle("fleet", folder))
    muted = case(policy=PolicyRef.of_bundle("fleet", folder, "muted:replenish:shop"))
    assert muted.id != sound.id
    assert run_case(muted).cost > run_case(sound).cost
    unknown = case(policy=PolicyRef.of_bundle("fleet", folder, "muted:nobody"))
    assert "unknown sabotage" in run_case(unknown).error


def test_a_checkpoint_that_changed_since_the_case_was_made_is_refused(tmp_path) -> None:
    fleet = PolicyRef.of_bundle("fleet", bundle(tmp_path / "bundle"))
    assert "has changed" in run_case(case(policy=replace(fleet, hash="0" * 64))).error


def test_a_campaign_whose_steady_state_fails_stops_and_says_so(tmp_path) -> None:
    broken = PolicyRef("fleet", "bundle", "/no/such/folder", "0" * 64)
    report = run_campaign(replace(CAMPAIGN, policies=(BASELINE, broken)), tmp_path)
    assert report.stopped
    assert report.steady_state.startswith("2 of 4 undisturbed episodes failed: ")
    assert {r.fault for r in report.results} == {NOMINAL}
    assert len(read_table(tmp_path)) == 4


class Poison(Case):
    """A case that kills the process that receives it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (3,)


def test_a_worker_that_is_told_the_undisturbed_course_does_not_play_it_again(monkeypatch) -> None:
    calm, struck = case(), case(strike=Strike("channel.latency", 3, Window(5.0, 15.0)))
    monkeypatch.setattr(run_cases, "COURSES", Courses())
    monkeypatch.setattr(executor, "COURSES", run_cases.COURSES)
    expected, courses = run_chunk((calm, struck), {})
    assert set(courses) == {calm.id}
    played: list[int] = []
    play = run_cases._play
    monkeypatch.setattr(
        run_cases,
        "_play",
        lambda case, *rest: played.append(len(case.strikes)) or play(case, *rest),
    )
    for known, undisturbed in ((courses, 0), ({}, 1)):
        empty = Courses()
        monkeypatch.setattr(run_cases, "COURSES", empty)
        monkeypatch.setattr(executor, "COURSES", empty)
        played.clear()
        assert run_chunk((struck,), known)[0] == expected[1:]
        assert played.count(0) == undisturbed


def test_the_course_that_was_not_asked_for_the_longest_is_forgotten(monkeypatch) -> None:
    monkeypatch.setattr("stress.courses.KEPT_COURSES", 2)
    known, course = Courses(), object()
    for name in ("a", "b"):
        known.keep(name, course)
    assert known.get("a") is course
    known.keep("c", course)
    assert [known.get(name) is course for name in "abc"] == [True, False, True]


def test_tasks_get_smaller_towards_the_end() -> None:
    waiting = deque(case(seed) for seed in range(200))
    sizes = []
    while waiting:
        sizes.append(len(next_chunk(waiting, 2)))
    assert sum(sizes) == 200
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[-1]) == (4, 1)


def test_a_dead_worker_costs_only_the_case_that_killed_it() -> None:
    poison = Poison(SCENARIO, BASELINE, BASELINE.source, 99)
    results = {
        result.seed: result for result in execute([case(0), poison, case(1)], Executor(workers=2))
    }
    assert set(results) == {0, 1, 99}
    assert "died" in results[99].error
    assert not any(result.error for seed, result in results.items() if seed != 99)


def test_shards_run_each_case_once_and_come_together_as_the_whole(serial, tmp_path) -> None:
    report, folder = serial
    parts = [
        run_campaign(CAMPAIGN, tmp_path, shard=Shard.parse(text)) for text in ("1/3", "2/3", "3/3")
    ]
    ids = [result.case for part in parts for result in part.results]
    assert sorted(ids) == [result.case for result in report.results]
    assert not (tmp_path / TABLE).exists()
    steps: list[tuple[int, int, int]] = []
    whole = run_campaign(CAMPAIGN, tmp_path, progress=lambda *step: steps.append(step))
    assert steps[-1][0] == len(report.results)
    assert whole.digest == report.digest
    assert (tmp_path / TABLE).read_bytes() == (folder / TABLE).read_bytes()
    assert read_journal(tmp_path).keys() == set(ids)


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/2"])
def test_a_shard_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a shard"):
        Shard.parse(text)


def test_results_are_written_for_other_tools_too(serial) -> None:
    report, folder = serial
    listed = json.loads((folder / JSON).read_text())
    assert [CaseResult.model_validate(row) for row in listed] == list(report.results)
    suites = ElementTree.parse(folder / JUNIT).getroot()
    assert suites.get("tests") == str(len(report.results))
    assert suites.get("errors") == suites.get("failures") == "0"
    assert {case.get("id") for case in suites.iter("testcase")} == {
        result.case for result in report.results
    }


def test_violations_are_failures_and_crashes_errors_in_junit() -> None:
    odd = [
        result(case="a", violations=('9 no "effect" <&>\x00',)),
        result(case="b", error="ValueError: \ud800 boom", violations=("12 uncaught",)),
        result(case="c"),
    ]
    root = ElementTree.fromstring("\n".join(junit_lines("odd", odd)).encode())
    (failure,), (error,) = list(root.iter("failure")), list(root.iter("error"))
    assert failure.get("message") == '9 no "effect" <&>?'
    assert error.get("type") == "ValueError"
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "1", "1")


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
    told_lines = list(told(found, [result(violations=("9 x",))]))
    assert any("9 x" in text for text in told_lines)


def test_the_bound_of_a_rate_is_exact() -> None:
    assert rate_bound(0, 300) == pytest.approx(0.00994, abs=1e-5)
    assert rate_bound(1, 100) == pytest.approx(0.0466, abs=1e-4)
    assert rate_bound(5, 5) == 1.0
    assert rate_bound(0, 0) is None


def test_ray_finds_what_one_process_finds(serial, tmp_path) -> None:
    pytest.importorskip("ray")
    report, _ = serial
    assert run_campaign(CAMPAIGN, tmp_path, Executor("ray", 2)).digest == report.digest


def test_without_ray_the_executor_says_what_to_install(monkeypatch, tmp_path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match="pip install"):
        run_campaign(CAMPAIGN, tmp_path, Executor("ray", 2))


def test_a_damaged_journal_is_refused_with_its_line(tmp_path) -> None:
    (tmp_path / JOURNAL).write_bytes(canonical(result()) + b"\n{}\n")
    with pytest.raises(UsageError, match=r"cases\.jsonl:2"):
        read_journal(tmp_path)


def test_a_table_from_before_a_column_came_can_still_be_read(tmp_path) -> None:
    import pyarrow.parquet as parquet

    file = write_table(tmp_path, [result()])
    parquet.write_table(parquet.read_table(file).drop_columns(["agent_failures"]), file)
    assert read_table(file) == [result()]


def test_a_file_that_is_no_table_is_refused(tmp_path) -> None:
    (tmp_path / TABLE).write_bytes(b"PAR1 not really")
    with pytest.raises(UsageError, match="not a table of case results"):
        read_table(tmp_path)
    with pytest.raises(UsageError, match="Run the campaign first"):
        read_table(tmp_path / "elsewhere")


def test_results_survive_the_journal_and_the_table(tmp_path) -> None:
    odd = [
        result(case="b", labels={"schema": 2}, violations=("x", 'y"z'), cost=0.1 + 0.2),
        result(case="a", error="boom\nboom", cost=-0.0),
    ]
    with Journal(tmp_path) as journal:
        for one in odd:
            journal.append(one)
    write_table(tmp_path, odd)
    assert list(read_journal(tmp_path).values()) == odd
    assert read_table(tmp_path) == odd[::-1]
    assert campaign_digest(odd) == campaign_digest(odd[::-1])


def result(**changes: Any) -> CaseResult:
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


def test_a_campaign_without_a_policy_or_with_two_of_one_name_is_refused() -> None:
    with pytest.raises(NothingSelectedError):
        expand(replace(CAMPAIGN, policies=()))
    with pytest.raises(UsageError, match="same name"):
        expand(replace(CAMPAIGN, policies=(BASELINE, BASELINE)))


def test_what_never_happened_is_told() -> None:
    struck = {"fired_by": {"channel.latency": 0}, "seen_by": {"channel.latency": 0}}
    quiet = [result(), result(case="d", fault="channel.latency", severity=3, **struck)]
    assert never_happened(quiet) == (
        "channel.latency fired",
        "channel.latency was seen by an agent",
        "a breaker opened and closed again",
        "a retry budget ran out",
        "a clarification was asked",
    )
