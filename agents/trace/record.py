"""The DecisionTrace: every action traces to an observation, a policy and a verdict."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from twin.errors import UsageError

MAX_TRACES = 100_000
"""Traces kept of one episode; beyond it the oldest are dropped."""
TraceVerdict = Literal["agent", "last_good", "fallback"]
Effect = Literal["applied", "late", "static"]


@dataclass(frozen=True)
class ReadTrace:
    """One read of a decision."""

    tool: str
    entity: str
    call: str
    attempts: int  # that left the agent
    age: int | None  # periods, of the answer that was used; none when there was none
    label: str  # of the last failure; empty when the read succeeded


@dataclass(frozen=True)
class DecisionTrace:
    """One decision of one agent; times are simulated days."""

    epoch: int
    agent: str
    reads: tuple[ReadTrace, ...]
    observation_hash: str  # empty when the agent could not observe
    policy_hash: str
    wish: tuple[float, ...]  # what the agent asked for; empty when it did not
    verdict: TraceVerdict
    """agent: its own decision on fresh answers; last_good: on older ones; fallback: static rule."""
    effect: Effect
    """applied: the wish; late: a wish that came late for the last period; static: the rule's."""
    asked: float  # first read sent
    seen: float  # observation complete, or given up
    acted: float  # write confirmed, or given up
    effective: float  # the epoch at which the decision counts


def digest(array: NDArray[Any]) -> str:
    """Short hash of an array's bytes."""
    return blake2b(np.ascontiguousarray(array).tobytes(), digest_size=8).hexdigest()


def write_traces(path: str | Path, traces: Iterable[DecisionTrace]) -> None:
    """Write traces to a Parquet file; the file appears whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([asdict(trace) for trace in traces], schema=_schema(pa))
    partial = f"{path}.partial"
    pq.write_table(table, partial)
    os.replace(partial, path)


def read_traces(path: str | Path) -> tuple[DecisionTrace, ...]:
    """Read what ``write_traces`` wrote.

    Raises UsageError when the file is no Parquet file of traces.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise UsageError("cannot read traces", str(path), str(error)) from None
    if not table.schema.equals(_schema(pa)):
        expected = ", ".join(field.name for field in fields(DecisionTrace))
        raise UsageError("not a file of traces", str(path), ", ".join(table.column_names), expected)
    return tuple(_trace(row) for row in table.to_pylist())


def _trace(row: dict[str, Any]) -> DecisionTrace:
    reads = tuple(ReadTrace(**read) for read in row.pop("reads"))
    wish = tuple(row.pop("wish"))
    return DecisionTrace(reads=reads, wish=wish, **row)


def _schema(pa: Any) -> Any:
    text, whole, number = pa.string(), pa.int64(), pa.float64()
    read = pa.struct(
        [
            ("tool", text),
            ("entity", text),
            ("call", text),
            ("attempts", whole),
            ("age", whole),
            ("label", text),
        ]
    )
    kinds = {"epoch": whole, "reads": pa.list_(read), "wish": pa.list_(number)}
    kinds |= dict.fromkeys(("asked", "seen", "acted", "effective"), number)
    return pa.schema([(f.name, kinds.get(f.name, text)) for f in fields(DecisionTrace)])
