"""Options that the commands from training to promotion share, and what they open."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agents.learn.algorithms import ALGORITHMS
from agents.options import registry_option, sabotage_option
from twin.options import (
    choice_option,
    count_option,
    jobs_option,
    json_option,
    out_option,
    overrides_option,
    path_option,
    scenario_argument,
    seed_option,
)

if TYPE_CHECKING:
    from rich.progress import Progress

    from agents.runs import RunFolder
    from stress.training import Plan
    from stress.trial import Trial

F = TypeVar("F", bound=Callable[..., Any])


suite_option = path_option(
    "--suite", text="Stress suite.", default="scenarios/stress/standard.yaml"
)
gate_option = path_option("--gate", text="Gate file.", default="scenarios/gates/default.yaml")
times_option = count_option(
    "--times", "So many times the suite's stressed episodes, on further seeds.", 1, most=10_000
)


def trial_options(command: F) -> F:
    """What `stress` and `judge` share: the judges and how much to use of the machine."""
    for option in (
        json_option,
        jobs_option,
        sabotage_option,
        registry_option,
        gate_option,
        suite_option,
    ):
        command = option(command)
    return command


def training_options(command: F) -> F:
    """What `train` and `prove` share: what to train, and what it will be judged by."""
    budget = count_option("--agent-steps", "Training budget.")
    algorithm = choice_option(
        "--algorithm",
        tuple(ALGORITHMS),
        "How the fleet learns [default: the training file's, or mappo].",
    )
    training = path_option(
        "--training", text="Training file: everything that determines the training."
    )
    harden = path_option(
        "--harden",
        text="Stress suite whose faults a share of the training networks meets.",
        metavar="SUITE",
    )
    device = click.option(
        "--device", default=None, help="cpu or cuda [default: the training file's, or cpu]."
    )
    resume = click.option(
        "--resume", is_flag=True, help="Go on with the newest unfinished run like this one."
    )
    scratch = click.option(
        "--from-scratch", is_flag=True, help="Do not start training from the champion."
    )
    runs = out_option("Folder for run folders [default: runs].")
    for option in (
        runs,
        overrides_option,
        scratch,
        resume,
        device,
        budget,
        harden,
        training,
        algorithm,
        seed_option(),
    ):
        command = option(command)
    for option in (registry_option, gate_option, suite_option, scenario_argument):
        command = option(command)
    return command


def plan_of(options: dict[str, Any]) -> Plan:
    """The plan that the options of `train` or `prove` describe."""
    from stress.training import Plan

    runs = options.pop("out") or Path("runs")
    return Plan(**options, runs=runs, command=shlex.join(["twin", *sys.argv[1:]]))


@contextmanager
def opened_trial(
    stage: str,
    run: Path,
    suite: Path,
    gate: Path,
    registry: Path,
    sabotage: str,
    jobs: int,
    quiet: bool,
    times: int = 1,
) -> Iterator[tuple[Trial, Progress]]:
    """A trained run with its judges and champion; the time of the block counts as a stage."""
    from agents.runs import open_run
    from stress.trial import open_trial, read_terms, seal_artifact, with_champion
    from twin.progress import stages

    terms = read_terms(suite, gate, times)
    folder = open_run(run)
    tell_changes(folder)
    with stages(quiet) as display, folder.timed(stage):
        trial = with_champion(open_trial(folder, terms, display, jobs), registry)
        seal_artifact(folder)
        yield replace(trial, sabotage=sabotage), display


def tell_changes(folder: RunFolder) -> None:
    """Name the files that are no longer what this run was trained on."""
    from agents.changes import changed_files

    told = changed_files(folder)
    for sentence in told:
        click.echo(f"note: {sentence}", err=True)
    if told:
        text = (
            "this run keeps the scenario it was trained on; a changed file is a different scenario"
        )
        click.echo(f"note: {text}: train a new run for it", err=True)
