"""The command ``attack``: look for the failure that nobody thought of."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stress.options import opened_trial, trial_options
from twin.options import (
    choice_option,
    count_option,
    path_option,
    print_json,
    run_argument,
    seed_option,
    share_option,
)

if TYPE_CHECKING:
    from stress.adversary.attack import Attacker, Options
    from stress.trial import Trial

METHODS = ("cross-entropy", "cma-es", "tpe", "learned", "random")


@click.command()
@run_argument
@trial_options
@seed_option()
@count_option("--budget", "Most plans.", default=500, most=20_000)
@choice_option("--method", METHODS, "How to search; tpe and cma-es need optuna.", METHODS[0])
@choice_option(
    "--against",
    ("champion", "static"),
    "Who must not fail as well [default: the champion, where one reigns].",
)
@share_option(
    "--bound",
    "Failure: costs more than this share above the static policy under the same faults.",
    default=0.25,
    most=1_000,
)
@share_option(
    "--survival",
    "Unfair: the static policy costs more than this share above itself undisturbed.",
    default=1.0,
    most=1_000,
)
@click.option("--fault", "faults", multiple=True, metavar="FAMILY", help="Only these; repeatable.")
@count_option("--most", "Faults at once.", default=3, most=10)
@count_option("--seeds", "Seeds to try.", default=4, most=1_000)
@click.option("--stop-early", is_flag=True, help="Shrink the first failure, not the cheapest.")
@path_option(
    "--regressions",
    text="Folder of failures: tried first, and added to [default: RUN/regressions].",
)
def attack(
    as_json: bool,
    against: str | None,
    bound: float,
    survival: float,
    regressions: Path | None,
    **options: Any,
) -> int:
    """Search faults and schedules for the cheapest failure of the fleet of RUN, and shrink it.

    A plan counts where the static policy survives it. What is found is written to attack.json and,
    shrunk, as a stress file. Stop it at any time: the same command goes on where it was.
    """
    from stress.adversary.wording import told_attack
    from twin.progress import stage

    chosen = _options(options)
    with opened_trial("attack", quiet=as_json, **options) as (trial, display):
        attacker = _attacker(trial, options, chosen, against, (bound, survival), regressions)
        with stage(display, "attack") as line:
            record = attacker.run(line)
    if as_json:
        print_json(record.model_dump(mode="json"))
    else:
        click.echo("\n".join(told_attack(record)))
    return 1 if record.found is not None or record.status == "unfit" else 0


def _options(options: dict[str, Any]) -> Options:
    """The options of the search; those of the trial stay behind."""
    from stress.adversary.attack import Options

    names = ("budget", "seed", "method", "faults", "most", "seeds", "stop_early")
    return Options(**{name: options.pop(name) for name in names})


def _attacker(
    trial: Trial,
    options: dict[str, Any],
    chosen: Options,
    against: str | None,
    bounds: tuple[float, float],
    regressions: Path | None,
) -> Attacker:
    from stress.adversary.attack import Attacker
    from stress.adversary.referee import Attack
    from stress.case import PolicyRef, ScenarioRef, rule_text
    from stress.evidence import BASELINE, CHAMPION
    from stress.executor import Executor
    from twin.errors import UsageError

    champion = trial.champion
    if against == "champion" and champion is None:
        raise UsageError(
            "no champion reigns", trial.scenario.name, fix="Attack it --against static."
        )
    if against == "static":
        champion = None
    rival = PolicyRef.of_bundle(CHAMPION, champion.bundle) if champion else None
    made = Attack(
        ScenarioRef.of(trial.scenario),
        trial.fleet,
        PolicyRef.of_rule(BASELINE, trial.world, trial.static),
        rule_text(trial.world, trial.static),
        trial.terms.suite,
        rival,
        *bounds,
    )
    spoilt = f" --sabotage {shlex.quote(trial.sabotage)}" if trial.sabotage else ""
    return Attacker(
        made,
        trial.folder.path,
        chosen,
        champion.version if champion else "",
        regressions,
        Executor(workers=trial.jobs),
        f"twin replay {shlex.quote(str(trial.folder.path))} {{case}} --suite {{file}}{spoilt}",
    )
