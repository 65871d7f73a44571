"""The command ``twin import``."""

from __future__ import annotations

from pathlib import Path

import click

from twin.options import (
    choice_option,
    json_option,
    out_option,
    overrides_option,
    path_option,
    print_json,
)

FORMAT_NAMES = ("stockpyl", "willems", "demand", "geojson", "vrplib", "solomon")
GAPS = ("refuse", "zero", "previous")


@click.command("import")
@click.argument("format_name", metavar="FORMAT", type=click.Choice(FORMAT_NAMES))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@out_option("Scenario file to write [default: print it].")
@overrides_option
@click.option("--instance", default="", help="stockpyl: which network of the file.")
@path_option("--into", text="demand: scenario to lay it over.")
@choice_option("--gaps", GAPS, "demand: what a missing day means.", default=GAPS[0])
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@json_option
def import_command(
    format_name: str,
    files: tuple[Path, ...],
    out: Path | None,
    overrides: tuple[str, ...],
    instance: str,
    into: Path | None,
    gaps: str,
    force: bool,
    as_json: bool,
) -> None:
    """Turn FILES of another FORMAT into a scenario.

    FORMAT is stockpyl, willems (stage table and link table), demand (CSV), geojson, vrplib or
    solomon. What the twin does not know is told, and listed in the scenario. Only a valid scenario
    is written.
    """
    from twin.importers import ImportOptions, read_draft, write_scenario
    from twin.importers.writing import with_overrides
    from twin.progress import stage, stages

    stem = out.stem if out else Path(files[0]).stem
    folder = out.parent if out else Path()
    options = ImportOptions(instance, into, gaps, stem, folder)
    with stages(quiet=as_json) as display:
        with stage(display, "read"):
            draft = read_draft(format_name, files, options)
        with stage(display, "check"):
            with_overrides(draft, overrides)
            written = write_scenario(draft, out, force)
    if as_json:
        print_json(
            {
                "wrote": [str(path) for path in written.paths],
                "digest": written.scenario.digest,
                "files": [{"path": f.path, "sha256": f.sha256} for f in draft.files],
                "warnings": draft.warnings,
                **({} if written.paths else {"scenario": written.text}),
            }
        )
        return
    if not written.paths:
        click.echo(written.text, nl=False)
    for warning in draft.warnings:
        click.echo(f"warning: {warning}", err=True)
    if written.paths:
        click.echo(f"wrote {', '.join(map(str, written.paths))}; next: twin check {out}")
