"""The Model Context Protocol over stdin and stdout, by the official SDK, which is loaded lazily."""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import Any

from twin.errors import UsageError
from twin.serve.mcp_tools import McpTools

MAJOR = 2
"""Of the SDK; an older one has other names."""


def serve_stdio(tools: McpTools, name: str, version: str) -> None:
    """Serve until the client closes stdin; raises UsageError where the SDK is not installed."""
    lowlevel, types, stdio, anyio = _sdk()

    async def listed(context: Any, params: Any) -> Any:
        found = [types.Tool.model_validate(tool) for tool in tools.tools()]
        return types.ListToolsResult(tools=found)

    async def called(context: Any, params: Any) -> Any:
        answer = tools.call(params.name, params.arguments)
        return types.CallToolResult(
            content=[types.TextContent(text=answer.text)],
            structured_content=answer.value,
            is_error=answer.is_error,
        )

    server = lowlevel.Server(name, version=version, on_list_tools=listed, on_call_tool=called)

    async def serve() -> None:
        async with stdio.stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())

    anyio.run(serve)


def _sdk() -> tuple[Any, Any, Any, Any]:
    """The modules of the SDK that are needed here."""
    names = ("mcp.server.lowlevel", "mcp.types", "mcp.server.stdio", "anyio")
    fix = "Install it with: pip install 'logistics-twin[mcp]'"
    try:
        lowlevel, types, stdio, anyio = (importlib.import_module(name) for name in names)
        found = metadata.version("mcp")
    except ModuleNotFoundError as error:
        raise UsageError("the SDK is not installed", "--mcp", str(error.name), "mcp", fix) from None
    if int(found.partition(".")[0]) < MAJOR:
        raise UsageError("the SDK is too old", "--mcp", found, f"{MAJOR} or newer", fix)
    return lowlevel, types, stdio, anyio
