"""Traces on disk: Parquet, whole or not at all, read back exactly."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_args

from agents.trace.latency import Latencies
from agents.trace.record import DecisionTrace, Effect, Odds, Part, ReadTrace, TraceVerdict
from twin.errors import UsageError

WALL = "wall_latency"
"""Where a file keeps the latencies in wall time."""
MAX_ROWS = 1_000_000
"""Traces in a file that is read."""


def write_traces(
    path: str | Path, traces: Iterable[DecisionTrace], wall: Latencies | None = None
) -> None:
    """Write traces to a Parquet file; the file appears whole or not at all.

    ``wall`` are the latencies on the machine's clock, which no single trace holds.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([asdict(trace) for trace in traces], schema=_schema(pa))
    if wall is not None:
        table = table.replace_schema_metadata({WALL: json.dumps(wall.document())})
    partial = f"{path}.partial"
    pq.write_table(table, partial, compression="zstd")
    os.replace(partial, path)


def read_traces(path: str | Path) -> tuple[DecisionTrace, ...]:
    """Read what ``write_traces`` wrote.

    Raises UsageError when the file is no Parquet file of traces, or holds more than MAX_ROWS. Links
    are not checked here: see ``broken_links``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _check(file.metadata.num_rows, file.schema_arrow, _schema(pa), str(path))
            rows = file.read().to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise UsageError("cannot read traces", str(path), str(error)) from None
    return tuple(_trace(row, str(path)) for row in rows)


def read_wall(path: str | Path) -> Latencies | None:
    """The latencies in wall time that stand in a file of traces; None where there are none.

    Raises UsageError when they are damaged.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        found = (file.schema_arrow.metadata or {}).get(WALL.encode())
    if found is None:
        return None
    try:
        return Latencies.of_document(json.loads(found))
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError("damaged latencies", str(path), str(error)) from None


def _check(rows: int, found: Any, expected: Any, where: str) -> None:
    if not found.equals(expected):
        names = ", ".join(expected.names)
        fix = "A run of an earlier version has other columns: `twin judge` writes its traces again."
        raise UsageError("not a file of traces", where, ", ".join(found.names), names, fix)
    if rows > MAX_ROWS:
        raise UsageError("too many traces", where, f"{rows:,}", f"at most {MAX_ROWS:,}")


def _trace(row: dict[str, Any], where: str) -> DecisionTrace:
    for name, known in (("verdict", TraceVerdict), ("effect", Effect)):
        if row[name] not in get_args(known):
            raise UsageError(f"unknown {name}", where, repr(row[name]), ", ".join(get_args(known)))
    values = _plain(row)
    values["reads"] = tuple(ReadTrace(**_plain(read)) for read in row["reads"])
    values["odds"] = tuple(Odds(**_plain(odds)) for odds in row["odds"])
    values["parts"] = tuple(Part(**part) for part in row["parts"])
    return DecisionTrace(**values)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(v) if isinstance(v, list) else v for name, v in row.items()}


def _schema(pa: Any) -> Any:
    text, whole, number = pa.string(), pa.int64(), pa.float64()
    texts, numbers = pa.list_(text), pa.list_(number)
    read = {
        "attempts": whole,
        "age": whole,
        "failures": texts,
        "asked": number,
        "answered": number,
        "numbers": numbers,
    }
    lists = [(name, numbers) for name in ("choices", "probabilities", "worth")]
    odds = pa.struct([("mean", number), ("std", number), *lists])
    part = pa.struct([("name", text), ("money", number)])
    kinds = {
        "epoch": whole,
        "reads": pa.list_(pa.struct([(f.name, read.get(f.name, text)) for f in fields(ReadTrace)])),
        "odds": pa.list_(odds),
        "wish": numbers,
        "write_attempts": whole,
        "write_failures": texts,
        "names": texts,
        "done": numbers,
        "parts": pa.list_(part),
        "sequence": whole,
    }
    times = ("asked", "seen", "acted", "effective", "changed", "settled", "reward")
    kinds |= dict.fromkeys(times, number)
    return pa.schema([(f.name, kinds.get(f.name, text)) for f in fields(DecisionTrace)])
