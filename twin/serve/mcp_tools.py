"""The tools of one run as a Model Context Protocol server has them; no SDK is needed for this.

One client is agent and owner at once: besides the tools it closes windows (``window.close``). The
protocol names version and tool of a request, so that its arguments leave both out; a call that has
no name of its own is numbered.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from twin.errors import TwinError
from twin.serve.run import ToolRun
from twin.serve.schemas import tool_list
from twin.serve.status import status_of
from twin.tools.catalogue import CATALOGUE, VERSION

CLOSE, STATUS = "window.close", "run.status"
_NOTHING: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


class McpAnswer(NamedTuple):
    """What a tool call brought."""

    text: str
    """The answer as it was said; under stress it may be anything."""
    value: dict[str, Any] | None
    """The answer as an object, where it is one."""
    is_error: bool


class McpTools:
    """Lists and calls the tools of a run; ``timed`` when the wall clock closes its windows."""

    def __init__(self, run: ToolRun, timed: bool = False) -> None:
        self._run = run
        self._timed = timed
        self._calls = 0
        if not timed:
            run.advance()

    def tools(self) -> list[dict[str, Any]]:
        """Every tool, in the protocol's names.

        There is no output schema: what a tool under stress says need not keep to it.
        """
        listed = [_listed(tool) for tool in tool_list()]
        return [*listed, _STATUS] if self._timed else [*listed, _CLOSE, _STATUS]

    def call(self, name: str, arguments: dict[str, Any] | None) -> McpAnswer:
        """Call a tool; errors are answers."""
        if name in CATALOGUE:
            return self._tool(name, arguments or {})
        if name == CLOSE and not self._timed:
            return self._close()
        if name == STATUS:
            return _said(self._run.standing._asdict())
        return McpAnswer(f"no tool is called {name[:80]!r}", None, True)

    def _tool(self, name: str, arguments: dict[str, Any]) -> McpAnswer:
        self._calls += 1
        named = {"version": VERSION, "call": f"mcp/{self._calls}", **arguments, "tool": name}
        answer = self._run.call(to_json(named, inf_nan_mode="constants"))
        if answer is None:
            return McpAnswer("no answer", None, True)
        return McpAnswer(answer.decode(errors="replace"), _object(answer), _failed(answer))

    def _close(self) -> McpAnswer:
        try:
            placed = self._run.close()
            period = self._run.advance()
        except TwinError as error:
            return McpAnswer(str(error), None, True)
        writes = [{"agent": p.agent, "key": p.key, "period": p.period} for p in placed]
        return _said({"placed": writes, "period": period, "over": period is None})


def _listed(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool without what the protocol says itself."""
    schema = dict(tool["inputSchema"])
    kept = {n: s for n, s in schema["properties"].items() if n not in ("version", "tool")}
    required = [n for n in schema["required"] if n in kept and n != "call"]
    shown = {k: v for k, v in tool.items() if k != "outputSchema"}
    return {**shown, "inputSchema": {**schema, "properties": kept, "required": required}}


_CLOSE: dict[str, Any] = {
    "name": CLOSE,
    "description": "Close the decision window, run its period and open the next window.",
    "inputSchema": _NOTHING,
    "annotations": {
        "readOnlyHint": False,
        "destructiveHint": True,
        "idempotentHint": False,
        "openWorldHint": False,
    },
}
_STATUS: dict[str, Any] = {
    "name": STATUS,
    "description": "Where the run stands: its window, its period, and the digest once it is over.",
    "inputSchema": _NOTHING,
    "annotations": {
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": False,
    },
}


def _said(value: dict[str, Any]) -> McpAnswer:
    return McpAnswer(json.dumps(value), value, False)


def _object(answer: bytes) -> dict[str, Any] | None:
    try:
        value = from_json(answer, allow_inf_nan=False)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _failed(answer: bytes) -> bool:
    return status_of(answer)[0] != 200
