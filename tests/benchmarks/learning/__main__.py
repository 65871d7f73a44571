"""Learners side by side on the same held-out paths, five training seeds each.

    python -m tests.benchmarks.learning run [--only Inv] [--learner pathwise] [--seeds 5]
    python -m tests.benchmarks.learning table [--only Inv]

``run`` appends every finished training run to the results file at once and skips what is there, so
it may be stopped at any time. ``table`` prints Markdown. Learners play their mean actions with
whole trips and whole units; evaluation paths were seen by nobody before. Values are by the batch
engine; the event engine plays the first paths too, and the row says how far it is away. A learner's
value is the interquartile mean over training seeds; its 95 % interval draws training seeds again
and adds the evaluation paths' luck. CPU seconds are those of training, evaluations of the best so
far included, in one process on one thread.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from tests.benchmarks.learning.problems import LEARNERS, Problem
from tests.benchmarks.learning.references import (
    BOUND,
    RULES,
    STATIC,
    bound_row,
    reference_key,
    rule_rows,
    tuned_rules,
)
from tests.benchmarks.learning.results import Results, Row
from tests.benchmarks.learning.runs import Floats, Job, learner_row
from tests.benchmarks.learning.suite import PROBLEMS
from tests.benchmarks.learning.table import table_lines
from twin.network.world import World

RESULTS = Path(__file__).parent / "results.jsonl"
KEPT = Path(".bench/learning")
QUICK_SHARE = 0.05


def main() -> None:
    """Run, or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--only", default="", help="problems whose name contains this")
    parser.add_argument("--learner", choices=LEARNERS, action="append", help="only these")
    parser.add_argument("--seeds", type=int, default=5, help="training seeds")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the budget: a check")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--keep", type=Path, default=KEPT, help="where trained policies stay")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    results = Results(asked.results, Row)
    learners, share = asked.learner or LEARNERS, QUICK_SHARE if asked.quick else 1.0
    for problem in PROBLEMS:
        if asked.only not in problem.name:
            continue
        chosen = [learner for learner in learners if learner in problem.learners]
        jobs = [Job(problem, who, seed, share) for who in chosen for seed in range(asked.seeds)]
        if asked.what == "run":
            run(jobs, problem, results, asked.keep)
        else:
            print("\n".join((*table_lines(problem, current(jobs, problem, results)), "")))


def run(jobs: Sequence[Job], problem: Problem, results: Results[Row], kept: Path) -> None:
    """What is not in the results yet, one row after the other."""
    missing = [job for job in jobs if job.key not in results.rows]
    references = _missing_references(problem, results)
    if not missing and not references:
        return
    world = problem.world()
    rules = tuned_rules(world)
    for row in rule_rows(problem, world, rules) if STATIC in references else ():
        _keep(row, results)
    if BOUND in references:
        _keep(bound_row(problem, world, rules[STATIC].rule), results)
    levels = problem.start(world, rules[STATIC].rule.level[0])
    for job in missing:
        _learn(job, world, levels, results, kept)


def _learn(job: Job, world: World, levels: Floats, results: Results[Row], kept: Path) -> Row:
    """Run a job unless it is done and its policy still there; its parent first."""
    if job.key in results.rows and (kept / job.key).exists():
        return results.rows[job.key]
    spent = _learn(job.parent, world, levels, results, kept).cpu_s if job.parent else 0.0
    row = learner_row(job, world, levels, kept, spent)
    _keep(row, results)
    return row


def _missing_references(problem: Problem, results: Results[Row]) -> list[str]:
    names = (STATIC, BOUND) if problem.bounded else (STATIC,)
    return [name for name in names if reference_key(problem, name) not in results.rows]


def _keep(row: Row, results: Results[Row]) -> None:
    results.add(row)
    print(
        f"{row.problem:<34}{row.who:<24} seed {row.seed}  {row.mean:>9.2f} +- {row.error:.2f}"
        f"  {row.cpu_s:>6.0f} CPU-s",
        flush=True,
    )


def current(jobs: Sequence[Job], problem: Problem, results: Results[Row]) -> list[Row]:
    """The rows that belong to the settings as they are now."""
    keys = [job.key for job in jobs]
    keys += [reference_key(problem, who) for who in (STATIC, *RULES, BOUND)]
    return [results.rows[key] for key in keys if key in results.rows]


if __name__ == "__main__":
    main()
