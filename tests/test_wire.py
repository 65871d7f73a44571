"""Laws of the wire: over HTTP an episode is what it is in simulated time."""

import json
import signal
import subprocess
import sys

import pytest

from agents.gateway.http_calls import Address
from agents.gateway.remote import Wire
from tests.wire_runs import LOCKS, QUICKSTART, SHORT, compiled, over_http, runs_of, same, simulated
from twin.env.agents import agent_specs
from twin.errors import SimulationError, UsageError
from twin.serve import ToolHTTPServer
from twin.serve.routes import respond


@pytest.fixture(scope="module")
def world():
    return compiled(SHORT)


class Killer:
    """Kills one agent in one period, and revives it in another."""

    name = "killer"
    fired = 0

    def __init__(self, agent, killed, revived, standby):
        self.agent, self.killed, self.revived, self.standby = agent, killed, revived, standby

    def start(self, seed, world, gateway):
        self.fired = 0

    def epoch(self, t, gateway):
        if t == self.killed:
            gateway.kill(self.agent, self.standby)
        if t == self.revived:
            gateway.revive(self.agent)


@pytest.mark.parametrize(
    ("met", "overrides"),
    [
        (set(), (SHORT,)),
        ({"rate_limited", "account_locked"}, (SHORT, "tools.quota=12", LOCKS)),
        ({"granted", "denied"}, (SHORT, "tools.high_risk=[{order_above: 20}]")),
        ({"timeout"}, (SHORT, "tools.latency.p95=5 s", "tools.timeout=1 s")),
    ],
    ids=["clean", "quota", "approvals", "slow"],
)
def test_over_http_an_episode_is_what_it_is_in_simulated_time(met, overrides):
    world = compiled(*overrides)
    with ToolHTTPServer(runs_of(world)) as server:
        wire = over_http(world, Wire(Address.of(server.url)))
    assert same(wire.outcome, simulated(world))
    assert wire.server_digest == wire.outcome.ledger.digest
    assert wire.exchanges > 0
    assert met <= {*wire.outcome.labels, *wire.outcome.approvals}
    assert wire.broken == wire.given_up == server.failed == 0
    assert len(server.runs) == 0


def test_a_kill_reaches_the_server_before_the_next_effect(world):
    agent = agent_specs(world)[0].name
    killers = [Killer(agent, 1, 4, "stop")]
    with ToolHTTPServer(runs_of(world)) as server:
        wire = over_http(world, Wire(Address.of(server.url)), incidents=killers)
    assert same(wire.outcome, simulated(world, incidents=killers))
    assert wire.outcome.kills == 1
    assert wire.outcome.ledger.digest != simulated(world).ledger.digest


def test_a_server_of_another_scenario_or_seed_is_noticed(world):
    other = compiled(SHORT, "nodes.dc.stock=301")
    with ToolHTTPServer(runs_of(other)) as server, pytest.raises(UsageError, match="another"):
        over_http(world, Wire(Address.of(server.url)))
    with pytest.raises(SimulationError, match="does not follow"):
        over_http(world, Wire(Address.of(server.url)))  # the server has stopped
    with pytest.raises(UsageError, match="address"):
        Address.of("ftp://somewhere")


def test_only_the_owner_controls_a_run(world):
    runs = runs_of(world)
    session = runs.start()
    path = f"/v1/runs/{session.name}"
    for verb in ("advance", "close", "approve", "bar", "admit"):
        assert respond(runs, "POST", f"{path}/{verb}", {}, b"{}").status == 401
        wrong = {"Authorization": "Bearer é"}
        assert respond(runs, "POST", f"{path}/{verb}", wrong, b"{}").status == 401
    assert respond(runs, "DELETE", path, {}, b"").status == 401
    assert respond(runs, "GET", path, {}, b"").status == 200
    owner = {"Authorization": f"Bearer {session.key}"}
    assert respond(runs, "POST", f"{path}/advance", owner, b"").status == 200
    assert respond(runs, "POST", f"{path}/advance", owner, b"").status == 409
    assert respond(runs, "POST", f"{path}/close", owner, b'{"x":1}').status == 422
    assert respond(runs, "POST", f"{path}/bar", owner, b'{"agent":"nobody"}').status == 409
    assert respond(runs, "DELETE", path, owner, b"").status == 200
    assert respond(runs, "GET", path, {}, b"").status == 404


def test_another_process_serves_the_same_run_and_stops_when_asked(world):
    trouble = ["--faults", "scenarios/stress/full.yaml", "--case", "channel.reset_peer/5"]
    command = [sys.executable, "-m", "twin.cli", "serve-tools", QUICKSTART, "--set", SHORT]
    with subprocess.Popen(
        [*command, *trouble, "--json"], stdout=subprocess.PIPE, text=True
    ) as process:
        text = ""
        while not text.endswith("}\n"):
            line = process.stdout.readline()
            assert line
            text += line
        places = {name: Address.of(url) for name, url in json.loads(text).items()}
        clean = over_http(world, Wire(places["control"]))
        reset = over_http(world, Wire(places["control"], places["url"]))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert same(clean.outcome, simulated(world))
    assert reset.outcome.violations == ()
    assert reset.outcome.labels["malformed_json"] > 0
    assert {address.host for address in places.values()} == {"127.0.0.1"}
