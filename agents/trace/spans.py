"""Traces as OpenTelemetry spans with GenAI names, one JSON object per line.

    invoke_agent {agent}    one decision      gen_ai.agent.name
      execute_tool {tool}   a read, or write  gen_ai.tool.name, gen_ai.tool.call.id, error.type

Fields are named as in OTLP's JSON encoding. Times are simulated: nanoseconds since the start of
the run, which the attribute ``twin.clock`` says. Ids are hashes of what they name, so that the same
run gives the same spans.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

from agents.checkpoint.files import write_file
from agents.trace.record import DecisionTrace, ReadTrace

NANOSECONDS_PER_D = 86_400 * 10**9
_INTERNAL, _CLIENT = 1, 3  # OTLP's span kinds
_OK, _ERROR = 1, 2


def write_spans(path: str | Path, traces: Iterable[DecisionTrace], run: str) -> int:
    """Write the spans of traces, whole or not at all; how many there are."""
    lines = [json.dumps(span, allow_nan=False) for span in spans(traces, run)]
    write_file(Path(path), "".join(f"{line}\n" for line in lines).encode())
    return len(lines)


def spans(traces: Iterable[DecisionTrace], run: str) -> Iterator[dict[str, Any]]:
    """A span per decision, and one per tool call of it."""
    trace_id = _id(run, 16)
    for trace in traces:
        parent = _id(f"{run}/{trace.agent}/{trace.epoch}", 8)
        yield _decision(trace, trace_id, parent)
        for read in trace.reads:
            yield _read(read, trace_id, parent)
        if trace.write_attempts:
            yield _write(trace, trace_id, parent)


def _decision(trace: DecisionTrace, trace_id: str, span_id: str) -> dict[str, Any]:
    attributes: dict[str, str | int | float] = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": trace.agent,
        "gen_ai.agent.id": trace.policy_hash,
        "twin.clock": "simulated",
        "twin.period": trace.epoch,
        "twin.verdict": trace.verdict,
        "twin.effect": trace.effect,
        "twin.approval": trace.approval,
        "twin.reward": trace.reward,
        "twin.link": trace.link,
    }
    name = f"invoke_agent {trace.agent}"
    span = _span(name, _INTERNAL, trace_id, span_id, "", trace.effective, trace.settled)
    return _told(span, attributes, "" if trace.effect == "applied" else trace.verdict)


def _read(read: ReadTrace, trace_id: str, parent: str) -> dict[str, Any]:
    attributes: dict[str, str | int | float] = {
        "twin.entity": read.entity,
        "twin.attempts": read.attempts,
        "twin.age": -1 if read.age is None else read.age,
    }
    times = (read.asked, read.answered)
    return _tool(read.tool, read.call, trace_id, parent, times, attributes, read.label)


def _write(trace: DecisionTrace, trace_id: str, parent: str) -> dict[str, Any]:
    tool = "order.place" if trace.agent.startswith("replenish:") else "dispatch.book"
    attributes: dict[str, str | int | float] = {"twin.attempts": trace.write_attempts}
    failed = len(trace.write_failures) >= trace.write_attempts
    error = trace.write_failures[-1] if trace.write_failures and failed else ""
    call = f"{trace.agent}/{trace.epoch}/{len(trace.reads)}"
    return _tool(tool, call, trace_id, parent, (trace.seen, trace.acted), attributes, error)


def _tool(
    tool: str,
    call: str,
    trace_id: str,
    parent: str,
    times: tuple[float, float],
    attributes: dict[str, str | int | float],
    error: str,
) -> dict[str, Any]:
    named: dict[str, str | int | float] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": tool,
        "gen_ai.tool.call.id": call,
        "twin.clock": "simulated",
    }
    span_id = _id(f"{trace_id}/{call}", 8)
    span = _span(f"execute_tool {tool}", _CLIENT, trace_id, span_id, parent, *times)
    return _told(span, named | attributes, error)


def _span(
    name: str, kind: int, trace_id: str, span_id: str, parent: str, begin: float, end: float
) -> dict[str, Any]:
    return {
        "traceId": trace_id,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(round(begin * NANOSECONDS_PER_D)),
        "endTimeUnixNano": str(round(max(begin, end) * NANOSECONDS_PER_D)),
    }


def _told(
    span: dict[str, Any], attributes: dict[str, str | int | float], error: str
) -> dict[str, Any]:
    """A span with its attributes and its status."""
    if error:
        attributes["error.type"] = error
    told = [{"key": key, "value": _value(value)} for key, value in attributes.items()]
    return {**span, "attributes": told, "status": {"code": _ERROR if error else _OK}}


def _value(value: str | int | float) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"doubleValue": value}


def _id(text: str, size: int) -> str:
    return blake2b(text.encode(), digest_size=size).hexdigest()
