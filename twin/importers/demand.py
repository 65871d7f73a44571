"""Imports demand history: a CSV table becomes trace demand, one column per node and product.

Long: columns ``date``, ``node``, ``quantity`` and perhaps ``product``. Wide: ``date``, and a column
per node (or ``node/product``). The days that are missing are refused by name, or filled.
"""

from __future__ import annotations

import csv
import datetime
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twin.importers.draft import Draft, ImportOptions, Names, number
from twin.importers.formats import one_file
from twin.importers.sources import Row, Table, read_table, refuse, refuse_at
from twin.scenario import Scenario, load
from twin.scenario.findings import did_you_mean, either, shown
from twin.scenario.nodes import Mark
from twin.scenario.quantities import Demand, TraceDemand
from twin.scenario.subject import MAX_PERIODS

DATES = ("date", "day", "ds", "period")
NODES = ("node", "store", "location", "site", "unique_id")
PRODUCTS = ("product", "item", "sku")
QUANTITIES = ("quantity", "units", "demand", "sales", "y")
MAX_GAPS = 20
MAX_SERIES = 100_000
MAX_CELLS = 5_000_000
"""Numbers of the table that is written: days times series."""
SUPPLIER = "supplier"
Series = tuple[str, str]
"""Node and product; the product is empty where the file names none."""


@dataclass
class History:
    """Units by series and day."""

    table: Table
    units: dict[Series, dict[datetime.date, float]] = field(default_factory=dict)

    def add(self, row: Row, series: Series, day: datetime.date, units: float) -> None:
        """Note the demand of one day; a second one of the same series is a problem."""
        days = self.units.setdefault(series, {})
        if len(self.units) > MAX_SERIES:
            refuse_at(self.table.file, f"more than {MAX_SERIES:,} series", line=row.line)
        if day in days:
            self.table.complain(row, f"{day} of {shown(label(series))} is given twice")
        days[day] = units

    @property
    def calendar(self) -> list[datetime.date]:
        """Every day from the first to the last one of the file."""
        seen = [day for days in self.units.values() for day in days]
        if not seen:
            refuse_at(self.table.file, "the table has no rows", "one row per day")
        first, last = min(seen), max(seen)
        count = (last - first).days + 1
        if count > MAX_PERIODS:
            refuse_at(self.table.file, f"got {count:,} days, expected at most {MAX_PERIODS:,}")
        if count * len(self.units) > MAX_CELLS:
            message = f"got {len(self.units):,} series of {count:,} days, expected fewer"
            refuse_at(self.table.file, message, f"at most {MAX_CELLS:,} numbers")
        return [first + datetime.timedelta(days=i) for i in range(count)]


def read(files: tuple[Path, ...], options: ImportOptions) -> Draft:
    """A demand table laid over ``options.into``, or over a network with one supplier."""
    table = read_table(one_file(files, "a demand table"))
    history = _long(table) if table.column(*QUANTITIES) else _wide(table)
    table.stop_at_problems()
    draft = Draft({}, "a demand table", [table.digest])
    columns = _columns(history, options.gaps, draft)
    base = load(options.into) if options.into else None
    names = _node_names(history, base, draft)
    file = f"{options.stem}_demand.csv"
    calendar = history.calendar
    draft.companions[file] = _csv(calendar, columns)
    demand = _demand(columns, names, file)
    if base is None:
        _skeleton(draft, demand, options.stem, len(calendar), history)
    else:
        assert options.into is not None
        _overlay(draft, demand, options, base, len(calendar))
    if calendar[0].weekday() != 0:
        message = f"the history starts on a {calendar[0]:%A}, but day 0 of the twin is a Monday"
        draft.warn("calendar", f"{message}: do not add weekly factors to it")
    return draft


def _long(table: Table) -> History:
    day, node = table.need(*DATES), table.need(*NODES)
    quantity, product = table.need(*QUANTITIES), table.column(*PRODUCTS)
    history = History(table)
    for row in table.rows:
        date, units = _date(table, row, day), table.number(row, quantity)
        where = row.cells.get(node, "")
        if not where:
            table.complain(row, f"{node}: the name is missing")
        elif units is None and not row.cells.get(quantity):
            table.complain(row, f"{quantity}: the number is missing")
        elif date is not None and units is not None:
            history.add(row, (where, row.cells.get(product, "") if product else ""), date, units)
    return history


def _wide(table: Table) -> History:
    day = table.need(*DATES)
    series = [name for name in table.header if name not in (day, "")]
    if not series:
        hint = "a column per node, or date, node and quantity"
        refuse_at(table.file, "there is no column with demand", hint)
    history = History(table)
    for row in table.rows:
        date = _date(table, row, day)
        for name in series:
            units = table.number(row, name)
            if date is not None and units is not None:
                node, _, product = name.partition("/")
                history.add(row, (node.strip(), product.strip()), date, units)
    return history


