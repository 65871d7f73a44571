"""The standard suite on four networks: ``python -m tests.benchmarks.stress.standard -j 2``.

Trains a fleet for each where there is none (briefly: what is measured is the boundary, not the
savings), runs the standard suite on each and prints a line of figures per campaign and one for all
of them together. Everything stays under ``--out``; a run that was cut off goes on where it was.

    quickstart        weekdays, a shared pool of trucks, lost sales
    cold_chain_lite   two products, small rooms, trucks that must be full
    beer_game         orders and goods under way for weeks, nobody sees the customers
    port_disruption   ports that close together, dear air freight that a person signs for

Exit code 1 where an invariant was broken, where something that has to happen never did, or where
there were fewer stressed episodes than ``EPISODES``.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.progress import Progress

from agents.runs import open_run
from stress.executor import Executor
from stress.pipeline import campaign_figures, campaign_of, stress_stage
from stress.summary import joined, line, told
from stress.training import Plan, trained_trial
from stress.trial import GATE, SUITE, Trial, open_trial, read_terms
from twin.progress import stages

SCENARIOS = {
    "scenarios/quickstart.yaml": (1_200_000, 2),
    "scenarios/library/cold_chain_lite.yaml": (300_000, 1),
    "scenarios/library/beer_game.yaml": (300_000, 2),
    "scenarios/library/port_disruption.yaml": (300_000, 1),
}
"""Agent steps of the training, and how many times the suite's seeds: more where an episode is
short. The suite has 300 stressed episodes per policy."""
TRAINING = Path("scenarios/training/warm_start.yaml")
EPISODES = 3_000


def trial_of(scenario: Path, steps: int, out: Path, times: int, display: Progress) -> Trial:
    """The scenario's fleet, trained now where that has not been done yet, on trial."""
    runs = out / scenario.stem
    trained = sorted(path.parent for path in runs.glob("*/artifact.json"))
    if trained:
        return open_trial(open_run(trained[-1]), read_terms(SUITE, GATE, times), display)
    plan = Plan(
        scenario=scenario,
        overrides=(),
        suite=SUITE,
        gate=GATE,
        registry=out / "registry",
        seed=0,
        agent_steps=steps,
        resume=True,
        from_scratch=True,
        runs=runs,
        command=shlex.join(["python", "-m", "tests.benchmarks.stress.standard", *sys.argv[1:]]),
        training=TRAINING,
    )
    folder = trained_trial(plan, display).folder
    return open_trial(folder, read_terms(SUITE, GATE, times), display)


def stressed(trial: Trial, jobs: int, display: Progress) -> dict[str, Any]:
    """Run what is missing of one campaign, tell about it, and return its figures."""
    report = stress_stage(trial, display, Executor(workers=jobs))
    found = campaign_figures(trial, campaign_of(trial), report)
    print("\n".join(told(found, [r for r in report.results if r.failed])), flush=True)
    return found


def fired_lines(fired: dict[str, int]) -> Sequence[str]:
    """Strikes by kind, a line each."""
    return [f"  {count:>12,}  {family}" for family, count in fired.items()]


def main() -> int:
    """Train, stress, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/standard"))
    parser.add_argument("--times", type=int, default=1, help="further seeds")
    parser.add_argument("-j", "--jobs", type=int, default=1)
    chosen = parser.parse_args()
    found = []
    with stages() as display:
        for scenario, (steps, times) in SCENARIOS.items():
            trial = trial_of(Path(scenario), steps, chosen.out, times * chosen.times, display)
            found.append(stressed(trial, chosen.jobs, display))
    together = joined(found)
    print("\nstrikes by kind:", *fired_lines(together["fired"]), sep="\n")
    print("sometimes, in so many episodes:")
    print(*fired_lines(together["sometimes"]), sep="\n")
    print(f"together: {line(together)}")
    short = together["stressed"] < EPISODES
    return int(bool(together["failed"] or together["never_happened"] or short))


if __name__ == "__main__":
    sys.exit(main())
