"""The command ``audit``: which agents of a fleet pull their weight."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agents.options import sabotage_option
from twin.errors import UsageError
from twin.options import (
    count_option,
    json_option,
    path_option,
    print_json,
    seed_option,
    share_option,
)

if TYPE_CHECKING:
    from rich.progress import Progress

    from agents.credit.record import AgentAudit, Audit
    from agents.credit.replay import Game
    from agents.runs import RunFolder
    from twin.env.rules import OrderingRule
    from twin.network.world import World

BUDGET = 6_000
"""Episodes of an audit unless told otherwise."""
MOST_SEEDS = 96
METHODS = {
    "exact": "All coalitions",
    "permutations": "Random orders of joining and their reverses",
    "leave_one_out": "Leave-one-out",
}


@click.command()
@click.argument("run_or_bundle", type=click.Path(path_type=Path))
@path_option("--scenario", text="Network of a bundle that lies outside its run.")
@count_option(
    "--seeds",
    f"Sample paths [default: what {BUDGET:,} episodes allow, at most {MOST_SEEDS}].",
    most=10_000,
    least=2,
)
@seed_option()
@share_option(
    "--lazy-share",
    "Share of the team's saving up to which a contribution counts as none.",
    default=0.01,
)
@sabotage_option
@json_option
def audit(
    run_or_bundle: Path,
    scenario: Path | None,
    seeds: int | None,
    seed: int,
    lazy_share: float,
    sabotage: str,
    as_json: bool,
) -> int:
    """Say which agents of RUN_OR_BUNDLE pull their weight, by Shapley values.

    Every agent is replaced by the tuned static policy in every coalition (up to six agents; beyond
    that in random orders of joining and their reverses), on the same seeds, the others reacting.
    Exits with 1 when an agent is lazy or does harm. The audit of a run is kept in its audit.json.
    """
    from agents.credit.audit import audit as audited
    from agents.credit.record import write_audit
    from agents.credit.replay import affordable
    from agents.credit.shapley import seeds_within
    from twin.progress import stage, stages

    with stages(quiet=as_json) as display:
        game, folder = _opened(run_or_bundle, scenario, sabotage, display)
        count = seeds or seeds_within(len(game.agents), affordable(game, BUDGET), MOST_SEEDS)
        with stage(display, "audit") as line:
            found = audited(game, range(seed, seed + count), lazy_share, progress=line)
    if folder is not None and not sabotage:
        write_audit(folder.path, found)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        _print(found)
    return 1 if found.blamed else 0


def _opened(
    place: Path, scenario: Path | None, sabotage: str, display: Progress
) -> tuple[Game, RunFolder | None]:
    """A run folder, the bundle inside one, or a bundle and the scenario it is for."""
    from agents.runs import open_run

    home = place.parent if place.name == "bundle" else place
    if scenario is None and (home / "run.json").is_file():
        folder = open_run(home)
        return _of_run(folder, sabotage, display), folder
    return _of_bundle(place, scenario, sabotage), None


def _of_run(folder: RunFolder, sabotage: str, display: Progress) -> Game:
    from agents.stages import STATIC, tune_stage
    from twin.network.world import compile_world

    if not folder.bundle.is_dir():
        place = str(folder.path)
        raise UsageError("the run has no trained fleet", place, fix="Run `twin train` first.")
    world = compile_world(folder.scenario().model)
    rule = tune_stage(folder, world, folder.record.seed, display)[STATIC]
    return _game(folder.bundle, world, rule, sabotage)


def _of_bundle(place: Path, scenario: Path | None, sabotage: str) -> Game:
    """A bundle alone plays against the static policy that its actions correct."""
    import numpy as np

    from agents.checkpoint.bundle import load_policy, read_bundle
    from twin.env.rules import OrderingRule
    from twin.network.world import compile_world
    from twin.scenario import load

    manifest, _ = read_bundle(place)
    if scenario is None:
        fix = f"Name the network it was trained for, {manifest.scenario!r}, with --scenario FILE."
        raise UsageError("the bundle does not lie in a run folder", str(place), fix=fix)
    world = compile_world(load(scenario).model)
    load_policy(place, world)
    levels = np.array([[manifest.levels[n][p] for p in world.products] for n in world.nodes])
    return _game(place, world, OrderingRule("base_stock", levels[None]), sabotage)


def _game(bundle: Path, world: World, rule: OrderingRule, sabotage: str) -> Game:
    from agents.checkpoint.bundle import load_policy
    from agents.checkpoint.sabotage import sabotaged
    from agents.credit.replay import Game

    game = Game(world, load_policy(bundle, world), rule)
    if not sabotage:
        return game
    return replace(game, policy=sabotaged(game.policy, sabotage, game.agents))


def _print(found: Audit) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("agent", "verdict", "Shapley, 95 %", "share", "LOO", "spread"):
        table.add_column(heading, no_wrap=True)
    for row in found.agents:
        table.add_row(*_row(row))
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    for row in found.agents:
        console.print(f"{row.agent}: {row.sentence}", markup=False)
    console.print(
        f"The team costs {found.cost:.4g} {found.currency} per period, the static policy "
        f"{found.default_cost:.4g}: it saves {found.gain.value:.4g} "
        f"({found.gain.low:.4g} to {found.gain.high:.4g})."
    )
    console.print(
        f"{METHODS[found.method]}, {found.seeds} seeds, {found.episodes:,} episodes in "
        f"{found.seconds:.2g} s.\nCommon random numbers cut the variance of a contribution: "
        f"{_variance_ratios(found)}.\nLOO, leave one out: what the team loses when only this agent "
        "follows the static policy.\nSpread of its decisions: in periods of mean flow, or of the "
        "fleet.",
        markup=False,
    )


def _variance_ratios(found: Audit) -> str:
    known = [(row.agent, row.variance_ratio) for row in found.agents]
    return ", ".join(f"{n} {r:.1f}x" for n, r in known if r is not None) or "not measurable"


def _row(row: AgentAudit) -> tuple[str, ...]:
    value = row.shapley
    return (
        row.agent,
        f"! {row.verdict}" if row.reason else row.verdict,
        "" if value is None else f"{value.value:.3g} ({value.low:.3g} to {value.high:.3g})",
        "" if row.share is None else f"{row.share:.0%}",
        f"{row.leave_one_out.value:.3g}",
        f"{row.spread:.2g}",
    )
