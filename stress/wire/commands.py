"""Commands about the wire: serve-tools."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from twin.errors import UsageError
from twin.options import (
    count_option,
    json_option,
    overrides_option,
    path_option,
    print_json,
    scenario_argument,
    seed_option,
)

if TYPE_CHECKING:
    from stress.wire.translate import WireFaults
    from twin.network.world import World
    from twin.serve import ToolHTTPServer, ToolRun


@click.command("serve-tools")
@scenario_argument
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@count_option("--port", "Port; 0 for one that is free.", default=0, most=65_535, least=0)
@click.option(
    "--window",
    type=click.FloatRange(0.01, 86_400),
    default=None,
    metavar="SECONDS",
    help="Wall time of every window [default: the owner opens and closes them].",
)
@path_option(
    "--faults", text="Stress suite whose --case strikes at the sockets, the answers and the world."
)
@click.option("--case", default=None, metavar="NAME/SEVERITY", help="Such as channel.corrupt/3.")
@click.option("--mcp", is_flag=True, help="Speak the Model Context Protocol on stdin and stdout.")
@click.option(
    "--check", is_flag=True, help="Serve one episode to itself and compare it with simulated time."
)
@seed_option()
@overrides_option
@json_option
def serve_tools(
    scenario: Path,
    host: str,
    port: int,
    window: float | None,
    faults: Path | None,
    case: str | None,
    mcp: bool,
    check: bool,
    seed: int,
    overrides: tuple[str, ...],
    as_json: bool,
) -> int:
    """Serve the tools of SCENARIO until interrupted; see twin/serve/README.md."""
    from twin.env.rules import default_rule
    from twin.network.world import compile_world
    from twin.scenario import load
    from twin.serve import Runs, ToolHTTPServer, ToolRun
    from twin.serve.httpd import is_loopback

    world = compile_world(load(scenario, overrides).model)
    struck = _faults(world, faults, case)
    rule = default_rule(world)

    def make(seed: int) -> ToolRun:
        return ToolRun(world, struck.path(world, seed), rule, struck.layers())

    if check:
        return _check(world, struck, seed, as_json)
    if mcp:
        _over_stdio(make(seed), struck, window)
        return 0
    if not is_loopback(host):
        text = f"warning: {host} is reachable from other machines, and nothing is encrypted."
        click.echo(text, err=True)
    with ExitStack() as stack:
        server = stack.enter_context(ToolHTTPServer(Runs(make, seed, window), host, port))
        urls = {"url": _way_in(server, struck, seed, stack), "control": server.url}
        if as_json:
            print_json(urls)
        else:
            calls = f", for calls {urls['url']}" if urls["url"] != server.url else ""
            click.echo(f"Tools of {scenario} at {server.url}{calls}; stop with Ctrl-C.")
        _wait_for_a_signal()
    return 0


def _check(world: World, struck: WireFaults, seed: int, as_json: bool) -> int:
    """One episode over a wire beside the same one in simulated time; 1 when they differ."""
    import dataclasses

    from stress.wire.check import check_wire
    from twin.progress import stage, stages

    with stages(quiet=as_json) as display, stage(display, "wire") as line:
        found = check_wire(world, struck, seed, line)
    if as_json:
        print_json(dataclasses.asdict(found))
    else:
        click.echo(f"simulated {found.simulated_digest}  {found.simulated_labels}")
        click.echo(f"wire      {found.digest}  {found.labels}")
        click.echo(
            f"{found.exchanges} exchanges, {found.broken} broken, {found.given_up} given up, "
            f"{len(found.violations)} laws broken: {'PASS' if found.passed else 'FAIL'}"
        )
    return 0 if found.passed else 1


def _faults(world: World, suite: Path | None, case: str | None) -> WireFaults:
    """The faults of a case; raises UsageError when only one of the two is given."""
    from stress.wire.translate import WireFaults, on_the_wire

    if suite is None and case is None:
        return WireFaults()
    if suite is None or case is None:
        raise UsageError("--faults and --case go together", "serve-tools")
    from stress.expand import strikes_of
    from stress.spec import StressSuite
    from twin.scenario.loader import load_document

    return on_the_wire(strikes_of(load_document(suite, StressSuite)[0], world, case), world)


def _over_stdio(run: ToolRun, struck: WireFaults, window: float | None) -> None:
    """Serve one run on stdin and stdout; raises UsageError for faults of sockets."""
    from twin import __version__
    from twin.serve.mcp_stdio import serve_stdio
    from twin.serve.mcp_tools import McpTools
    from twin.serve.metronome import Metronome

    if struck.toxics:
        fix = "Use a tool.*, obs.* or world.* fault, or HTTP."
        raise UsageError(
            "stdin and stdout are no sockets", "--case", struck.toxics[0].name, "", fix
        )
    beat = None if window is None else Metronome(run, window)
    tools = McpTools(run, timed=beat is not None)
    if beat is not None:
        beat.start()
    try:
        serve_stdio(tools, run.world.model.name, __version__)
    finally:
        if beat is not None:
            beat.stop()


def _way_in(server: ToolHTTPServer, struck: WireFaults, seed: int, stack: ExitStack) -> str:
    """Where calls go: the server itself, or a proxy with toxics in front of it."""
    from stress.wire.proxy import ToxicProxy

    if not struck.toxics:
        return server.url
    proxy = stack.enter_context(ToxicProxy(server.address, struck.toxics, seed))
    host, port = proxy.address
    return f"http://{host}:{port}"


def _wait_for_a_signal() -> None:
    """Wait until somebody asks the process to stop."""
    stopped = threading.Event()
    known = {
        number: signal.signal(number, lambda *_: stopped.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        stopped.wait()
    finally:
        for number, handler in known.items():
            signal.signal(number, handler)
