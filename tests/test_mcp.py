"""Laws of the tools as a Model Context Protocol server."""

import json
import os
import sys

import pytest

from tests.wire_runs import QUICKSTART, compiled, runs_of
from twin.cli import run
from twin.env.agents import agent_specs
from twin.serve.mcp_tools import CLOSE, STATUS, McpTools
from twin.tools.catalogue import CATALOGUE
from twin.tools.wire import is_sealed

SHORT = "horizon=2 d"


@pytest.fixture
def run_():
    return runs_of(compiled(SHORT)).start(3).run


def read_of(spec):
    return {"agent": spec.name, "entity": spec.reads[0].entity}


def order_of(spec, period):
    key, size = f"{period}/{spec.name}", len(spec.lanes) * spec.products
    numbers = [5.0] * size
    return {
        "agent": spec.name,
        "entity": spec.entity,
        "period": period,
        "key": key,
        "quantities": numbers,
    }


def test_the_catalogue_is_listed_with_hints_and_without_what_the_protocol_says(run_):
    listed = {tool["name"]: tool for tool in McpTools(run_).tools()}
    assert list(listed) == [*CATALOGUE, CLOSE, STATUS]
    for name, tool in listed.items():
        schema, hints = tool["inputSchema"], tool["annotations"]
        assert not {"version", "tool"} & set(schema["properties"])
        assert set(schema.get("required", ())) <= set(schema["properties"])
        assert schema["additionalProperties"] is False
        assert hints["readOnlyHint"] is not hints["destructiveHint"]
        assert hints["openWorldHint"] is False
        assert tool["description"].endswith("."), name
    assert listed["order.place"]["annotations"]["idempotentHint"] is True
    assert listed[CLOSE]["annotations"]["idempotentHint"] is False
    assert CLOSE not in [tool["name"] for tool in McpTools(run_, timed=True).tools()]


def test_an_answer_is_what_the_server_says_and_an_error_is_an_answer(run_):
    tools, spec = McpTools(run_), agent_specs(run_.world)[0]
    good = tools.call(spec.reads[0].tool, read_of(spec))
    assert not good.is_error
    assert is_sealed(good.text.encode())
    assert json.loads(good.text) == good.value
    assert good.value["call"] == "mcp/1"
    for name, arguments in (
        (spec.reads[0].tool, {**read_of(spec), "entity": "nowhere"}),
        (spec.reads[0].tool, {**read_of(spec), "extra": 1}),
        ("order.place", {**order_of(spec, 0), "quantities": [float("nan")]}),
        ("order.place", None),
        ("no.tool", {}),
    ):
        assert tools.call(name, arguments).is_error


def test_an_order_takes_effect_when_the_window_closes_until_the_run_is_over(run_):
    tools = McpTools(run_)
    spec = next(s for s in agent_specs(run_.world) if s.role == "replenish")
    for period in range(2):
        assert tools.call("order.place", order_of(spec, period)).value["effective"] == period
        closed = tools.call(CLOSE, {}).value
        assert [placed["agent"] for placed in closed["placed"]] == [spec.name]
    assert closed["over"] is True
    assert len(tools.call(STATUS, None).value["digest"]) == 64
    assert tools.call(CLOSE, {}).is_error


def test_faults_of_sockets_are_refused_where_there_are_none():
    suite = "scenarios/stress/full.yaml"
    chosen = ["--faults", suite, "--case", "channel.corrupt/3"]
    assert run(["serve-tools", QUICKSTART, "--mcp", *chosen]) == 2


def test_without_the_sdk_the_command_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "mcp.server.lowlevel", None)
    assert run(["serve-tools", QUICKSTART, "--mcp"]) == 2
    assert "logistics-twin[mcp]" in capsys.readouterr().err


def test_a_client_of_the_official_sdk_reads_orders_and_closes_windows():
    mcp = pytest.importorskip("mcp", reason="the SDK is not installed: pip install '.[mcp]'")
    anyio = pytest.importorskip("anyio", reason="the SDK is not installed: pip install '.[mcp]'")
    spec = next(s for s in agent_specs(compiled(SHORT)) if s.role == "replenish")
    command = ["-m", "twin.cli", "serve-tools", QUICKSTART, "--mcp", "--set", SHORT]
    server = mcp.StdioServerParameters(
        command=sys.executable, args=command, env={**os.environ, "PYTHONPATH": os.getcwd()}
    )

    async def talk():
        async with (
            mcp.stdio_client(server) as (read, write),
            mcp.ClientSession(read, write) as session,
        ):
            await session.initialize()
            listed = (await session.list_tools()).tools
            good = await session.call_tool(spec.reads[0].tool, read_of(spec))
            bad = await session.call_tool(
                spec.reads[0].tool, {**read_of(spec), "entity": "nowhere"}
            )
            await session.call_tool("order.place", order_of(spec, 0))
            closed = await session.call_tool(CLOSE, {})
            return listed, good, bad, closed

    with anyio.from_thread.start_blocking_portal() as portal:
        listed, good, bad, closed = portal.call(talk)
    hints = {tool.name: tool.annotations for tool in listed}
    assert list(hints) == [*CATALOGUE, CLOSE, STATUS]
    assert hints["inventory.read"].read_only_hint is True
    assert hints["order.place"].destructive_hint is True
    assert good.is_error is False
    assert is_sealed(good.content[0].text.encode())
    assert bad.is_error is True
    assert bad.structured_content["code"] == "unknown_entity"
    assert closed.structured_content["placed"][0]["agent"] == spec.name
