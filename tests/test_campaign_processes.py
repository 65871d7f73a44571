"""Laws of running campaigns: the same numbers whatever happens to the processes that find them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from stress import executor
from stress import run_case as run_cases
from stress.campaign import CampaignReport, run_campaign
from stress.case import Case, Strike
from stress.catalogue import Window
from stress.courses import Courses
from stress.executor import Executor, execute, next_chunk, run_chunk
from stress.sharding import Shard
from stress.store import JOURNAL, TABLE, read_journal
from tests.small_campaign import BASELINE, CAMPAIGN, SCENARIO, case
from twin.errors import UsageError


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> tuple[CampaignReport, Path]:
    folder = tmp_path_factory.mktemp("serial")
    return run_campaign(CAMPAIGN, folder), folder


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
from tests.small_campaign import CAMPAIGN

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


def test_ray_finds_what_one_process_finds(serial, tmp_path) -> None:
    pytest.importorskip("ray")
    report, _ = serial
    assert run_campaign(CAMPAIGN, tmp_path, Executor("ray", 2)).digest == report.digest


def test_without_ray_the_executor_says_what_to_install(monkeypatch, tmp_path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match="pip install"):
        run_campaign(CAMPAIGN, tmp_path, Executor("ray", 2))
