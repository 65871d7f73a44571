"""What the defaults of MAPPO rest on: one setting changed at a time, on the quickstart and library.

    python -m tests.benchmarks.learning.sweep [--only "4 epochs"] [--seeds 2] [--updates 40]

saved         share of the tuned static policy's cost that the fleet saves on held-out paths, the
              mean over training seeds; a column per scenario, and the mean of all
ms / update   processor time of training, evaluations included, over all scenarios

Every finished training run is a line of ``sweep.jsonl``, and is not run again.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from agents.baselines import tune_baselines
from agents.learn.config import TrainConfig
from agents.learn.evaluation import evaluate, evaluate_static
from agents.learn.run import TrainingRun
from tests.benchmarks.learning.problems import Changes
from tests.benchmarks.learning.results import Line, Results, key_of
from twin.network.world import World, compile_world
from twin.scenario import Scenario, load

SCENARIOS = (
    "scenarios/quickstart.yaml",
    "scenarios/library/cold_chain_lite.yaml",
    "scenarios/library/ecommerce_trucks.yaml",
    "scenarios/library/two_tier_components.yaml",
)
HELD_OUT = range(710_000_000, 710_000_064)
RESULTS = Path(__file__).parent / "sweep.jsonl"
PLAIN: Changes = {"control_variate": False}
"""What the others change; the default has the control variate since it won here."""
SETTINGS: dict[str, Changes] = {
    "plain": {},
    "4 epochs": {"epochs": 4, "critic_epochs": 4},
    "control variate": {"control_variate": True},
    "4 epochs, control variate": {"epochs": 4, "critic_epochs": 4, "control_variate": True},
    "half the rates": {"actor_rate": 1.5e-3, "critic_rate": 1.5e-3},
    "twice the rates": {"actor_rate": 6e-3, "critic_rate": 6e-3},
    "noise exp(-1.5)": {"initial_log_std": -1.5},
    "noise 1": {"initial_log_std": 0.0},
    "lambda 0.97": {"lam": 0.97},
    "critic without foresight": {"foresight": 0},
    "warm start 0.4": {"warm_start": 0.4},
}


class Trial(Line):
    """One training run."""

    scenario: str
    setting: str
    seed: int
    saved: float
    cpu_s: float
    updates: int


@cache
def _tuned(path: str) -> tuple[Scenario, World, NDArray[np.float64]]:
    """A scenario with the levels of its tuned static policy."""
    scenario = load(path)
    world = compile_world(scenario.model)
    tuned = tune_baselines(world, kinds=("base_stock",))["base_stock"]
    levels: NDArray[np.float64] = tuned.rule.level[0]
    return scenario, world, levels


def trial(path: str, setting: str, config: TrainConfig, key: str) -> Trial:
    """Train, and judge the best actors on held-out paths."""
    scenario, world, levels = _tuned(path)
    with tempfile.TemporaryDirectory() as folder:
        run = TrainingRun(world, levels, config, Path(folder))
        run.start(resume=False)
        start = time.process_time()
        while not run.over:
            run.advance()
        cpu = time.process_time() - start
        best = run.progress.best
        cost = float(evaluate(run.setup, best.layers, HELD_OUT).mean())
        static = float(evaluate_static(run.setup, HELD_OUT).mean())
    return Trial(
        key=key,
        scenario=scenario.name,
        setting=setting,
        seed=config.seed,
        saved=(static - cost) / abs(static),
        cpu_s=cpu,
        updates=run.progress.update,
    )


def table(found: list[Trial]) -> list[str]:
    """The rows of a table, best setting first."""
    names = list(dict.fromkeys(one.scenario for one in found))
    heads = ["setting", *names, "mean", "ms / update"]
    rows = []
    for setting in dict.fromkeys(one.setting for one in found):
        own = [one for one in found if one.setting == setting]
        means = [_mean([one.saved for one in own if one.scenario == name]) for name in names]
        ms = 1e3 * sum(one.cpu_s for one in own) / sum(one.updates for one in own)
        rows.append(
            (_mean(means), [setting, *map(_share, means), _share(_mean(means)), f"{ms:.0f}"])
        )
    ranked = [cells for _, cells in sorted(rows, key=lambda row: -row[0])]
    return [_row(heads), _row(["---"] * len(heads)), *map(_row, ranked)]


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Run what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="scenarios whose path contains this")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--updates", type=int, default=40)
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    results, found = Results(asked.results, Trial), []
    for path in SCENARIOS:
        for setting, changes in SETTINGS.items():
            for seed in range(asked.seeds):
                given = {
                    **PLAIN,
                    **changes,
                    "updates": asked.updates,
                    "seed": seed,
                    "audit_every": 0,
                }
                config = TrainConfig.model_validate(given)
                key = key_of(load(path).digest, config.model_dump_json())
                known = results.rows.get(key)
                if known is None and asked.only in path:
                    known = trial(path, setting, config, key)
                    results.add(known)
                    print(
                        f"{known.scenario:<24}{setting:<28}{seed}  {_share(known.saved)}",
                        flush=True,
                    )
                found += [known] if known else []
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
