"""The catalogue as a list for programs that have not read it: schemas and hints."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from twin.tools.catalogue import CATALOGUE, BookRequest, OrderRequest, ReadRequest, ToolSpec

_REQUEST: dict[str, type[BaseModel]] = {"order.place": OrderRequest, "dispatch.book": BookRequest}


def request_schema(spec: ToolSpec) -> dict[str, Any]:
    """JSON Schema of a tool's request, its name fixed to this tool."""
    schema = _REQUEST.get(spec.name, ReadRequest).model_json_schema()
    schema["properties"]["tool"] = {"const": spec.name, "type": "string"}
    return schema


def answer_schema(spec: ToolSpec) -> dict[str, Any]:
    """JSON Schema of a tool's successful answer."""
    return spec.answer.model_json_schema()


def description(spec: ToolSpec) -> str:
    """What a tool does, in one sentence, and its unit."""
    text = (spec.answer.__doc__ or "").strip().rstrip(".")
    return f"{text}; in {spec.unit}."


def hints(spec: ToolSpec) -> dict[str, bool]:
    """The Model Context Protocol's hints; the world behind the tools is a closed one."""
    return {
        "readOnlyHint": spec.read_only,
        "destructiveHint": not spec.read_only,
        "idempotentHint": spec.idempotent,
        "openWorldHint": False,
    }


def tool_list() -> list[dict[str, Any]]:
    """Every tool, in the names of the Model Context Protocol."""
    return [
        {
            "name": spec.name,
            "description": description(spec),
            "inputSchema": request_schema(spec),
            "outputSchema": answer_schema(spec),
            "annotations": hints(spec),
        }
        for spec in CATALOGUE.values()
    ]
