"""Commands about scenarios and the installation: new, check, show, doctor."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twin.errors import ScenarioError, UsageError
from twin.options import choice_option, json_option, overrides_option, print_json, scenario_argument

if TYPE_CHECKING:
    from twin.network.world import World
    from twin.scenario.loader import Scenario

UNIT_OF = {"units": "units", "weight": "kg", "volume": "m3"}
TEMPLATES = ("fleet", "store", "factory", "perishable", "disruption")
"""Files in ``twin/scenario/templates``."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@choice_option("--template", TEMPLATES, "What it is about.", default=TEMPLATES[0])
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def new(file: Path, template: str, force: bool) -> None:
    """Write a small scenario to FILE to start from."""
    file = file if file.suffix else file.with_suffix(".yaml")
    if file.exists() and not force:
        raise UsageError("the file exists", str(file), fix="Use --force to overwrite it.")
    if not file.parent.is_dir():
        raise UsageError("no such folder", str(file.parent))
    source = Path(__file__).parent / "scenario" / "templates" / f"{template}.yaml"
    text = source.read_text(encoding="utf-8").replace(
        "name: NAME", f"name: {json.dumps(file.stem)}"
    )
    file.write_text(f"# Check it with `twin check {file}`.\n{text}", encoding="utf-8")
    click.echo(f"wrote {file}; next: twin check {file}")


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@overrides_option
@json_option
def check(files: tuple[Path, ...], overrides: tuple[str, ...], as_json: bool) -> int:
    """Check FILES of any kind; every problem is shown with file, line and column."""
    from twin.scenario import read_sources, render

    results: list[dict[str, Any]] = []
    for file in files:
        try:
            digest, size = _checked(file, overrides)
        except ScenarioError as error:
            problems = [
                {**{name: getattr(p, name) for name in p.__dataclass_fields__}}
                for p in error.problems
            ]
            results.append({"file": str(file), "ok": False, "problems": problems})
            if not as_json:
                click.echo(render(error.problems, read_sources(error.problems)), err=True)
        else:
            results.append({"file": str(file), "ok": True, "digest": digest})
            if not as_json:
                click.echo(f"{file}: ok ({size}; digest {digest[:12]})")
    if as_json:
        print_json(results)
    return 0 if all(result["ok"] for result in results) else ScenarioError.exit_code


def _checked(file: Path, overrides: tuple[str, ...]) -> tuple[str, str]:
    """Digest of a sound file, and what it holds, in a few words."""
    from twin.scenario import load, load_document
    from twin.scenario.kind import kind_of

    kind = kind_of(file)
    if kind == "scenario":
        scenario = load(file, overrides)
        return scenario.digest, _size(scenario)
    from twin.scenario.schema import KINDS, model_of

    if kind not in KINDS:
        load(file, overrides)
    model, _ = load_document(file, model_of(kind), overrides)
    return sha256(model.model_dump_json().encode()).hexdigest(), kind


def _size(scenario: Scenario) -> str:
    model = scenario.model
    return (
        f"{len(model.nodes)} nodes, {len(model.lanes)} lanes, {len(model.products)} products, "
        f"{len(model.fleets)} fleets"
    )


@click.command()
@scenario_argument
@overrides_option
@click.option("--resolved", is_flag=True, help="Print the resolved scenario as YAML.")
@click.option("--graph", metavar="FILE", help="Draw the network as SVG; - for stdout.")
@json_option
def show(
    scenario: Path,
    overrides: tuple[str, ...],
    resolved: bool,
    graph: str | None,
    as_json: bool,
) -> None:
    """Show a SCENARIO: its network in words, as a picture, or resolved as YAML or JSON."""
    from twin.network.world import compile_world
    from twin.scenario import dump_yaml, load

    loaded = load(scenario, overrides)
    if as_json:
        print_json(loaded.model.model_dump(mode="json"))
    elif resolved:
        click.echo(dump_yaml(loaded), nl=False)
    elif graph:
        from twin.authoring_commands import write_graph

        write_graph(loaded, compile_world(loaded.model), graph)
    else:
        _describe(loaded, compile_world(loaded.model))


def _describe(scenario: Scenario, world: World) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"[bold]{scenario.name}[/bold]  {_size(scenario)}, {world.periods} periods")
    table = Table("node", "kind", "stock", "flow/period", "order up to", "fed by", box=None)
    for i, (name, node) in enumerate(scenario.model.nodes.items()):
        feeds = [world.nodes[world.source[j]] for j in (world.destination == i).nonzero()[0]]
        levels = f"{world.order_up_to[i].sum():g}" if feeds else "-"
        table.add_row(
            name,
            node.kind,
            "unlimited" if world.unlimited[i] else f"{world.initial_stock[i].sum():g}",
            f"{world.throughput[i].sum():.4g}",
            levels,
            ", ".join(feeds) or "-",
        )
    console.print(table)
    for fleet in world.fleets:
        lanes = ", ".join(world.lanes[j] for j in fleet.lanes)
        limits = fleet.spec.capacity.model_dump(exclude_none=True)
        size = ", ".join(f"{value:g} {UNIT_OF[name]}" for name, value in limits.items())
        console.print(f"fleet {fleet.name}: {fleet.vehicles} x {size} on {lanes}")


REQUIRED = ("simpy", "numpy", "networkx", "pettingzoo", "pydantic", "PyYAML", "click", "pyarrow")
TRAINING = ("torch", "safetensors", "mlflow-skinny")


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """Check this installation: Python, packages, folders, machine."""
    checks = [
        _check("python >= 3.11", sys.version_info >= (3, 11), platform.python_version()),
        *(_package(name, required=True) for name in REQUIRED),
        *(_package(name, required=False) for name in TRAINING),
        _agents_beside_twin(),
        _check("processors", True, str(os.cpu_count())),
        _check("chromium (report test)", True, shutil.which("chromium") or "not found: skipped"),
    ]
    if as_json:
        print_json(checks)
    else:
        for item in checks:
            click.echo(f"{'ok  ' if item['ok'] else 'FAIL'} {item['name']}: {item['found']}")
    return 0 if all(item["ok"] for item in checks) else 4


def _check(name: str, ok: bool, found: str) -> dict[str, Any]:
    return {"name": name, "ok": ok, "found": found}


def _package(name: str, required: bool) -> dict[str, Any]:
    try:
        return _check(name, True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        hint = "missing" if required else "missing; needed to train: pip install '.[train]'"
        return _check(name, not required, hint)


def _agents_beside_twin() -> dict[str, Any]:
    """Another distribution also installs a package named ``agents``; tell them apart."""
    spec = importlib.util.find_spec("agents")
    found = str(spec.origin) if spec else "missing"
    here = Path(__file__).resolve().parent.parent
    ok = spec is not None and Path(found).resolve().is_relative_to(here / "agents")
    return _check("agents sits beside twin", ok, found)
