"""The command ``twin export``: here, because what happened depends on a policy."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twin.errors import UsageError
from twin.options import json_option, overrides_option, path_option, print_json, seed_option

if TYPE_CHECKING:
    from twin.engine.ledger import PeriodLedger
    from twin.scenario import Scenario

FORMATS = ("geojson", "epcis", "csv", "parquet")


@click.command()
@click.argument("format_name", metavar="FORMAT", type=click.Choice(FORMATS))
@click.argument("source", metavar="SCENARIO_OR_RUN", type=click.Path(path_type=Path))
@path_option("--out", text="File to write.", required=True)
@click.option(
    "--policy",
    default="",
    help="As for `twin simulate` [default: the fleet of a run, else base_stock].",
)
@seed_option()
@overrides_option
@click.option("--wide", is_flag=True, help="csv, parquet: --out is a folder, one file per table.")
@click.option("--start", default="2026-01-05", show_default=True, help="epcis: the date of day 0.")
@click.option("--base", default="https://twin.example", show_default=True, help="epcis: of URIs.")
@json_option
def export(
    format_name: str,
    source: Path,
    out: Path,
    policy: str,
    seed: int,
    overrides: tuple[str, ...],
    wide: bool,
    start: str,
    base: str,
    as_json: bool,
) -> None:
    """Write a scenario, or one episode of it, as geojson, epcis (JSON-LD), csv or parquet.

    geojson holds the scenario itself; the others what one seed gave under a policy.
    """
    from twin.progress import stage, stages
    from twin.scenario import load

    run = source.is_dir()
    scenario = load(source / "scenario.yaml" if run else source, overrides)
    document: dict[str, Any] = {"scenario": scenario.name, "scenario_digest": scenario.digest}
    if format_name == "geojson":
        document["wrote"] = [str(_write_geojson(scenario, out))]
    else:
        chosen = policy or (str(source) if (source / "bundle").is_dir() else "base_stock")
        began = _date(start)
        with stages(quiet=as_json) as display:
            with stage(display, "simulate"):
                ledger = _ledger(scenario, chosen, seed)
            with stage(display, "write"):
                document |= {"policy": chosen, "seed": seed, "digest": ledger.digest}
                document |= _write(format_name, ledger, out, wide, began, base)
    if as_json:
        print_json(document)
    else:
        count = f" ({document['events']:,} events)" if "events" in document else ""
        click.echo(f"wrote {', '.join(document['wrote'])}{count}")


def _write_geojson(scenario: Scenario, out: Path) -> Path:
    from twin.exporters.files import whole_file
    from twin.exporters.geojson import geojson_text

    with whole_file(out) as stream:
        stream.write(geojson_text(scenario))
    return out


def _ledger(scenario: Scenario, policy: str, seed: int) -> PeriodLedger:
    from agents.commands import choose_policy
    from twin.env.episode import run_policy
    from twin.env.rules import OrderingRule
    from twin.exogenous.path import draw_path
    from twin.network.world import compile_world
    from twin.simulation import run_rule

    world = compile_world(scenario.model)
    chosen, path = choose_policy(world, policy, False, seed), draw_path(world, seed)
    if isinstance(chosen, OrderingRule):
        return run_rule(world, path, chosen)
    return run_policy(world, path, chosen)


def _write(
    format_name: str, ledger: PeriodLedger, out: Path, wide: bool, start: datetime.date, base: str
) -> dict[str, Any]:
    from twin.exporters import write_csv, write_epcis, write_parquet

    if format_name == "epcis":
        return {"events": write_epcis(ledger, out, start, base), "wrote": [str(out)]}
    write = write_csv if format_name == "csv" else write_parquet
    return {"wrote": [str(path) for path in write(ledger, out, wide)]}


def _date(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise UsageError("not a date", "--start", repr(text), "such as 2026-01-05") from None
