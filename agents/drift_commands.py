"""The command ``drift``: how a fleet differs from the one it was trained from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agents.options import registry_option
from twin.errors import UsageError
from twin.options import (
    count_option,
    jobs_option,
    json_option,
    path_option,
    print_json,
    run_argument,
    seed_option,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from agents.runs import RunFolder
    from agents.stability.delta import BehaviourDelta, LayerDelta
    from agents.stability.forgetting import Memory
    from twin.env.policy import Policy
    from twin.env.rules import OrderingRule
    from twin.network.world import World

WATCHED = 4
"""Sample paths on which decisions are compared."""


@click.command()
@run_argument
@path_option(
    "--parent",
    text="Bundle or run of the parent [default: the registered bundle it was trained from].",
)
@path_option(
    "--on",
    "earlier",
    text="An earlier scenario that the fleet should not have forgotten; repeatable.",
    multiple=True,
    metavar="SCENARIO",
)
@registry_option
@count_option("--seeds", "Sample paths.", default=16, most=10_000, least=2)
@seed_option()
@jobs_option
@json_option
def drift(
    run: Path,
    parent: Path | None,
    earlier: tuple[Path, ...],
    registry: Path,
    seeds: int,
    seed: int,
    jobs: int,
    as_json: bool,
) -> int:
    """Compare the fleet of RUN with its parent: layers, decisions, and what it has forgotten.

    Exits with 1 when the fleet is worse than its parent, beyond doubt, on any of the scenarios.
    """
    from agents.runs import open_run
    from twin.progress import stages

    folder = open_run(run)
    home = _parent_bundle(folder, parent, registry)
    with stages(quiet=as_json) as display:
        pair = _Pair(folder.bundle, home, range(seed, seed + seeds), jobs, display)
        found = _compare(folder, pair, earlier)
    document = found.document()
    folder.write_json("drift.json", document)
    if as_json:
        print_json(document)
    else:
        _print(found)
    return 1 if any(m.verdict == "forgot" for m in found.memories) else 0


@dataclass(frozen=True)
class Drift:
    """Everything that was compared."""

    parent: str
    layers: tuple[LayerDelta, ...]
    behaviour: tuple[BehaviourDelta, ...]
    memories: tuple[Memory, ...]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        memories = [
            {**m.model_dump(mode="json"), "verdict": m.verdict, "share_lost": m.share}
            for m in self.memories
        ]
        return {
            "parent": self.parent,
            "layers": [row.model_dump(mode="json") for row in self.layers],
            "behaviour": [row.model_dump(mode="json") for row in self.behaviour],
            "scenarios": memories,
        }


def _parent_bundle(folder: RunFolder, parent: Path | None, registry: Path) -> Path:
    """Where the parent lies: as given, or the registered bundle with the recorded hash."""
    from agents.checkpoint.bundle import read_bundle, read_bundle_hash

    if not folder.bundle.is_dir():
        place = str(folder.path)
        raise UsageError("the run has no trained fleet", place, fix="Run `twin train` first.")
    if parent is not None:
        nested = parent / "bundle"
        return nested if nested.is_dir() else parent
    wanted = read_bundle(folder.bundle)[0].parent
    if not wanted:
        fix = "Name a bundle to compare with: --parent PATH."
        raise UsageError("the fleet was trained from scratch", str(folder.path), fix=fix)
    for candidate in sorted((registry / "bundles").glob("*/manifest.json")):
        if read_bundle_hash(candidate.parent) == wanted:
            return candidate.parent
    fix = "Name it with --parent PATH, or the registry with --registry."
    raise UsageError("the parent is not registered", str(registry), "", wanted[:12], fix)


@dataclass(frozen=True)
class _Pair:
    """A fleet and its parent, and how they are run."""

    fleet: Path
    parent: Path
    seeds: Sequence[int]
    jobs: int
    display: Progress

    def policies(self, world: World) -> dict[str, Policy]:
        """Both as policies of a world; raises BundleError where they do not fit it."""
        from agents.checkpoint.bundle import load_policy

        return {
            "fleet": load_policy(self.fleet, world),
            "parent": load_policy(self.parent, world, "parent"),
        }

    def on(self, name: str, world: World, rule: OrderingRule) -> Memory:
        """Compare them on one scenario, beside a static rule."""
        from agents.stability.forgetting import memory
        from twin.progress import stage

        policies: dict[str, Policy | OrderingRule] = {**self.policies(world), "static": rule}
        with stage(self.display, "memory") as line:
            return memory(
                name, world, policies, self.seeds, self.jobs, lambda share: line(share, name)
            )


def _compare(folder: RunFolder, pair: _Pair, earlier: Sequence[Path]) -> Drift:
    """The run's own scenario against its tuned static policy; earlier ones against their own."""
    from agents.checkpoint.bundle import bundle_hash, read_bundle
    from agents.stability.delta import behaviour_deltas, layer_deltas
    from agents.stages import STATIC, tune_stage
    from twin.env.rules import default_rule
    from twin.network.world import compile_world
    from twin.progress import stage
    from twin.scenario import load

    world = compile_world(folder.scenario().model)
    rule = tune_stage(folder, world, folder.record.seed, pair.display)[STATIC]
    manifest, old = read_bundle(pair.parent)
    layers = layer_deltas(read_bundle(pair.fleet)[1], old)
    both = pair.policies(world)
    with stage(pair.display, "behaviour"):
        acts = behaviour_deltas(world, both["fleet"], both["parent"], pair.seeds[:WATCHED])
    memories = [pair.on(folder.record.scenario, world, rule)]
    for path in earlier:
        scenario = load(path)
        other = compile_world(scenario.model)
        memories.append(pair.on(scenario.name, other, default_rule(other)))
    return Drift(
        f"{manifest.algorithm} {bundle_hash(manifest)[:12]}", layers, acts, tuple(memories)
    )


def _print(found: Drift) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    console.print(f"parent: {found.parent}")
    layers = Table("layer", "change", "cosine", box=None, pad_edge=False)
    for row in found.layers:
        layers.add_row(row.layer, _share(row.relative), _number(row.cosine))
    acts = Table("agent", "distance", "bias", "decided otherwise", box=None, pad_edge=False)
    for act in found.behaviour:
        acts.add_row(act.agent, f"{act.distance:.3f}", f"{act.bias:+.3f}", f"{act.changed:.0%}")
    console.print(layers)
    console.print(acts)
    _print_memories(console, found.memories)


def _print_memories(console: Console, memories: Sequence[Memory]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("scenario", "verdict", "cost", "parent", "static", "change, 95 %"):
        table.add_column(heading, no_wrap=True)
    marks = {"forgot": "! forgot", "kept": "= kept", "improved": "+ improved"}
    for m in memories:
        change = f"{m.change.value:+.3g} ({m.change.low:+.3g} to {m.change.high:+.3g})"
        costs = (f"{x:.4g}" for x in (m.cost, m.parent_cost, m.static_cost))
        table.add_row(m.scenario, marks[m.verdict], *costs, change)
    console.print(table)
    console.print("Distances are in periods of mean flow, or in shares of the fleet.")


def _share(value: float | None) -> str:
    return "another shape" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
