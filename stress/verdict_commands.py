"""Commands from evidence to a champion: judge, promote, rollback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agents.options import registry_option
from stress.options import opened_trial, times_option, trial_options
from twin.options import json_option, print_json, run_argument


@click.command()
@run_argument
@trial_options
@times_option
def judge(as_json: bool, **options: Any) -> int:
    """Judge RUN by the GATE file: PASS, FAIL or INCONCLUSIVE, with the evidence."""
    from stress.pipeline import judge_stage
    from stress.wording import verdict_lines

    with opened_trial("judge", quiet=as_json, **options) as (trial, display):
        verdict = judge_stage(trial, display)
    if as_json:
        print_json(verdict.model_dump(mode="json"))
    else:
        click.echo("\n".join(verdict_lines(verdict)))
    return 0 if verdict.status == "PASS" else 1


@click.command()
@run_argument
@registry_option
@json_option
def promote(run: Path, registry: Path, as_json: bool) -> None:
    """Make the fleet of RUN the champion; only a run that passed its gate is promoted."""
    from agents.checkpoint.registry import Registry
    from agents.runs import open_run
    from stress.promote import promote_run

    record = promote_run(open_run(run), Registry(registry))
    if as_json:
        print_json({"champion": record.version, "bundle": record.bundle_hash})
    else:
        click.echo(f"version {record.version} of {record.model} is the champion")


@click.command()
@click.argument("model")
@click.option("--to", "version", default=None, help="Version [default: the previous champion].")
@registry_option
@json_option
def rollback(model: str, version: str | None, registry: Path, as_json: bool) -> None:
    """Make an earlier champion of MODEL (a scenario's name) the champion again."""
    from agents.checkpoint.registry import Registry

    record = Registry(registry).rollback(model, version)
    if as_json:
        print_json({"champion": record.version, "bundle": record.bundle_hash})
    else:
        click.echo(f"version {record.version} of {record.model} is the champion again")
