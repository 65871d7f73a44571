"""What the learners are measured against: the best tuned rule, and what nobody can beat."""

from __future__ import annotations

import time
from datetime import date

import numpy as np
from numpy.typing import NDArray

from agents.baselines import tune_baselines
from agents.baselines.oracle_room import measure_seeds
from agents.baselines.tune import TunedRule
from agents.learn.horizon import paths
from tests.benchmarks.learning.problems import Problem
from tests.benchmarks.learning.results import Kind, Row, key_of
from tests.benchmarks.learning.runs import CHUNK, FIRST_PATH, machine, standard_error
from twin.engine.batch_run import run_rule_batch
from twin.env.rules import OrderingRule, RuleKind
from twin.network.world import World

Floats = NDArray[np.float64]
STATIC = "static base-stock"
BOUND = "perfect information"
"""Mean over evaluation paths of the linear program's cost on each."""
OTHERS: tuple[RuleKind, ...] = ("weekday_base_stock", "s_s")
RULES = tuple(kind.replace("_", " ") for kind in OTHERS)


def tuned_rules(world: World) -> dict[str, TunedRule]:
    """The static rule that learners start from, and the other rules, tuned, by name."""
    found = tune_baselines(world, kinds=("base_stock", *OTHERS))
    named = {kind.replace("_", " "): rule for kind, rule in found.items()}
    return {STATIC: named.pop("base stock"), **named}


def reference_key(problem: Problem, who: str) -> str:
    """What a reference's row is stored under."""
    return key_of(problem.digest, problem.judged, who, problem.bounded)


def rule_rows(problem: Problem, world: World, rules: dict[str, TunedRule]) -> list[Row]:
    """One row per tuned rule."""
    return [
        _row(problem, who, "heuristic", rule_values(problem, world, tuned.rule), 0.0)
        for who, tuned in rules.items()
    ]


def rule_values(problem: Problem, world: World, rule: OrderingRule) -> Floats:
    """The measure of a rule on every evaluation path."""
    last = FIRST_PATH + problem.judged
    chunks = [range(a, min(a + CHUNK, last)) for a in range(FIRST_PATH, last, CHUNK)]
    costs = [_rule_costs(problem, world, rule, chunk) for chunk in chunks]
    return problem.measure(np.concatenate(costs), world)


def _rule_costs(problem: Problem, world: World, rule: OrderingRule, seeds: range) -> Floats:
    cost: Floats = run_rule_batch(
        world, paths(world, seeds), rule, discount=problem.discount(world)
    )[0]
    return cost


def bound_row(problem: Problem, world: World, static: OrderingRule) -> Row:
    """The bound: the static rule on all paths, less what lies between the two on some of them."""
    start = time.process_time()
    seeds = range(FIRST_PATH, FIRST_PATH + problem.bounded)
    rooms = measure_seeds(world, static, seeds, whole_vehicles=False)
    gain = problem.measure(np.array([room.bound - room.static for room in rooms]), world)
    values = rule_values(problem, world, static).mean() + gain
    return _row(problem, BOUND, "bound", values, time.process_time() - start)


def _row(problem: Problem, who: str, kind: Kind, values: Floats, cpu_s: float) -> Row:
    return Row(
        key=reference_key(problem, who),
        problem=problem.name,
        who=who,
        kind=kind,
        mean=float(values.mean()),
        error=standard_error(values),
        paths=len(values),
        cpu_s=round(cpu_s, 1),
        date=date.today().isoformat(),
        machine=machine(),
    )
