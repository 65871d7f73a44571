"""Commands that end in a page: report, prove."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from stress.commands import gate_option, registry_option, sabotage_option, suite_option
from twin.options import (
    jobs_option,
    json_option,
    out_option,
    overrides_option,
    print_json,
    run_argument,
    scenario_argument,
    seed_option,
)


@click.command()
@run_argument
def report(run: Path) -> None:
    """Write report.html of RUN: one self-contained page."""
    from reports.render import render_report

    click.echo(str(render_report(run)))


@click.command()
@scenario_argument
@suite_option
@gate_option
@registry_option
@sabotage_option
@seed_option()
@click.option("--agent-steps", type=click.IntRange(1), default=None, help="Training budget.")
@click.option("--resume", is_flag=True, help="Go on with the newest unfinished run like this one.")
@click.option("--from-scratch", is_flag=True, help="Do not start training from the champion.")
@jobs_option
@overrides_option
@out_option("Folder for run folders [default: runs].")
@json_option
def prove(
    scenario: Path,
    suite: Path,
    gate: Path,
    registry: Path,
    sabotage: str,
    seed: int,
    agent_steps: int | None,
    resume: bool,
    from_scratch: bool,
    jobs: int,
    overrides: tuple[str, ...],
    out: Path | None,
    as_json: bool,
) -> int:
    """Take SCENARIO to a judged fleet: tune, train, stress, judge, promote or refuse, report."""
    from reports.prove import Plan, prove_scenario
    from stress.wording import verdict_lines

    plan = Plan(
        scenario=scenario,
        overrides=overrides,
        suite=suite,
        gate=gate,
        registry=registry,
        sabotage=sabotage,
        seed=seed,
        agent_steps=agent_steps,
        resume=resume,
        from_scratch=from_scratch,
        jobs=jobs,
        runs=out or Path("runs"),
        command=shlex.join(["twin", *sys.argv[1:]]),
        quiet=as_json,
    )
    outcome = prove_scenario(plan)
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
