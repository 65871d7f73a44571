"""The command ``bound``: how much a scenario leaves to win."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twin.options import (
    count_option,
    jobs_option,
    json_option,
    overrides_option,
    print_json,
    scenario_argument,
    seed_option,
)

if TYPE_CHECKING:
    from agents.baselines.oracle_room import Interval, Room, SeedRoom
    from twin.env.rules import OrderingRule
    from twin.network.world import World


@click.command()
@scenario_argument
@count_option("--seeds", "How many runs.", default=8, most=100_000)
@seed_option()
@click.option("--linear", is_flag=True, help="Allow parts of vehicles: faster, a lower bound.")
@click.option("--no-tune", is_flag=True, help="Keep the scenario's own order-up-to levels.")
@jobs_option
@overrides_option
@json_option
def bound(
    scenario: Path,
    seeds: int,
    seed: int,
    linear: bool,
    no_tune: bool,
    jobs: int,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say what SCENARIO leaves to win: a static policy against perfect information.

    The bound is the least cost at which each sample path can be run by somebody who knows it in
    advance. No policy costs less, so what lies between the two is the most that can be won.
    """
    from agents.baselines.oracle_room import measure_seeds, summed_up
    from twin.network.world import compile_world
    from twin.progress import stage, stages
    from twin.scenario import load

    loaded = load(scenario, overrides)
    world = compile_world(loaded.model)
    with stages(quiet=as_json) as display:
        with stage(display, "static") as line:
            rule = _static_rule(world, seed, no_tune, line)
        with stage(display, "bound") as line:
            runs = range(seed, seed + seeds)
            results = measure_seeds(
                world, rule, runs, not linear, jobs, lambda done: line(done / seeds)
            )
    room = summed_up(results)
    if as_json:
        print_json(
            {
                "scenario": loaded.name,
                "scenario_digest": loaded.digest,
                "static": "base_stock" if no_tune else "tuned base_stock",
                "seeds": [seed, seed + seeds - 1],
                "periods": world.periods,
                "discount": loaded.model.discount,
                "cost_per_period": dataclasses.asdict(room),
                "nothing_to_win": room.nothing_to_win,
                "runs": [dataclasses.asdict(result) for result in results],
            }
        )
    else:
        _print(loaded.model.currency, world, room, results, no_tune)


def _static_rule(world: World, seed: int, no_tune: bool, line: Any) -> OrderingRule:
    from agents.baselines import default_rules, tune_baselines

    if no_tune:
        return default_rules(world)["base_stock"]
    tuned = tune_baselines(
        world, seed, kinds=("base_stock",), progress=lambda _, share: line(share)
    )
    return tuned["base_stock"].rule


def _print(currency: str, world: World, room: Room, results: list[SeedRoom], no_tune: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    discount = world.model.discount
    unit = f"{currency}/period" + (f", discounted by {discount:g}" if discount < 1 else "")
    table = Table("cost less revenue", f"mean, {unit}", "95 % interval", box=None)
    rows = {
        "static base-stock" + ("" if no_tune else ", tuned"): room.static,
        "bound (perfect information)": room.bound,
        "room between, paired": room.room,
    }
    if room.relaxed:
        rows["the bound's orders, replayed"] = room.replayed
    for name, value in rows.items():
        table.add_row(name, f"{value.mean:.4g}", _span(value))
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    console.print(_verdict(room))
    for name in room.relaxed:
        console.print(f"not exact: {name}")
    if not room.relaxed:
        console.print("Nothing is relaxed: the bound's orders cost exactly the bound in the twin.")
    seconds = sum(result.seconds for result in results) / len(results)
    console.print(f"{len(results)} seed(s), {seconds:.2g} s per bound")


def _span(value: Interval) -> str:
    if value.low is None or value.high is None:
        return "one seed only"
    return f"{value.low:.4g} to {value.high:.4g}"


def _verdict(room: Room) -> str:
    from agents.baselines.oracle_room import LEAST_ROOM

    if room.nothing_to_win:
        return (
            f"There is no room: even with the future known, at most {LEAST_ROOM:.0%} of the static "
            "cost can be saved. Training on this scenario cannot pay."
        )
    share = "" if room.share is None else f", {room.share:.1%} of the static cost"
    return (
        f"At most {room.room.mean:.4g} per period can be won{share}. No policy needs to reach "
        "the bound, since none knows the future."
    )
