"""The command ``risk``: which node the network can least do without."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agents.options import policy_option
from twin.errors import UsageError
from twin.options import (
    count_option,
    json_option,
    overrides_option,
    print_json,
    scenario_argument,
    seed_option,
)

if TYPE_CHECKING:
    from agents.risk import NodeRisk, Outage
    from twin.network.world import World

DEFAULT_START = 1 / 3
"""The outage starts after this share of the horizon unless told otherwise."""


@click.command()
@scenario_argument
@click.option(
    "--outage", default="14 d", show_default=True, metavar="TIME", help="How long a node is out."
)
@click.option(
    "--start", default=None, metavar="TIME", help="When it goes out [default: a third of the way]."
)
@policy_option
@count_option("--seeds", "Paired runs.", default=10, most=10_000)
@seed_option()
@overrides_option
@json_option
def risk(
    scenario: Path,
    outage: str,
    start: str | None,
    policy: str,
    seeds: int,
    seed: int,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Take each node of SCENARIO out in turn: cost, service, time to recover and to survive.

    While a node is out, its lanes are closed: nothing enters or leaves it, and freight that is on
    its way still arrives. Runs are paired: the same seeds with and without the outage.
    """
    from agents.commands import choose_policy
    from agents.risk import risk_exposure
    from twin.network.world import compile_world
    from twin.progress import stage, stages
    from twin.scenario import load

    loaded = load(scenario, overrides)
    world = compile_world(loaded.model)
    when = _outage(world, outage, start)
    when.check(world)
    chosen = choose_policy(world, policy, False, seed)
    with stages(quiet=as_json) as display, stage(display, "risk") as line:
        found = risk_exposure(world, chosen, range(seed, seed + seeds), when, line)
    if as_json:
        print_json(
            {
                "scenario": loaded.name,
                "scenario_digest": loaded.digest,
                "policy": policy,
                "seeds": [seed, seed + seeds - 1],
                "start_d": when.start * world.period_d,
                "outage_d": when.periods * world.period_d,
                "failure_level": when.failure_level,
                "recovery_level": when.recovery_level,
                "hold_d": when.hold * world.period_d,
                "nodes": [dataclasses.asdict(node) for node in found],
            }
        )
    else:
        _print_table(found, when, world, seeds)


def _outage(world: World, outage: str, start: str | None) -> Outage:
    from agents.risk import Outage

    periods = _periods(world, "--outage", outage)
    default = round(world.periods * DEFAULT_START)
    return Outage(default if start is None else _periods(world, "--start", start), periods)


def _periods(world: World, option: str, text: str) -> int:
    from twin.units import duration_d

    try:
        return round(duration_d(text) / world.period_d)
    except UsageError as error:
        raise UsageError(error.what, option, error.got, error.expected) from None


def _print_table(found: list[NodeRisk], when: Outage, world: World, seeds: int) -> None:
    from rich.console import Console
    from rich.table import Table

    headings = ("node out", "cost impact", "95 % interval", "service loss", "TTR", "TTS", "")
    table = Table(*headings, box=None)
    for node in found:
        cost, loss = node.cost_impact, node.service_loss
        table.add_row(
            node.node,
            f"{cost.mean:.4g}",
            f"{cost.low:.4g} to {cost.high:.4g}",
            "" if loss is None else f"{100 * loss.mean:.2f} %",
            "not back" if node.ttr_d is None else f"{node.ttr_d:.3g} d",
            "no limit" if node.tts_d is None else f"{node.tts_d:.3g} d",
            "! TTS < TTR" if node.exposed else "",
        )
    console = Console()
    console.print(table)
    begin, end = (x * world.period_d for x in (when.start, when.start + when.periods))
    console.print(
        f"Each node out from day {begin:g} to day {end:g}; {seeds} paired seed(s). Cost in "
        f"{world.model.currency} over the horizon; service loss: share of demand.\n"
        f"TTR: from service below {100 * when.failure_level:g} % to above "
        f"{100 * when.recovery_level:g} % of its level without the outage, held for "
        f"{when.hold * world.period_d:g} d.\nTTS: how long supply can meet mean demand at best. "
        "! marks nodes whose outage or recovery lasts longer.",
        highlight=False,
    )
