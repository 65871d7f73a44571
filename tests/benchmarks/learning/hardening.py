"""Plain and hardened fleets under stress: ``python -m tests.benchmarks.learning.hardening``.

Both are trained from scratch on the same budget and seeds, the hardened one with the suite's faults
in half of its networks, and judged behind the gateway: undisturbed, and by every fault and severity
of the suite on sample paths that no training has seen. Both subtract what the static policy earned
on the same path (``control_variate``), without which the luck of disturbed networks drowns what can
be learnt from the others. Costs are per period, the tools' included; a
value is the mean over training seeds. ``fall`` is what stress adds to the undisturbed cost.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from agents.baselines import tune_baselines
from agents.learn.config import TrainConfig
from agents.learn.train import train
from stress.case import PolicyRef, ScenarioRef, rule_text
from stress.expand import Campaign, expand
from stress.hardening import SuiteDisturbance
from stress.results import NOMINAL
from stress.run_case import run_case
from stress.spec import StressSuite
from stress.training import hardened
from twin.env.rules import OrderingRule
from twin.network.world import World, compile_world
from twin.progress import stage, stages
from twin.scenario import load, load_document

STATIC = "static"
Costs = dict[tuple[str, str], list[float]]
"""By kind of policy and fault."""


def main() -> None:
    """Train, judge, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", type=Path, default=Path("scenarios/quickstart.yaml"))
    parser.add_argument("--suite", type=Path, default=Path("scenarios/stress/standard.yaml"))
    parser.add_argument("--against", type=Path, default=None, help="harden by another suite")
    parser.add_argument("--algorithm", default="mappo")
    parser.add_argument("--updates", type=int, default=80)
    parser.add_argument("--seeds", type=int, default=2, help="training seeds")
    parser.add_argument("--judged", type=int, default=3, help="seeds per fault and severity")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    scenario = load(asked.scenario)
    world = compile_world(scenario.model)
    rule = tune_baselines(world, 0, kinds=("base_stock",))["base_stock"].rule
    costs: Costs = defaultdict(list)
    spent: dict[str, float] = defaultdict(float)
    refs = [PolicyRef.of_rule(STATIC, world, rule)]
    with tempfile.TemporaryDirectory() as place, stages() as display:
        with stage(display, "train") as note:
            for seed in range(asked.seeds):
                for kind, suite in (("plain", None), ("hardened", asked.against or asked.suite)):
                    config = TrainConfig.model_validate(
                        {
                            "seed": seed,
                            "updates": asked.updates,
                            "algorithm": asked.algorithm,
                            "control_variate": True,
                        }
                    )
                    folder = Path(place) / f"{kind}-{seed}"
                    folder.mkdir()
                    start = time.process_time()
                    bundle = _trained(world, rule, config, suite, folder)
                    spent[kind] += time.process_time() - start
                    refs.append(PolicyRef.of_bundle(f"{kind} {seed}", bundle))
                note((seed + 1) / asked.seeds)
        with stage(display, "judge") as note:
            suite = _smaller(load_document(asked.suite, StressSuite)[0], asked.judged)
            fallback = rule_text(world, rule)
            campaign = Campaign(suite, (ScenarioRef.of(scenario),), tuple(refs), fallback)
            cases = expand(campaign)
            for number, case in enumerate(cases):
                result = run_case(case)
                kind = case.policy.name.split()[0]
                if not result.error:
                    costs[kind, case.fault].append(result.cost)
                note((number + 1) / len(cases))
    Console(width=110).print(_table(costs, spent, asked))


def _trained(
    world: World, rule: OrderingRule, config: TrainConfig, suite: Path | None, at: Path
) -> Path:
    config, against = hardened(config, suite)
    levels = rule.level[0]
    disturbance = None if against is None else SuiteDisturbance(against, world, rule, config)
    return train(world, "benchmark", "0" * 64, levels, config, at, disturbance=disturbance)


def _smaller(suite: StressSuite, seeds: int) -> StressSuite:
    """The suite with fewer seeds."""
    plans = {name: plan.model_copy(update={"seeds": seeds}) for name, plan in suite.faults.items()}
    return suite.model_copy(update={"faults": plans, "seeds": seeds, "nominal_seeds": 10 * seeds})


def _table(costs: Costs, spent: dict[str, float], asked: argparse.Namespace) -> Table:
    table = Table(
        title=f"{asked.scenario}, {asked.suite}: {asked.seeds} seeds, {asked.updates} updates",
        title_justify="left",
        box=None,
    )
    kinds = (STATIC, "plain", "hardened")
    table.add_column("cost per period")
    for kind in kinds:
        table.add_column(kind, justify="right")
    table.add_column("hardened / plain", justify="right")
    faults = list(dict.fromkeys(fault for _, fault in costs if fault != NOMINAL))
    _row(table, "undisturbed", kinds, {k: costs[k, NOMINAL] for k in kinds})
    for fault in faults:
        _row(table, fault, kinds, {k: costs[k, fault] for k in kinds})
    stressed = {k: [c for fault in faults for c in costs[k, fault]] for k in kinds}
    _row(table, "all faults", kinds, stressed)
    fall = {k: statistics.mean(stressed[k]) / statistics.mean(costs[k, NOMINAL]) - 1 for k in kinds}
    table.add_row("fall", *(f"{fall[k]:.1%}" for k in kinds), "")
    cpu = [f"{spent[k] / asked.seeds:.0f}" if k in spent else "" for k in kinds]
    table.add_row("CPU s of training", *cpu, f"{spent['hardened'] / spent['plain']:.2f}")
    return table


def _row(table: Table, name: str, kinds: Iterable[str], values: dict[str, list[float]]) -> None:
    means = {kind: statistics.mean(values[kind]) for kind in kinds}
    ratio = means["hardened"] / means["plain"]
    table.add_row(name, *(f"{means[kind]:.2f}" for kind in kinds), f"{ratio:.3f}")


if __name__ == "__main__":
    main()