def _date(table: Table, row: Row, column: str) -> datetime.date | None:
    cell = row.cells.get(column, "")
    try:
        return datetime.date.fromisoformat(cell[:10])
    except ValueError:
        table.complain(row, f"{column}: got {shown(cell)}, expected a day such as 2026-01-31")
        return None


def label(series: Series) -> str:
    """How a series is called in a wide table."""
    return "/".join(part for part in series if part)


def _columns(history: History, gaps: str, draft: Draft) -> dict[Series, list[float]]:
    """Each series with a number for every day; raises ScenarioError for gaps that are refused."""
    calendar, problems = history.calendar, []
    columns: dict[Series, list[float]] = {}
    for series, days in history.units.items():
        missing = [day for day in calendar if day not in days]
        if missing:
            told = either([str(day) for day in missing], "and")
            if gaps == "refuse":
                mark = Mark(str(history.table.file), 1, 1)
                hint = "add the rows, or fill them with --gaps zero or --gaps previous"
                problems.append(mark.problem(f"{shown(label(series))} has no {told}", hint))
            else:
                value = "0" if gaps == "zero" else "the day before"
                draft.warn(label(series), f"{len(missing):,} missing days are {value}: {told}")
        columns[series] = list(_filled(calendar, days, gaps))
    if problems:
        refuse(problems[:MAX_GAPS], history.table.file)
    return columns


def _filled(
    calendar: list[datetime.date], days: dict[datetime.date, float], gaps: str
) -> Iterator[float]:
    last = 0.0
    for day in calendar:
        last = days.get(day, last if gaps == "previous" else 0.0)
        yield last


def _node_names(history: History, base: Scenario | None, draft: Draft) -> dict[str, str]:
    """Names of the nodes; those of an existing scenario must be there."""
    found = dict.fromkeys(node for node, _ in history.units)
    if base is None:
        names = Names(draft)
        names.allowed(SUPPLIER)
        return {node: names.allowed(node) for node in found}
    unknown = [node for node in found if node not in base.model.nodes]
    if unknown:
        mark = Mark(str(history.table.file), 1, 1)
        known = list(base.model.nodes)
        refuse(
            (mark.problem(f"unknown node {shown(n)}", did_you_mean(n, known)) for n in unknown),
            history.table.file,
        )
    for name, node in base.model.nodes.items():
        if node.demand is not None and name not in found:
            draft.warn(name, "is not in the table; it keeps the demand of the scenario")
    return {node: node for node in found}


def _csv(calendar: list[datetime.date], columns: dict[Series, list[float]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["date", *(label(series) for series in columns)])
    rows = zip(calendar, *columns.values(), strict=True)
    writer.writerows([day.isoformat(), *(number(units) for units in row)] for day, *row in rows)
    return text.getvalue()


def _demand(
    columns: dict[Series, list[float]], names: dict[str, str], file: str
) -> dict[str, dict[str, Any]]:
    """Trace demand by node: one model, or a map by product where the file names products."""
    demand: dict[str, dict[str, Any]] = {}
    for series in columns:
        node, product = series
        trace = {"model": "trace", "file": file, "column": label(series)}
        if product:
            demand.setdefault(names[node], {})[product] = trace
        else:
            demand[names[node]] = trace
    return demand


def _skeleton(
    draft: Draft, demand: dict[str, dict[str, Any]], name: str, days: int, history: History
) -> None:
    products = dict.fromkeys(product for _, product in history.units if product)
    draft.data = {
        "kind": "scenario",
        "name": Names(draft).allowed(name),
        "horizon": f"{days} d",
        **({"products": {product: {} for product in products}} if products else {}),
        "nodes": {
            SUPPLIER: {"kind": "supplier"},
            **{node: {"kind": "store", "demand": model} for node, model in demand.items()},
        },
        "lanes": {f"{SUPPLIER} -> {node}": {"lead_time": "1 d"} for node in demand},
    }
    draft.warn("network", "a table has none: one supplier feeds every node within a day, for free")


def _overlay(
    draft: Draft,
    demand: dict[str, dict[str, Any]],
    options: ImportOptions,
    base: Scenario,
    days: int,
) -> None:
    path = Path(os.path.relpath(base.source, options.folder)).as_posix()
    if base.model.period != 1.0:
        refuse_at(base.source, "the period is not 1 d, and the table has one row per day")
    draft.data = {
        "extends": path,
        "horizon": f"{days} d",
        "nodes": {
            node: {"demand": _alone(model, base.model.nodes[node].demand)}
            for node, model in demand.items()
        },
    }


def _alone(model: dict[str, Any], before: Demand | dict[str, Demand] | None) -> dict[str, Any]:
    """Take away what a trace of the base says, because maps of the same model are merged."""
    if isinstance(before, TraceDemand) and "model" in model:
        own = before.model_fields_set - {"model", "file", "column", "values"}
        return {**model, **dict.fromkeys(sorted(own))}
    if isinstance(before, dict) and "model" not in model:
        return {product: _alone(trace, before.get(product)) for product, trace in model.items()}
    return model
