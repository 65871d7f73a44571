"""The comparison of learners: resumable, keyed by what determines a run, and honest."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents.learn.evaluation import mean_cost
from agents.learn.horizon import paths, static_profit
from agents.learn.setup import Setup
from stress.statistics import iqm
from tests.benchmarks.learning.problems import BOTH, CENTRAL, MAPPO, PATHWISE, Problem
from tests.benchmarks.learning.references import BOUND, STATIC
from tests.benchmarks.learning.results import Results, Row
from tests.benchmarks.learning.runs import Job
from tests.benchmarks.learning.suite import PROBLEMS
from tests.benchmarks.learning.table import estimate, table_lines
from twin.engine.batch_run import run_rule_batch
from twin.env.rules import OrderingRule
from twin.errors import UsageError

SERIAL = PROBLEMS[0]


def row(who: str, mean: float, seed: int = 0, kind: str = "learner", key: str = "") -> Row:
    return Row.model_validate(
        {
            "key": key or f"{who}/{seed}",
            "problem": SERIAL.name,
            "who": who,
            "kind": kind,
            "seed": seed,
            "mean": mean,
            "error": 0.5,
            "paths": 10,
            "date": "2026-01-01",
            "machine": "any",
        }
    )


def test_every_finished_run_is_on_disk_at_once_and_found_again(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.jsonl", Row)
    results.add(row(PATHWISE, 520.0))
    results.add(row(PATHWISE, 521.0, seed=1))
    assert Results(results.file, Row).rows == results.rows


def test_a_line_cut_short_by_a_kill_is_dropped_and_the_file_goes_on(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.jsonl", Row)
    results.add(row(PATHWISE, 520.0))
    with results.file.open("a") as lines:
        lines.write('{"key": "half')
    again = Results(results.file, Row)
    again.add(row(PATHWISE, 521.0, seed=1))
    assert len(Results(results.file, Row).rows) == 2


def test_a_line_that_is_no_result_is_an_error_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    file.write_text('{"key": "a"}\n')
    with pytest.raises(UsageError, match=r"results\.jsonl:1"):
        Results(file, Row)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_every_run_has_a_key_of_its_own(problem: Problem) -> None:
    keys = [Job(problem, who, seed).key for who in problem.learners for seed in range(3)]
    assert len(set(keys)) == 3 * len(problem.learners)
    assert keys == [Job(problem, who, seed).key for who in problem.learners for seed in range(3)]


def test_a_fleet_that_goes_on_from_another_depends_on_its_settings() -> None:
    job = Job(SERIAL, BOTH, 3)
    assert job.parent == Job(SERIAL, PATHWISE, 3)
    assert Job(SERIAL, MAPPO, 3).parent is None
    learners = dict(SERIAL.learners)
    learners[PATHWISE] = {**learners[PATHWISE], "updates": 7}
    other = Job(replace(SERIAL, learners=learners), BOTH, 3)
    assert other.config == job.config
    assert other.key != job.key


def test_the_value_is_the_interquartile_mean_and_lies_in_its_interval() -> None:
    found = estimate([row(PATHWISE, mean, seed) for seed, mean in enumerate((1, 5, 6, 7, 90.0))])
    assert found.value == iqm([1, 5, 6, 7, 90]) == 6
    assert found.low <= found.value <= found.high


def test_the_interval_of_one_run_is_the_luck_of_its_evaluation_paths() -> None:
    found = estimate([row(PATHWISE, 100.0)])
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.5, rel=0.1)


def test_a_target_is_met_or_missed_and_the_room_is_a_share() -> None:
    lines = table_lines(
        SERIAL,
        [
            row(STATIC, 400.0, kind="heuristic"),
            row("weekday base stock", 410.0, kind="heuristic"),
            row(BOUND, 560.0, kind="bound"),
            row(CENTRAL, 526.0),
            row(PATHWISE, 480.0),
        ],
    )
    text = "\n".join(lines)
    assert "| 525 | met |" in text
    assert "| 522 | missed by 42.00 |" in text
    assert "| 50% |" in text
    assert "weekday base stock" in text
    assert f"| {MAPPO} | not run |" in text


def test_a_rule_is_tuned_on_what_learners_minimise() -> None:
    world = SERIAL.world()
    path = paths(world, range(3))
    rule = OrderingRule("base_stock", world.order_up_to[None])
    found = run_rule_batch(world, path, rule, discount=0.97)[0]
    setup = Setup.of(world, world.order_up_to, Job(SERIAL, MAPPO, 0).config)
    profit = static_profit(setup, world, path).sum(axis=2)
    np.testing.assert_allclose(found, mean_cost(profit, 0.97), rtol=1e-9)
