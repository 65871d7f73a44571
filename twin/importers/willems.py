"""Imports the layout of Willems (2008), "Real-World Multiechelon Supply Chains Used for Inventory
Optimization": a table of stages (the sheets ``NN_SD``) and one of links (``NN_LL``), as CSV.

A stage becomes a node whose lanes, or whose production where it has several inputs, take its stage
time. A stage with several inputs assembles one unit of each into a product of its own. Holding is a
share of the cumulative cost; the penalty makes the service level the best one (newsvendor).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from twin.errors import UsageError
from twin.importers.draft import Draft, ImportOptions, Names, days, number
from twin.importers.sources import Row, Table, read_table, refuse_at
from twin.scenario.findings import did_you_mean, either, shown

HOLDING_RATE = 0.25
"""Yearly holding cost as a share of the cumulative cost, which the data set leaves open."""
SUPPLIER = "external supplier"
KINDS = {"part": "warehouse", "manuf": "factory", "trans": "warehouse", "dist": "warehouse",
         "retail": "store"}  # fmt: skip
HORIZON = "365 d"
MAX_STAGES = 9_000
NAME, SOURCE = ("Stage Name", "stage"), ("sourceStage", "source", "from")
DESTINATION = ("destinationStage", "destination", "to")


@dataclass(frozen=True)
class Stage:
    """One stage of the chain; times in days, cost added per unit."""

    name: str
    cost: float
    time: float
    time_sd: float = 0.0
    times: tuple[tuple[float, float], ...] = ()
    """Observed stage times with their probabilities."""
    kind: str = ""
    mean: float | None = None
    sd: float | None = None
    service_level: float | None = None
    service_time: float | None = None


@dataclass
class Chain:
    """Stages by name, and what each is made from."""

    stages: dict[str, Stage]
    inputs: dict[str, list[str]] = field(default_factory=dict)

    @cached_property
    def order(self) -> list[str]:
        """Every stage after its inputs; raises CycleError."""
        return list(TopologicalSorter(self.inputs).static_order())

    @cached_property
    def value(self) -> dict[str, float]:
        """Cumulative cost of a unit at each stage."""
        found: dict[str, float] = {}
        for name in self.order:
            found[name] = self.stages[name].cost + sum(found[i] for i in self.inputs[name])
        return found

    @cached_property
    def product(self) -> dict[str, str]:
        """What each stage holds: a product of its own where it starts or assembles something."""
        found: dict[str, str] = {}
        for name in self.order:
            inputs = self.inputs[name]
            found[name] = found[inputs[0]] if len(inputs) == 1 else name
        return found


def read(files: tuple[Path, ...], options: ImportOptions) -> Draft:
    """The stage table and the link table, in either order."""
    if len(files) != 2:
        expected = "two: the stage table and the link table"
        raise UsageError("wrong number of files", "import", str(len(files)), expected)
    tables = [read_table(path) for path in files]
    tables.sort(key=lambda table: table.column(*SOURCE) is not None)
    stage_table, link_table = tables
    draft = Draft({}, "a chain in the layout of Willems (2008)", [t.digest for t in tables])
    chain = Chain(_stages(stage_table, draft))
    _link(chain, link_table)
    _fill(chain, draft, options.stem)
    return draft


def _stages(table: Table, draft: Draft) -> dict[str, Stage]:
    name = table.need(*NAME)
    columns = {
        key: table.column(key)
        for key in ("stageCost", "stageTime", "stdDev stageTime", "stageClassification",
                    "avgDemand", "stdDevDemand", "serviceLevel", "maxServiceTime")
    }  # fmt: skip
    pairs = [
        (time, table.column(f"stageTime_%_{i}"))
        for i in range(1, 51)
        if (time := table.column(f"stageTime_{i}")) is not None
    ]
    used = {name, *columns.values(), *(cell for pair in pairs for cell in pair)}
    unused = [cell for cell in table.header if cell and cell not in used]
    if unused:
        draft.warn("columns", f"{either(unused, 'and')} are not used")
    stages: dict[str, Stage] = {}
    for row in table.rows:
        stage = _stage(table, row, row.cells.get(name, ""), columns, pairs)
        if stage.name in stages:
            table.complain(row, f"the stage {shown(stage.name)} is given twice")
        stages[stage.name] = stage
    if not stages or len(stages) > MAX_STAGES:
        refuse_at(table.file, f"got {len(stages):,} stages, expected 1 to {MAX_STAGES:,}")
    table.stop_at_problems()
    return stages


def _stage(
    table: Table,
    row: Row,
    name: str,
    columns: dict[str, str | None],
    pairs: list[tuple[str, str | None]],
) -> Stage:
    if not name:
        table.complain(row, "the name of the stage is missing")
    cell = {key: table.number(row, column) for key, column in columns.items()
            if key != "stageClassification"}  # fmt: skip
    level = cell["serviceLevel"]
    if level is not None and level > 1:
        level = level / 100
    if level is not None and not 0 < level < 1:
        table.complain(row, f"serviceLevel: got {level:g}, expected a share between 0 and 1")
    times = [(table.number(row, time), table.number(row, share)) for time, share in pairs]
    kind = columns["stageClassification"]
    return Stage(
        name=name,
        cost=cell["stageCost"] or 0.0,
        time=cell["stageTime"] or 0.0,
        time_sd=cell["stdDev stageTime"] or 0.0,
        times=tuple((time, share) for time, share in times if time is not None and share),
        kind=row.cells.get(kind, "").casefold() if kind else "",
        mean=cell["avgDemand"],
        sd=cell["stdDevDemand"],
        service_level=level,
        service_time=cell["maxServiceTime"],
    )


def _link(chain: Chain, table: Table) -> None:
    source, destination = table.need(*SOURCE), table.need(*DESTINATION)
    chain.inputs = {name: [] for name in chain.stages}
    for row in table.rows:
        ends = [row.cells.get(column, "") for column in (source, destination)]
        unknown = [end for end in ends if end not in chain.stages]
        for end in unknown:
            hint = did_you_mean(end, list(chain.stages))
            table.complain(row, f"there is no stage {shown(end)}", hint)
        if not unknown and ends[0] in chain.inputs[ends[1]]:
            table.complain(row, f"the link {ends[0]} -> {ends[1]} is given twice")
        elif not unknown:
            chain.inputs[ends[1]].append(ends[0])
    table.stop_at_problems()
    try:
        _ = chain.order
    except CycleError as error:
        refuse_at(table.file, f"the links form a cycle: {' -> '.join(error.args[1])}")


def _fill(chain: Chain, draft: Draft, stem: str) -> None:
    names = Names(draft)
    supplier = names.allowed(SUPPLIER)
    called = {name: names.allowed(name) for name in chain.order}
    products = dict.fromkeys(chain.product[name] for name in chain.order)
    nodes: dict[str, Any] = {supplier: {"kind": "supplier"}}
    lanes: dict[str, Any] = {}
    for name in chain.order:
        nodes[called[name]] = _node(chain, name, called, len(products) > 1, draft)
        sources: list[str | None] = [*chain.inputs[name]] or [None]
        for source in sources:
            start = called[source] if source else supplier
            lanes[f"{start} -> {called[name]}"] = _lane(chain, name, source, called, len(products))
    draft.data = {
        "kind": "scenario",
        "name": Names(draft).allowed(stem),
        "currency": "USD",
        "horizon": HORIZON,
        "products": {called[p]: {"value": number(round(chain.value[p], 6))} for p in products},
        "nodes": nodes,
        "lanes": lanes,
    }
    draft.warn("holding", f"the layout has no rate; it is {HOLDING_RATE:.0%} of the cost per year")
    draft.warn("horizon", f"the layout has none; it is {HORIZON}")
    draft.warn("currency", "the layout has none; it is USD")


def _node(
    chain: Chain, name: str, called: dict[str, str], several: bool, draft: Draft
) -> dict[str, Any]:
    stage, inputs = chain.stages[name], chain.inputs[name]
    kind = "factory" if len(inputs) > 1 else KINDS.get(stage.kind, "warehouse")
    if len(inputs) < 2 and kind == "factory":
        kind = "warehouse"
        draft.warn(called[name], "makes one thing of one input: here the product keeps its name")
    if stage.kind and stage.kind not in KINDS:
        draft.warn(called[name], f"the classification {shown(stage.kind)} is read as a {kind}")
    holding = chain.value[name] * HOLDING_RATE / 365
    entry: dict[str, Any] = {"kind": kind}
    if holding:
        entry["holding"] = number(round(holding, 9))
    if len(inputs) > 1:
        entry["production"] = _production(chain, name, called, draft)
    if stage.mean:
        entry |= _demand(stage, holding, called[chain.product[name]], several)
        if stage.service_level:
            words = f"the penalty makes its service level {stage.service_level:g} the best one"
            draft.warn(called[name], words)
        if stage.service_time:
            message = f"customers wait up to {stage.service_time:g} d in the file, here not at all"
            draft.warn(called[name], message)
    return entry


def _demand(stage: Stage, holding: float, product: str, several: bool) -> dict[str, Any]:
    level = stage.service_level or 0.95
    model = {"model": "normal", "mean": number(stage.mean or 0.0), "sd": number(stage.sd or 0.0)}
    penalty = {"penalty": number(round(holding * level / (1 - level), 9))} if holding else {}
    return {**penalty, "demand": {product: model} if several else model}


def _production(chain: Chain, name: str, called: dict[str, str], draft: Draft) -> dict[str, Any]:
    stage = chain.stages[name]
    components = {called[chain.product[source]]: 1 for source in chain.inputs[name]}
    if len(components) < len(chain.inputs[name]):
        draft.warn(called[name], "has the same input twice; one unit of it is used")
    if stage.time_sd or stage.times:
        draft.warn(called[name], f"its time varies; production takes {stage.time:g} d")
    lead = {"lead_time": days(round(stage.time))} if round(stage.time) else {}
    if stage.time != round(stage.time):
        draft.warn(called[name], f"its time {stage.time:g} d is rounded to whole days")
    return {"mode": "to_stock", "bom": {called[name]: components}, **lead}


def _lane(
    chain: Chain, name: str, source: str | None, called: dict[str, str], products: int
) -> dict[str, Any]:
    assembled = len(chain.inputs[name]) > 1
    lane: dict[str, Any] = {"lead_time": "0 d" if assembled else _time(chain.stages[name])}
    if products > 1:
        lane["products"] = [called[chain.product[source or name]]]
    return lane


def _time(stage: Stage) -> Any:
    if len(stage.times) > 1:
        values, weights = [days(t) for t, _ in stage.times], [number(w) for _, w in stage.times]
        return {"model": "empirical", "values": values, "weights": weights}
    if stage.time_sd and stage.time:
        cv = number(round(stage.time_sd / stage.time, 9))
        return {"model": "gamma", "mean": days(stage.time), "cv": cv}
    return days(stage.time)
