"""Commands that train a fleet and put it through a campaign: train, stress, replay."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from agents.options import registry_option, sabotage_option
from stress.options import (
    gate_option,
    opened_trial,
    plan_of,
    suite_option,
    tell_changes,
    times_option,
    training_options,
    trial_options,
)
from twin.errors import NothingSelectedError, UsageError
from twin.options import (
    choice_option,
    json_option,
    out_option,
    path_option,
    print_json,
    run_argument,
)

if TYPE_CHECKING:
    from stress.executor import Executor, Kind
    from stress.sharding import Shard

EXECUTORS = ("serial", "processes", "ray")


@click.command()
@training_options
@json_option
def train(as_json: bool, **options: Any) -> None:
    """Tune the static baseline of SCENARIO, then train a fleet as a correction to it.

    The suite and the gate that will judge it are hashed before training starts. Started as several
    ranks (torchrun --nproc-per-node 2 -m twin.cli train SCENARIO) they share the work.
    """
    from agents.learn.launched import launched_ranks
    from stress.training import join_training, trained_trial
    from twin.progress import stages

    plan = plan_of(options)
    with launched_ranks(plan.config().device) as ranks:
        if not ranks.first:
            join_training(plan, ranks)
            return
        with stages(quiet=as_json) as display:
            folder = trained_trial(plan, display, ranks).folder
    if as_json:
        print_json({"run": str(folder.path), "bundle": str(folder.bundle)})
    else:
        click.echo(f"{folder.path}\nnext: twin stress {folder.path}")


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@trial_options
@times_option
@choice_option("--executor", EXECUTORS, "Where episodes run.", default="processes")
@click.option("--address", default="", metavar="HOST:PORT", help="Ray cluster [default: here].")
@click.option("--shard", "part", default="1/1", metavar="I/N", help="Run one part of N only.")
@path_option(
    "--policy",
    "agent",
    text="A third party's agent instead of a fleet; RUN may then be a scenario file.",
    metavar="FOLDER",
)
@out_option("With --policy: folder for its run folder [default: runs].")
def stress(
    runs: tuple[Path, ...],
    as_json: bool,
    executor: str,
    address: str,
    part: str,
    agent: Path | None,
    out: Path | None,
    **options: Any,
) -> int:
    """Run the stress campaign of SUITE on the fleet of each RUN; an interrupted one goes on.

    With --policy an agent of a third party (a folder with agent.py, see agents/outside) is entered
    in a run folder of its own and meets the same campaign; `twin judge` and `twin attack` take it.

    The suite that a run was trained under writes into the run's folder, any other one into a folder
    of its own in it. Shards write journals of their own; the command without --shard then joins
    them, runs what is missing, and writes the tables.
    """
    from stress.executor import Executor
    from stress.sharding import Shard
    from stress.summary import joined, line

    if agent is not None:
        runs = tuple(_entered(agent, run, out, options) for run in runs)
    place = Executor(cast("Kind", executor), options["jobs"], address)
    shard = Shard.parse(part)
    found = [_stressed(run, place, shard, as_json, options) for run in dict.fromkeys(runs)]
    together = joined(found) if len(found) > 1 else {}
    if as_json:
        print_json({"runs": found, "joined": together} if together else found[0])
    elif together:
        for what in together["never_happened"] if shard.whole else ():
            click.echo(f"never, in no campaign: {what}")
        click.echo(f"together: {line(together)}")
    return 1 if any(one["stopped"] or one["failed"] for one in found) else 0


def _stressed(
    run: Path, place: Executor, shard: Shard, quiet: bool, options: dict[str, Any]
) -> dict[str, Any]:
    """The figures of one run's campaign, once it is over and, unless ``quiet``, told."""
    from stress.pipeline import campaign_figures, campaign_of, stress_stage
    from stress.summary import told

    with opened_trial("stress", run, quiet=quiet, **options) as (trial, display):
        report = stress_stage(trial, display, place, shard)
        found = campaign_figures(trial, campaign_of(trial), report)
    if not shard.whole:  # what a part has not seen, another one may
        found |= {"sometimes": {}, "never_happened": []}
    if not quiet:
        click.echo("\n".join(told(found, [r for r in report.results if r.failed])))
        command = "stress" if not shard.whole else "judge"
        later = ", once all shards are done" if not shard.whole else ""
        named = f"twin {command} {run} {trial.terms.options}".rstrip()
        click.echo(f"files: {trial.campaign_folder}\nnext: {named}{later}")
    return {"run": str(run), **found}


def _entered(agent: Path, run: Path, out: Path | None, options: dict[str, Any]) -> Path:
    """The run folder of a third party's agent."""
    from stress.entry import Entry, entered

    if options["sabotage"]:
        raise UsageError(
            "a third party's agent cannot be spoilt", "--sabotage", options["sabotage"]
        )
    judges = {"suite": options["suite"], "gate": options["gate"]}
    runs, command = out or Path("runs"), shlex.join(["twin", *sys.argv[1:]])
    return entered(Entry(agent, run, **judges, runs=runs, command=command)).path


@click.command()
@run_argument
@click.argument("case")
@suite_option
@times_option
@gate_option
@registry_option
@sabotage_option
@json_option
def replay(
    run: Path,
    case: str,
    suite: Path,
    times: int,
    gate: Path,
    registry: Path,
    sabotage: str,
    as_json: bool,
) -> int:
    """Run one stress CASE of RUN again (its id, or its first letters) and compare the digest.

    A case that an attack found is replayed with --suite and the file that the attack wrote.
    """
    from agents.runs import open_run
    from stress.expand import expand
    from stress.pipeline import campaign_of
    from stress.recorded import recorded_cases
    from stress.run_case import run_case
    from stress.trial import open_trial, read_terms, with_champion
    from twin.progress import stages

    folder = open_run(run)
    tell_changes(folder)
    with stages(quiet=True) as display:
        terms = read_terms(suite, gate, times)
        trial = with_champion(open_trial(folder, terms, display), registry)
    trial = replace(trial, sabotage=sabotage)
    known = {found.id: found for found in expand(campaign_of(trial)) if found.id.startswith(case)}
    if len(known) != 1:
        raise NothingSelectedError(
            f"{len(known) or 'no'} cases begin with {case!r}", str(run), fix="Give more letters."
        )
    chosen = next(iter(known.values()))
    recorded = recorded_cases(folder.path).get(chosen.id)
    again = run_case(chosen)
    same = recorded is not None and recorded == again
    if as_json:
        print_json({"same": same, "result": again.model_dump(mode="json")})
    else:
        click.echo(f"{chosen.label}: cost {again.cost:.4f}, ledger {again.ledger_digest[:16]}")
        click.echo("same as recorded" if same else "NOT the same as recorded")
    return 0 if same else 1
