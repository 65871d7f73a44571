"""Commands about policies: simulate."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agents.options import policy_option
from twin.errors import UsageError
from twin.options import (
    count_option,
    jobs_option,
    json_option,
    out_option,
    overrides_option,
    print_json,
    scenario_argument,
    seed_option,
)

if TYPE_CHECKING:
    from agents.seeds import SeedResult, Spread
    from twin.env.policy import Policy
    from twin.env.rules import OrderingRule
    from twin.network.world import World


@click.command()
@scenario_argument
@policy_option
@click.option("--tune", is_flag=True, help="Tune the static policy first.")
@count_option("--seeds", "How many runs.", default=1, most=100_000)
@seed_option()
@jobs_option
@overrides_option
@out_option("Write the JSON result to this file.")
@json_option
def simulate(
    scenario: Path,
    policy: str,
    tune: bool,
    seeds: int,
    seed: int,
    jobs: int,
    overrides: tuple[str, ...],
    out: Path | None,
    as_json: bool,
) -> None:
    """Run SCENARIO under a policy for consecutive seeds and print its KPIs."""
    from agents.seeds import combined_digest, run_seeds, spreads
    from twin.network.world import compile_world
    from twin.progress import stage, stages
    from twin.scenario import load

    loaded = load(scenario, overrides)
    world = compile_world(loaded.model)
    chosen = choose_policy(world, policy, tune, seed)
    with stages(quiet=as_json) as display, stage(display, "simulate") as line:
        results = run_seeds(
            world, chosen, range(seed, seed + seeds), jobs, lambda done: line(done / seeds)
        )
    failures = getattr(chosen, "failures", {})
    if failures:
        told = ", ".join(f"{label} {count:,}" for label, count in sorted(failures.items()))
        click.echo(f"note: the static policy decided where the agent failed: {told}", err=True)
    kpis = spreads(results)
    document = {
        "scenario": loaded.name,
        "scenario_digest": loaded.digest,
        "policy": policy,
        "seeds": [seed, seed + seeds - 1],
        "digest": combined_digest(results),
        "kpis": {name: dataclasses.asdict(spread) for name, spread in kpis.items()},
    }
    if out is not None:
        _write(out, document)
    if as_json:
        print_json(document)
    else:
        _print_kpis(results, kpis, document["digest"])


def choose_policy(world: World, policy: str, tune: bool, seed: int) -> OrderingRule | Policy:
    """A static policy by name, or a fleet or outside agent by folder; raises UsageError else."""
    from agents.baselines import default_rules, tune_baselines

    rules = default_rules(world)
    if policy in rules:
        kind = next(kind for kind in rules if kind == policy)
        if not tune:
            return rules[kind]
        return tune_baselines(world, seed, kinds=(kind,))[kind].rule
    folder = Path(policy)
    if folder.is_dir():
        from agents.checkpoint.bundle import load_policy
        from agents.outside.manifest import is_agent
        from agents.outside.policy import OutsidePolicy

        if is_agent(folder):
            return OutsidePolicy(folder, world)
        nested = folder / "bundle"
        return load_policy(nested if nested.is_dir() else folder, world)
    raise UsageError(
        "unknown policy",
        "--policy",
        repr(policy),
        f"{', '.join(rules)}, the folder of a bundle, or of an agent.py",
    )


def _write(out: Path, document: dict[str, Any]) -> None:
    import json

    try:
        out.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError("cannot write the result", str(out), str(error)) from None


def _print_kpis(results: list[SeedResult], kpis: dict[str, Spread], digest: object) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("KPI", "mean", "95 % interval", "p5", "p95", "worst tenth", box=None)
    for name, spread in kpis.items():
        row = (spread.mean, spread.low, spread.high, spread.p5, spread.p95, spread.cvar)
        mean, low, high, p5, p95, cvar = (f"{value:.4g}" for value in row)
        table.add_row(name, mean, f"{low} to {high}", p5, p95, cvar)
    console = Console()
    console.print(table)
    console.print(f"{len(results)} seed(s), digest {digest}", highlight=False)
