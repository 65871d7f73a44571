"""Commands that end in a page: report, prove."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agents.options import sabotage_option
from stress.options import plan_of, training_options
from twin.options import jobs_option, json_option, print_json, run_argument


@click.command()
@run_argument
def report(run: Path) -> None:
    """Write report.html of RUN: one self-contained page."""
    from reports.render import render_report

    click.echo(str(render_report(run)))


@click.command()
@training_options
@sabotage_option
@jobs_option
@json_option
def prove(as_json: bool, **options: Any) -> int:
    """Take SCENARIO to a judged fleet: tune, train, stress, judge, promote or refuse, report."""
    from agents.learn.launched import refuse_ranks
    from reports.prove import prove_scenario
    from stress.wording import verdict_lines

    refuse_ranks("twin prove")
    outcome = prove_scenario(plan_of(options), quiet=as_json)
    verdict = outcome.verdict
    if as_json:
        document = verdict.model_dump(mode="json")
        print_json({**document, "report": str(outcome.report), "promoted": outcome.promoted})
    else:
        click.echo("\n".join(verdict_lines(verdict)))
        if outcome.promoted:
            click.echo(f"promoted: version {outcome.promoted} is the champion")
        click.echo(f"report: {outcome.report}")
    return 0 if verdict.status == "PASS" else 1
