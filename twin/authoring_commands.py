"""Commands that help to write files: schema, explain, diff, sweep; the picture of ``show``."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from twin.errors import UsageError
from twin.options import json_option, out_option, overrides_option, print_json

if TYPE_CHECKING:
    from twin.network.world import World
    from twin.scenario.guide import Explanation
    from twin.scenario.loader import Scenario

KINDS = ("scenario", "sweep", "stress", "gate", "training", "agent")


@click.command()
@click.argument("kind", type=click.Choice(KINDS), required=False)
@out_option("Write KIND.schema.json into this folder, for every kind where none is named.")
def schema(kind: str | None, out: Path | None) -> None:
    """Print the JSON Schema of a KIND of file (scenario), for editors.

    An editor with a YAML language server completes and documents a file that begins with the line
    "# yaml-language-server: $schema=PATH" and the path of the schema.
    """
    from twin.scenario.schema import schema_text

    if out is None:
        click.echo(schema_text(kind or "scenario"), nl=False)
        return
    _folder(out)
    for name in [kind] if kind else KINDS:
        file = out / f"{name}.schema.json"
        file.write_text(schema_text(name), encoding="utf-8")
        click.echo(f"wrote {file}")


@click.command()
@click.argument("field", required=False)
@click.option("--kind", type=click.Choice(KINDS), default="scenario", help="Kind of file.")
@json_option
def explain(field: str | None, kind: str, as_json: bool) -> None:
    """Explain a FIELD such as nodes.dc.capacity, nodes.*.capacity or capacity."""
    from twin.scenario.guide import explain_field, explain_root
    from twin.scenario.schema import model_of

    model = model_of(kind)
    if field is None:
        parts = explain_root(model)
        print_json(parts) if as_json else _print_parts(parts)
        return
    found = explain_field(model, field)
    if as_json:
        print_json([{**asdict(one), "parts": dict(one.parts)} for one in found])
        return
    for number, explanation in enumerate(found):
        if number:
            click.echo()
        _print_explanation(explanation)


def _print_explanation(explanation: Explanation) -> None:
    click.echo(f"{explanation.path}  ({explanation.owner})")
    click.echo(f"  {explanation.meaning}")
    for label in ("takes", "unit", "bounds", "default", "example"):
        text = getattr(explanation, label)
        if text:
            click.echo(f"  {label:<8} {text}")
    _print_parts(dict(explanation.parts), indent=4)


def _print_parts(parts: dict[str, str], indent: int = 0) -> None:
    width = max(map(len, parts), default=0)
    for name, text in parts.items():
        click.echo(f"{' ' * indent}{name:<{width}}  {text}")


@click.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@overrides_option
@json_option
def diff(first: Path, second: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Say what changed from scenario FIRST to SECOND, in words; --set applies to SECOND."""
    from twin.scenario import load
    from twin.scenario.difference import difference

    a, b = load(first), load(second, overrides)
    changes = difference(a, b)
    if as_json:
        print_json(
            {
                "first": {"file": str(first), "digest": a.digest},
                "second": {"file": str(second), "digest": b.digest},
                "same": a.digest == b.digest,
                "changes": [asdict(change) for change in changes],
            }
        )
        return
    for change in changes:
        click.echo(change.words)
    if not changes:
        click.echo(f"no difference (digest {a.digest[:12]})")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@out_option("Write each variant into this folder as a scenario of its own.")
@json_option
def sweep(file: Path, out: Path | None, as_json: bool) -> None:
    """List the variants of a sweep FILE, each checked, or write them as scenarios."""
    from twin.scenario import dump_yaml
    from twin.scenario.sweep import file_name, load_sweep, load_variant, variants

    loaded = load_sweep(file)
    every = variants(loaded)
    digests = [load_variant(loaded, file, variant).digest for variant in every]
    if out is not None:
        _folder(out)
        for variant in every:
            text = dump_yaml(load_variant(loaded, file, variant))
            (out / file_name(variant)).write_text(text, encoding="utf-8")
    rows = list(zip(every, digests, strict=True))
    if as_json:
        print_json([{**asdict(variant), "digest": digest} for variant, digest in rows])
        return
    for variant, digest in rows:
        click.echo(f"{variant.name}  {digest[:12]}  {'; '.join(variant.overrides)}")
    if out is not None:
        click.echo(f"wrote {len(rows)} scenarios to {out}")


def _folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError("this is not a folder", str(out))
    out.mkdir(parents=True, exist_ok=True)


def write_graph(scenario: Scenario, world: World, target: str) -> None:
    """Draw the network into an SVG file, or onto stdout for ``-``."""
    from twin.network.svg import network_svg

    text = network_svg(scenario.model, world)
    if target == "-":
        sys.stdout.write(text)
        return
    file = Path(target)
    if file.is_dir() or not file.parent.is_dir():
        raise UsageError("no such folder" if not file.is_dir() else "this is a folder", target)
    file.write_text(text, encoding="utf-8")
    click.echo(f"wrote {file}")
