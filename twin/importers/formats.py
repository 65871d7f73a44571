"""The formats that can be imported: a lazy table, so that one format never loads another."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from twin.errors import UsageError
from twin.importers.draft import Draft, ImportOptions
from twin.scenario.findings import did_you_mean

Importer = Callable[[tuple[Path, ...], ImportOptions], Draft]
FORMATS = {
    "stockpyl": ("twin.importers.stockpyl:read", "stockpyl instance file (JSON)"),
    "willems": ("twin.importers.willems:read", "Willems (2008): stage table, link table (CSV)"),
    "demand": ("twin.importers.demand:read", "demand history (CSV, long or wide)"),
    "geojson": ("twin.importers.geojson:read", "GeoJSON sites (Point) and lanes (LineString)"),
    "vrplib": ("twin.importers.vrplib:read", "VRPLIB / TSPLIB vehicle routing instance"),
    "solomon": ("twin.importers.solomon:read", "Solomon vehicle routing instance"),
}


def read_draft(name: str, files: tuple[Path, ...], options: ImportOptions) -> Draft:
    """Read foreign files; raises ScenarioError for what is wrong in them, all of it at once."""
    if name not in FORMATS:
        fix = did_you_mean(name, list(FORMATS))
        raise UsageError("unknown format", "import", repr(name), ", ".join(FORMATS), fix)
    module, attribute = FORMATS[name][0].split(":")
    importer: Importer = getattr(importlib.import_module(module), attribute)
    return importer(files, options)


def one_file(files: tuple[Path, ...], what: str) -> Path:
    """The only file; raises UsageError where there are more."""
    if len(files) != 1:
        raise UsageError("wrong number of files", "import", str(len(files)), f"one: {what}")
    return files[0]
