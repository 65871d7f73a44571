"""Our policies in OR-Gym's own environments, on the demand that those draw.

    python -m tests.benchmarks.learning.original [--only network] [--seeds 1] [--episodes 64]

The policies are those that ``python -m tests.benchmarks.learning run`` left behind. OR-Gym says
what demand it will draw; the policy plays it in the twin, seeing nothing ahead of time; OR-Gym then
carries the orders out and says what they earned. In its network two lanes may take the same stock,
which ours forbids, so what is carried out there is what our source shipped: feasible orders only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.engine.environments import python_of
from tests.benchmarks.engine.rows import PEERS
from tests.benchmarks.learning.__main__ import KEPT
from tests.benchmarks.learning.policies import kept_policy
from tests.benchmarks.learning.problems import LEARNERS, Problem
from tests.benchmarks.learning.references import STATIC, tuned_rules
from tests.benchmarks.learning.runs import Job, standard_error
from tests.benchmarks.learning.suite import PROBLEMS
from twin.engine.ledger import PeriodLedger
from twin.env.episode import run_policy
from twin.env.policy import Policy
from twin.exogenous.path import draw_path
from twin.network.world import World

Floats = NDArray[np.float64]
DRIVER = Path(__file__).parent / "drivers" / "orgym_episodes.py"
CACHE = Path(".bench")
FIRST_SEED = 4_000_000
REPLY_LIMIT_S = 1_800
SERIAL_LANES = ("stage1->retailer", "stage2->stage1", "plant->stage2")
SITES = {"retailer": 1, "dc2": 2, "dc3": 3, "plant4": 4, "plant5": 5, "plant6": 6}
SITES |= {"raw7": 7, "raw8": 8}


@dataclass(frozen=True)
class Original:
    """OR-Gym in an environment of its own."""

    python: Path
    kind: str
    unmet: str
    periods: int

    @classmethod
    def of(cls, problem: Problem, periods: int) -> Original:
        """The environment that a problem's scenario reproduces."""
        peer = next(peer for peer in PEERS if peer.name == "OR-Gym")
        kind = "serial" if "Inv" in problem.name else "network"
        unmet = "backlog" if "backlog" in problem.name else "lost"
        return cls(python_of(peer, CACHE), kind, unmet, periods)

    def ask(self, seeds: range, orders: Any = None) -> dict[str, Any]:
        """Demand, and what orders (episode, period, lane) earn; raises RuntimeError if it fails."""
        request = {
            "kind": self.kind,
            "unmet": self.unmet,
            "seeds": list(seeds),
            "periods": self.periods,
            "orders": orders,
        }
        clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            [str(self.python), str(DRIVER)],
            input=json.dumps(request),
            env=clean,
            capture_output=True,
            text=True,
            timeout=REPLY_LIMIT_S,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        return dict(json.loads(done.stdout))


def main() -> None:
    """Print one line per policy: both means, and the largest difference of an episode."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="OR-Gym", help="problems whose name contains this")
    parser.add_argument("--learner", choices=LEARNERS, action="append", help="only these")
    parser.add_argument("--seeds", type=int, default=1, help="training seeds")
    parser.add_argument("--episodes", type=int, default=64)
    parser.add_argument("--keep", type=Path, default=KEPT, help="where trained policies are")
    asked = parser.parse_args()
    print("| problem | policy | seed | in OR-Gym | in the twin | largest difference |")
    print("| --- | --- | --- | --- | --- | --- |")
    for problem in PROBLEMS:
        if "OR-Gym" in problem.name and asked.only in problem.name:
            learners = [who for who in asked.learner or LEARNERS if who in problem.learners]
            _compare(problem, learners, range(asked.seeds), asked.episodes, asked.keep)


def _compare(
    problem: Problem, learners: list[str], seeds: range, episodes: int, kept: Path
) -> None:
    world = problem.world()
    original = Original.of(problem, world.periods)
    levels = problem.start(world, tuned_rules(world)[STATIC].rule.level[0])
    played = range(FIRST_SEED, FIRST_SEED + episodes)
    known = original.ask(played)
    for learner in learners:
        for seed in seeds:
            job = Job(problem, learner, seed)
            if not (kept / job.key).exists():
                continue
            policy = kept_policy(world, levels, learner, job.config, kept / job.key)
            ledgers = [_play(world, policy, demand) for demand in known["demand"]]
            orders = [_carried_out(original, ledger, known["lanes"]) for ledger in ledgers]
            told = original.ask(played, orders)
            if told["demand"] != known["demand"]:
                raise RuntimeError(f"{problem.name}: OR-Gym drew another demand than it said")
            ours = np.array([_return(ledger) for ledger in ledgers])
            _print(problem, learner, seed, np.array(told["returns"]), ours)


def _play(world: World, policy: Policy, demand: list[int]) -> PeriodLedger:
    """An episode in the twin with customers' demand as OR-Gym draws it."""
    path = draw_path(world, FIRST_SEED)
    drawn = np.zeros_like(path.demand)
    drawn[:, world.nodes.index("retailer"), 0] = demand
    return run_policy(world, replace(path, demand=drawn), policy)


def _carried_out(
    original: Original, ledger: PeriodLedger, lanes: list[list[int]]
) -> list[list[float]]:
    """Orders (period, lane) in OR-Gym's order of lanes."""
    names = list(ledger.world.lanes)
    if original.kind == "serial":
        places, units = [names.index(lane) for lane in SERIAL_LANES], ledger.ordered
    else:
        numbers = [[SITES[site] for site in name.split("->")] for name in names]
        places, units = [numbers.index(lane) for lane in lanes], ledger.shipped
    found: list[list[float]] = units[:, places, 0].tolist()
    return found


def _return(ledger: PeriodLedger) -> float:
    cost: Floats = ledger.cost
    return -float(ledger.world.model.discount ** np.arange(len(cost)) @ cost)


def _print(problem: Problem, learner: str, seed: int, theirs: Floats, ours: Floats) -> None:
    cells = (
        problem.name,
        learner,
        str(seed),
        f"{theirs.mean():.2f} +- {standard_error(theirs):.2f}",
        f"{ours.mean():.2f}",
        f"{np.abs(theirs - ours).max():.1e}",
    )
    print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
