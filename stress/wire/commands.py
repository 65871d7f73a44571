"""Commands about the wire: serve-tools."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from twin.options import json_option, overrides_option, print_json, scenario_argument, seed_option


@click.command("serve-tools")
@scenario_argument
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    show_default=True,
    help="Port; 0 for one that is free.",
)
@click.option(
    "--window",
    type=click.FloatRange(0.01, 86_400),
    default=None,
    metavar="SECONDS",
    help="Wall time of every window [default: the owner opens and closes them].",
)
@seed_option()
@overrides_option
@json_option
def serve_tools(
    scenario: Path,
    host: str,
    port: int,
    window: float | None,
    seed: int,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Serve the tools of SCENARIO over HTTP until interrupted; see twin/serve/README.md."""
    from twin.env.rules import default_rule
    from twin.exogenous.path import draw_path
    from twin.network.world import compile_world
    from twin.scenario import load
    from twin.serve import Runs, ToolHTTPServer, ToolRun
    from twin.serve.httpd import is_loopback

    world = compile_world(load(scenario, overrides).model)
    rule = default_rule(world)

    def make(seed: int) -> ToolRun:
        return ToolRun(world, draw_path(world, seed), rule)

    if not is_loopback(host):
        click.echo(
            f"warning: {host} is reachable from other machines; nothing is encrypted.", err=True
        )
    with ToolHTTPServer(Runs(make, seed, window), host, port) as server:
        if as_json:
            print_json({"url": server.url})
        else:
            click.echo(f"Tools of {scenario} at {server.url}; stop with Ctrl-C.")
        _wait_for_a_signal()


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
