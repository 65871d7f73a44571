"""Writes a draft as a commented scenario file, and only one that passes every check."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from twin.errors import ScenarioError, UsageError
from twin.importers.draft import Draft
from twin.scenario import Scenario, from_mapping, load
from twin.scenario.model import ScenarioModel
from twin.scenario.nodes import MEMORY, Mark, from_data, to_data
from twin.scenario.overrides import apply_overrides
from twin.scenario.yaml12 import Dumper

WIDTH = 98
MODELINE = "# yaml-language-server: $schema="
SCHEMA = "scenario.schema.json"
SECTIONS = ("products", "nodes", "lanes", "fleets")
"""Maps by name: written with one entry per line."""


@dataclass(frozen=True)
class Written:
    """An imported scenario as text, checked."""

    text: str
    scenario: Scenario
    paths: tuple[Path, ...] = ()
    """The scenario file and its companions; none where the text was not written."""


def with_overrides(draft: Draft, overrides: Sequence[str]) -> None:
    """Set ``path=value`` in the draft; raises ScenarioError for what does not fit."""
    root = from_data(draft.data, Mark(MEMORY, 1, 1))
    changed, problems = apply_overrides(root, tuple(overrides), ScenarioModel)
    if problems:
        raise ScenarioError(problems)
    draft.data = to_data(changed)


def write_scenario(draft: Draft, out: Path | None, force: bool = False) -> Written:
    """Check a draft and write it with its companions; raises ScenarioError where it is not valid.

    Without ``out`` nothing is written, which a draft with companions cannot do.
    """
    text = scenario_text(draft, schema_path(out.parent if out else Path()))
    if out is None:
        if draft.companions:
            fix = "Give --out: the demand is written into a file beside the scenario."
            raise UsageError("this import writes more than one file", "import", fix=fix)
        return Written(text, from_mapping(draft.data))
    if not out.parent.is_dir():
        raise UsageError("no such folder", str(out.parent))
    targets = {out.parent / name: content for name, content in draft.companions.items()}
    for path in (out, *targets):
        if path.exists() and not force:
            raise UsageError("the file exists", str(path), fix="Use --force to overwrite it.")
    for path, content in targets.items():
        _replace(path, content)
    return Written(text, _checked(out, text, draft), (out, *targets))


def _checked(out: Path, text: str, draft: Draft) -> Scenario:
    """Write the scenario under another name first, and give it its own once it is valid."""
    trial = out.with_name(f".{out.name}.part")
    trial.write_text(text, encoding="utf-8")
    try:
        scenario = load(trial)
        os.replace(trial, out)
    except ScenarioError as error:
        origin = draft.files[0].path if draft.files else MEMORY
        raise ScenarioError(
            tuple(
                replace(problem, file=origin, line=1, column=1)
                if problem.file == str(trial)
                else problem
                for problem in error.problems
            ),
            origin,
        ) from None
    finally:
        trial.unlink(missing_ok=True)
    files = (
        replace(file, path=str(out)) if file.path == str(trial) else file for file in scenario.files
    )
    return replace(scenario, source=str(out), files=tuple(files))


def _replace(path: Path, content: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(content, encoding="utf-8")
    os.replace(part, path)


def schema_path(folder: Path) -> str:
    """Where an editor finds the schema: the nearest ``schema`` folder, or beside the file."""
    here = folder.resolve()
    for above in (here, *here.parents):
        for candidate in (above / "schema" / SCHEMA, above / "scenarios" / "schema" / SCHEMA):
            if candidate.is_file():
                return Path(os.path.relpath(candidate, here)).as_posix()
    return SCHEMA


def scenario_text(draft: Draft, schema: str) -> str:
    """The draft as YAML: modeline, where it is from, what was lost, then the scenario."""
    return "\n".join((MODELINE + schema, *_head(draft), *_body(draft))) + "\n"


def _head(draft: Draft) -> Iterator[str]:
    yield from _comment(f"Imported from {draft.origin}:")
    for file in draft.files:
        yield from _comment(f"{os.path.basename(file.path)}, sha256 {file.sha256}", "  ")
    if draft.warnings:
        yield from _comment("What the twin does not know of it, or knows otherwise:")
    for warning in draft.warnings:
        yield from _comment(warning, "- ", "  ")


def _comment(text: str, first: str = "", later: str | None = None) -> Iterator[str]:
    plain = " ".join("".join(c if c.isprintable() else "?" for c in text).split())
    indent = first if later is None else later
    for line in textwrap.wrap(plain, WIDTH, initial_indent=first, subsequent_indent=indent):
        yield f"# {line}"


def _body(draft: Draft) -> Iterator[str]:
    for key, value in draft.data.items():
        if key in SECTIONS and isinstance(value, dict) and value:
            yield f"{key}:"
            for name, entry in value.items():
                for line in _comment(draft.comments.get((key, name), "")):
                    yield f"  {line}"
                yield from _entry(name, entry)
        elif key == "description":
            yield from _description(str(value))
        else:
            yield from _flow(f"{_scalar(key)}: ", value, "  ")


def _description(text: str) -> Iterator[str]:
    """Folded over several lines where folding keeps the text as it is."""
    plain = " ".join(text.split())
    if text.rstrip("\n") != plain or text not in (plain, f"{plain}\n") or not plain:
        yield from _flow("description: ", text, "  ")
        return
    yield f"description: {'>' if text.endswith(chr(10)) else '>-'}"
    fold = textwrap.TextWrapper(WIDTH, break_long_words=False, break_on_hyphens=False)
    yield from (f"  {line}" for line in fold.wrap(plain))


def _entry(name: str, entry: Any) -> Iterator[str]:
    yield from _flow(f"  {_scalar(name)}: ", entry, "    ")


def _flow(start: str, value: Any, indent: str) -> Iterator[str]:
    """A value in one line, or in several where it is long."""
    text = str(
        yaml.dump(
            value,
            Dumper=Dumper,
            default_flow_style=True,
            sort_keys=False,
            allow_unicode=True,
            width=WIDTH - len(start),
        )
    )
    first, *rest = text.removesuffix("...\n").rstrip("\n").split("\n")
    yield start + first
    yield from (indent + line.strip() for line in rest)


def _scalar(text: str) -> str:
    dumped = yaml.dump(text, Dumper=Dumper, allow_unicode=True, width=10_000)
    return str(dumped).removesuffix("...\n").rstrip("\n")
