"""Entering an agent of a third party: a run folder with it in place of a trained fleet.

From a scenario, or from a run, whose scenario and tuned static policies it then meets. The agent's
folder is copied and sealed: what is stressed and judged is what was entered.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import click

from agents.outside.policy import OutsidePolicy, folder_digest
from agents.runs import RunFolder, create_run, open_run, unfinished_run
from stress.trial import read_terms, seal_artifact
from twin.errors import UsageError
from twin.network.world import compile_world
from twin.scenario import Scenario, load


@dataclass(frozen=True)
class Entry:
    """Who is entered, into what, to be judged by what."""

    agent: Path
    source: Path
    """A scenario file, or a run folder."""
    suite: Path
    gate: Path
    runs: Path
    command: str
    seed: int = 0
    """Of the tuning of the static policies; a run has its own."""


def entered(entry: Entry) -> RunFolder:
    """The run folder of an entry; the newest one without a verdict goes on.

    Raises UsageError where the agent does not get ready.
    """
    scenario, seed, baselines = _source(entry)
    with OutsidePolicy(entry.agent, compile_world(scenario.model)) as agent:
        open_ends = [what for what, holds in agent.enforced.items() if not holds]
    if open_ends:
        click.echo(f"note: not enforced on this platform: {', '.join(open_ends)}", err=True)
    settings = {**read_terms(entry.suite, entry.gate).settings, "agent": agent.digest}
    folder = unfinished_run(entry.runs, scenario, seed, settings) or create_run(
        entry.runs, scenario, seed, (), entry.command, settings
    )
    if baselines is not None and not folder.baselines.exists():
        shutil.copyfile(baselines, folder.baselines)
    _place(entry.agent, folder.agent, agent.digest)
    seal_artifact(folder)
    return folder


def _source(entry: Entry) -> tuple[Scenario, int, Path | None]:
    """The scenario, the seed, and the tuned static policies where there are any."""
    if not entry.source.is_dir():
        return load(entry.source), entry.seed, None
    run = open_run(entry.source)
    return run.scenario(), run.record.seed, run.baselines if run.baselines.exists() else None


def _place(agent: Path, target: Path, digest: str) -> None:
    """Copy the agent into the run, whole or not at all."""
    if not target.exists():
        unfinished = target.with_name("agent.partial")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(agent, unfinished)
        unfinished.rename(target)
    found = folder_digest(target)
    if found != digest:
        raise UsageError("the agent of the run has changed", str(target), found[:12], digest[:12])
