"""A ledger as tables: long (period, table, item, product, value) or wide, in CSV or Parquet.

Quantities are in units; tables that begin with ``money.`` are the parts of each node's account.
Rows are written period by period, so that memory does not grow with the horizon.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.engine.ledger import PeriodLedger
from twin.errors import UsageError
from twin.exporters.files import whole_binary, whole_file

MAX_VALUES = 100_000_000
CHUNK = 500_000
"""Values per row group of a Parquet file, about."""
LONG = ("period", "table", "item", "product", "value")
OF_NODES = {"on_hand", "demand", "sold", "unmet", "wasted", "substituted", "ending"}


@dataclass(frozen=True)
class LedgerTable:
    """One recorded quantity or part of the accounts."""

    name: str
    items: tuple[str, ...]
    """Nodes or lanes."""
    products: tuple[str, ...]
    """Products; one empty name where the table has no product axis."""
    values: NDArray[np.float64]  # (period, item, product)

    @property
    def columns(self) -> list[str]:
        """Column names of the wide form: ``item`` or ``item/product``."""
        return [f"{i}/{p}" if p else i for i in self.items for p in self.products]


def tables_of(ledger: PeriodLedger) -> list[LedgerTable]:
    """Every table of a ledger; raises UsageError where there are too many values."""
    tables = []
    for field in fields(ledger.quantities):
        values = getattr(ledger.quantities, field.name)
        items = ledger.nodes if field.name in OF_NODES else ledger.lanes
        products = ledger.world.products if values.ndim == 3 else ("",)
        shaped = values.reshape(len(values), len(items), len(products))
        tables.append(LedgerTable(field.name, tuple(items), tuple(products), shaped))
    for field in fields(ledger.accounts):
        values = getattr(ledger.accounts, field.name)[:, :, None]
        tables.append(LedgerTable(f"money.{field.name}", ledger.nodes, ("",), values))
    total = sum(table.values.size for table in tables)
    if total > MAX_VALUES:
        raise UsageError("the ledger is too large to export", "export", f"{total:,} values",
                         f"at most {MAX_VALUES:,}")  # fmt: skip
    return tables


def write_csv(ledger: PeriodLedger, out: Path, wide: bool = False) -> list[Path]:
    """One long CSV file, or a folder with a wide one per table; returns the paths."""
    tables = tables_of(ledger)
    if not wide:
        with whole_file(out) as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(LONG)
            for t in range(ledger.world.periods):
                for table in tables:
                    writer.writerows(_long_rows(table, t))
        return [out]
    paths = []
    for table in tables:
        paths.append(out / f"{table.name}.csv")
        with whole_file(paths[-1]) as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["period", *table.columns])
            for t, row in enumerate(table.values):
                writer.writerow([t, *map(_number, row.ravel())])
    return paths


def _long_rows(table: LedgerTable, t: int) -> Iterator[tuple[Any, ...]]:
    for item, row in zip(table.items, table.values[t], strict=True):
        for product, value in zip(table.products, row, strict=True):
            yield t, table.name, item, product, _number(value)


def _number(value: Any) -> str:
    """The shortest text that reads back as the same number."""
    return re.sub(r"\.0\Z", "", repr(float(value) + 0.0))


def write_parquet(ledger: PeriodLedger, out: Path, wide: bool = False) -> list[Path]:
    """One long Parquet file, or a folder with a wide one per table; returns the paths."""
    tables = tables_of(ledger)
    if not wide:
        _write_long(ledger, tables, out)
        return [out]
    import pyarrow as pa
    import pyarrow.parquet as pq

    paths = []
    for table in tables:
        paths.append(out / f"{table.name}.parquet")
        flat = table.values.reshape(len(table.values), -1)
        columns = {"period": np.arange(len(flat), dtype=np.int32)}
        arrow = pa.table({**columns, **dict(zip(table.columns, flat.T, strict=True))})
        with whole_binary(paths[-1]) as stream:
            pq.write_table(arrow, stream)
    return paths


def _write_long(ledger: PeriodLedger, tables: list[LedgerTable], out: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pa.dictionary(pa.int32(), pa.string())
    types = (pa.int32(), text, text, text, pa.float64())
    schema = pa.schema(list(zip(LONG, types, strict=True)))
    with whole_binary(out) as stream, pq.ParquetWriter(stream, schema) as writer:
        for first, last in _chunks(ledger.world.periods, sum(t.values[0].size for t in tables)):
            for table in tables:
                writer.write_table(_arrow(table, first, last, schema))


def _chunks(periods: int, values: int) -> Iterator[tuple[int, int]]:
    step = max(1, CHUNK // max(values, 1))
    for first in range(0, periods, step):
        yield first, min(first + step, periods)


def _arrow(table: LedgerTable, first: int, last: int, schema: Any) -> Any:
    """Periods ``first`` to ``last`` of a table in long form."""
    import pyarrow as pa

    items, products = len(table.items), len(table.products)
    count = last - first
    names = (
        (np.zeros(count * items * products, dtype=np.int32), [table.name]),
        (np.tile(np.repeat(np.arange(items, dtype=np.int32), products), count), table.items),
        (np.tile(np.arange(products, dtype=np.int32), count * items), table.products),
    )
    period = np.repeat(np.arange(first, last, dtype=np.int32), items * products)
    columns = [
        pa.array(period),
        *(pa.DictionaryArray.from_arrays(pa.array(i), pa.array(list(n))) for i, n in names),
        pa.array(np.ascontiguousarray(table.values[first:last]).ravel()),
    ]
    return pa.table(columns, schema=schema)
