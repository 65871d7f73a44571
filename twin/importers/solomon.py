"""Imports Solomon's vehicle routing instances with time windows (C101, R101, RC101, ...)."""

from __future__ import annotations

import math
import re
from pathlib import Path

from twin.importers.draft import Draft, ImportOptions
from twin.importers.formats import one_file
from twin.importers.routing import MAX_CUSTOMERS, Customer, Routing, network
from twin.importers.sources import read_text, refuse, refuse_at
from twin.scenario.findings import clip, shown
from twin.scenario.nodes import Mark

_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
COLUMNS = ("CUST NO.", "XCOORD.", "YCOORD.", "DEMAND", "READY TIME", "DUE DATE", "SERVICE TIME")


def read(files: tuple[Path, ...], options: ImportOptions) -> Draft:
    """An instance: its name, VEHICLE with number and capacity, CUSTOMER with seven columns."""
    path = one_file(files, "a Solomon instance")
    text, digest = read_text(path)
    lines = [(i, line.split()) for i, line in enumerate(text.splitlines(), 1) if line.split()]
    if not lines:
        refuse_at(path, "the file is empty")
    numeric = [(line, cells) for line, cells in lines[1:] if all(map(_NUMBER.match, cells))]
    _check_words(path, lines)
    wrong = [(line, cells) for line, cells in numeric[1:] if len(cells) != len(COLUMNS)]
    if wrong or not numeric or len(numeric[0][1]) != 2:
        line = wrong[0][0] if wrong else (numeric[0][0] if numeric else 1)
        hint = f"VEHICLE needs NUMBER and CAPACITY, a customer {', '.join(COLUMNS)}"
        refuse_at(path, "this is not a Solomon instance", hint, line)
    rows = [(line, [float(cell) for cell in cells]) for line, cells in numeric]
    _check(path, rows)
    draft = Draft({}, f"the Solomon instance {clip(' '.join(lines[0][1]))}", [digest])
    network(_routing(" ".join(lines[0][1]), [row for _, row in rows]), draft)
    return draft


def _check_words(path: Path, lines: list[tuple[int, list[str]]]) -> None:
    """Every line after the name is a heading or all numbers."""
    headings = {"VEHICLE", "NUMBER", "CUSTOMER", "CUST"}
    bad = [
        Mark(str(path), line, 1).problem(f"got {shown(clip(' '.join(cells)))}, expected numbers")
        for line, cells in lines[1:]
        if cells[0].upper() not in headings and not all(map(_NUMBER.match, cells))
    ]
    if bad:
        refuse(bad[:20], path)


def _check(path: Path, rows: list[tuple[int, list[float]]]) -> None:
    if len(rows) < 3:
        refuse_at(path, "there is no customer", "the first one is the depot")
    if len(rows) > MAX_CUSTOMERS:
        refuse_at(path, f"more than {MAX_CUSTOMERS:,} customers")
    line, (vehicles, capacity) = rows[0]
    if not 1 <= vehicles <= 10_000 or not vehicles.is_integer() or capacity <= 0:
        message = f"got {vehicles:g} vehicles of {capacity:g}, expected at least 1 of more than 0"
        refuse_at(path, message, line=line)
    for line, row in rows[1:]:
        if row[3] < 0 or not all(map(math.isfinite, row)):
            refuse_at(path, f"got a demand of {row[3]:g}, expected at least 0", line=line)


def _routing(name: str, rows: list[list[float]]) -> Routing:
    (vehicles, capacity), depot, *customers = rows
    return Routing(
        name=name,
        comment="",
        customers=tuple(
            Customer(
                f"customer {row[0]:g}",
                row[3],
                math.dist(row[1:3], depot[1:3]),
                (row[4], row[5]),
                row[6],
            )
            for row in customers
        ),
        capacity=capacity,
        vehicles=int(vehicles),
        horizon=depot[5],
    )
