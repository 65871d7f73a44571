"""The lines that pass between us and an outside agent; numbers are those of the tools.

we        {"type": "start", "version": "1", "agents": [...]}     once, who it acts for
it        {"type": "ready", "name": "mine"}
we        {"type": "reset", "seed": 7}                           a new episode begins
we        {"type": "decide", "agent": ..., "period": ...,        one agent, one period
           "weekday": 0, "answers": [{"tool": ..., "entity": ..., "age": 0, "on_hand": [...]}]}
it        a request of ``order.place`` or ``dispatch.book`` (``twin.tools.catalogue``),
          or {"type": "pass", "agent": ..., "period": ...}: the static policy decides
we        {"type": "stop"}
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, ValidationError

from twin.env.agents import AgentSpec
from twin.errors import ToolBoundaryError
from twin.scenario.quantities import Model
from twin.tools.catalogue import CATALOGUE, REQUESTS, VERSION, BookRequest, OrderRequest
from twin.tools.scope import WRITE_TOOL
from twin.tools.wire import guarded

Floats = NDArray[np.float64]


class Ready(Model):
    """The first line of an outside agent."""

    model_config = ConfigDict(strict=True)

    type: Literal["ready"]
    name: Annotated[str, Field(min_length=1, max_length=80)]


class Pass(Model):
    """It leaves a decision to the static policy."""

    model_config = ConfigDict(strict=True)

    type: Literal["pass"]
    agent: str
    period: int


def start(specs: tuple[AgentSpec, ...]) -> dict[str, Any]:
    """Who the outside agent acts for: what each reads, and what it writes."""
    return {"type": "start", "version": VERSION, "agents": [_described(spec) for spec in specs]}


def _described(spec: AgentSpec) -> dict[str, Any]:
    reads = [
        {"tool": r.tool, "entity": r.entity, "fields": {name: len(at) for name, at in r.fields}}
        for r in spec.reads
    ]
    write = {"tool": WRITE_TOOL[spec.role], "entity": spec.entity, "lanes": len(spec.lanes)}
    return {
        "agent": spec.name,
        "role": spec.role,
        "reads": reads,
        "write": {**write, "products": spec.products},
    }


def decide(spec: AgentSpec, observation: Floats) -> dict[str, Any]:
    """One observation, as the answers it was made from."""
    at = spec.slices
    ages = observation[at["ages"]].tolist()
    clock = observation[at["clock"]]
    answers = []
    for read, age in zip(spec.reads, ages, strict=True):
        numbers = {
            name: observation[at[f"{read.tool}/{read.entity}/{name}"]].tolist()
            for name, _ in read.fields
        }
        answers.append({"tool": read.tool, "entity": read.entity, "age": int(age), **numbers})
    return {
        "type": "decide",
        "agent": spec.name,
        "period": round(float(clock[0])),
        "weekday": int(np.argmax(clock[1:])),
        "answers": answers,
    }


def wish_of(spec: AgentSpec, period: int, line: bytes, cap: int) -> Floats | None:
    """The wish that a line states, None for a pass; raises ToolBoundaryError for anything else."""
    value = guarded(line, cap)
    try:
        if isinstance(value, dict) and value.get("type") == "pass":
            told = Pass.model_validate_json(line)
            _same((told.agent, told.period), (spec.name, period))
            return None
        request = REQUESTS.validate_json(line)
    except ValidationError as error:
        raise ToolBoundaryError("schema", f"{error.error_count()} problems") from None
    if not isinstance(request, OrderRequest | BookRequest):
        raise ToolBoundaryError("out_of_scope", "neither an order nor a booking", request.tool)
    got = (request.agent, request.period, request.tool, request.entity)
    _same(got, (spec.name, period, WRITE_TOOL[spec.role], spec.entity))
    lists = [getattr(request, name) for name in CATALOGUE[request.tool].fields]
    expected = len(spec.lanes) if spec.role == "dispatch" else len(spec.lanes) * spec.products
    if any(len(values) != expected for values in lists):
        sizes = ", ".join(str(len(values)) for values in lists)
        raise ToolBoundaryError("schema", f"{sizes} numbers, expected {expected}", request.tool)
    numbers = [x for values in lists for x in values]
    if not all(math.isfinite(x) for x in numbers):
        raise ToolBoundaryError("non_finite", "", request.tool)
    return np.array(numbers)


def _same(got: tuple[object, ...], expected: tuple[object, ...]) -> None:
    if got != expected:
        raise ToolBoundaryError("echo_mismatch", f"{got}, expected {expected}")
