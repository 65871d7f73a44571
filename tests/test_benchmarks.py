"""The benchmark beside other simulators: who cannot run is a row that says why."""

import sys
from pathlib import Path

import pytest

from tests.benchmarks.engine.environments import python_of
from tests.benchmarks.engine.peers import _compare, _figures, _result
from tests.benchmarks.engine.rows import OURS, PEERS, ROWS, Peer
from tests.benchmarks.engine.workers import DRIVERS, Worker

ROOT = Path(__file__).parent.parent
ROW = ROWS[0]


def test_every_row_belongs_to_a_simulator_whose_driver_knows_its_workload():
    drivers = {peer.name: peer.driver for peer in PEERS} | {OURS: "twin_engines.py"}
    for row in ROWS:
        assert f'"{row.workload}"' in (DRIVERS / drivers[row.who]).read_text()


def test_each_workload_has_one_row_that_the_others_are_compared_with():
    for group in {row.group for row in ROWS}:
        assert sum(row.baseline for row in ROWS if row.group == group) == 1


def test_our_worker_counts_the_periods_and_its_own_cpu_time(tmp_path):
    worker = Worker(Path(sys.executable), "twin_engines.py", tmp_path / "log", ROOT)
    try:
        answer = worker.ask("serial-4 bare")
        assert answer["periods"] == 1000
        assert answer["cpu_s"] > 0
        assert "KeyError" in worker.ask("no such workload")["error"]
    finally:
        worker.close()


def test_a_driver_that_cannot_start_says_why(tmp_path):
    worker = Worker(Path(sys.executable), "missing.py", tmp_path / "log")
    try:
        assert "No such file" in worker.ask("serial-4")["error"]
    finally:
        worker.close()


def test_a_peer_that_cannot_be_installed_says_why(tmp_path):
    taken = tmp_path / "venvs"
    taken.write_text("a file where the environments should be")
    with pytest.raises(RuntimeError, match="venvs"):
        python_of(Peer("Nobody", "1.0", "nobody.py", (("nobody==1.0",),)), tmp_path)


def test_a_row_without_figures_carries_its_reason():
    result = _result(ROW, [], "not installed: no wheel")
    assert _figures(result) == ("-", "-", "-", "not installed: no wheel")


def test_figures_are_the_median_and_relative_to_the_baseline():
    slow, fast = ROWS[0], ROWS[1]
    results = [
        _result(slow, [{"periods": 10, "cpu_s": s} for s in (1.0, 5.0, 2.0)], None),
        _result(fast, [{"periods": 10, "cpu_s": 1.0}], None),
    ]
    _compare(results)
    assert results[0]["periods_per_s"] == 5.0
    assert results[0]["node_periods_per_s"] == 5.0 * slow.nodes
    assert results[1]["x_baseline"] == 2.0
