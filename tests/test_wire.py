"""Laws of the wire: over HTTP everything is as it is in simulated time."""

import json
import signal
import socket
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.gateway import run_through_tools
from agents.gateway.http_calls import Address, HttpCalls
from agents.gateway.remote import RunOwner, Wire, run_over_http
from twin.env.agents import agent_specs
from twin.env.policy import RulePolicy
from twin.env.rules import default_rule
from twin.errors import SimulationError, ToolBoundaryError, UsageError
from twin.exogenous.path import draw_path
from twin.network.world import compile_world
from twin.scenario import load
from twin.serve import Runs, ToolHTTPServer, ToolRun, httpd
from twin.serve.httpd import MAX_BODY, is_loopback
from twin.serve.routes import respond
from twin.serve.runs import MAX_RUNS
from twin.serve.schemas import tool_list
from twin.serve.status import STATUS, retry_after, status_of
from twin.tools.catalogue import CATALOGUE, REQUESTS, ErrorCode, error_answer

QUICKSTART = "scenarios/quickstart.yaml"
SHORT = "horizon=6 d"
LOCKS = "tools.provider.lock_after=2"


def compiled(*overrides):
    return compile_world(load(QUICKSTART, overrides).model)


@pytest.fixture(scope="module")
def world():
    return compiled(SHORT)


def runs_of(world, seed=3, window_s=None):
    rule = default_rule(world)
    return Runs(lambda s: ToolRun(world, draw_path(world, s), rule), seed, window_s)


def simulated(world, seed=3, **options):
    rule = default_rule(world)
    policy = RulePolicy(world, rule)
    return run_through_tools(world, draw_path(world, seed), policy, rule, seed, **options)


def over_http(world, wire, seed=3, **options):
    rule = default_rule(world)
    policy = RulePolicy(world, rule)
    return run_over_http(world, draw_path(world, seed), policy, rule, seed, wire, **options)


def same(wire, simulation):
    return (
        wire.ledger.digest == simulation.ledger.digest
        and wire.labels == simulation.labels
        and wire.account == simulation.account
        and wire.approvals == simulation.approvals
        and wire.violations == simulation.violations == ()
        and wire.late == simulation.late
        and wire.locks == simulation.locks
        and wire.fallbacks == simulation.fallbacks
    )


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


def test_before_the_first_window_and_after_the_last_calls_are_refused(world):
    run = runs_of(world).start().run
    spec = agent_specs(world)[0]
    asked = {"tool": spec.reads[0].tool, "agent": spec.name, "entity": spec.reads[0].entity}
    body = json.dumps({"version": "1", "call": "c", **asked}).encode()
    assert status_of(run.call(body))[0] == 422
    while run.advance() is not None:
        assert status_of(run.call(body))[0] == 200
        run.close()
    assert status_of(run.call(body))[0] == 422


def test_time_on_the_wire_never_runs_back_nor_ahead(world):
    run = runs_of(world).start().run
    run.advance()
    run.call(b"{}", 0.5)
    for wrong in (0.4, 1.5, float("nan"), float("inf")):
        with pytest.raises(ToolBoundaryError):
            run.call(b"{}", wrong)


def test_only_so_many_runs_are_held_and_what_is_over_makes_room(world):
    runs = runs_of(world)
    sessions = [runs.start(seed) for seed in range(MAX_RUNS)]
    with pytest.raises(UsageError, match="too many"):
        runs.start()
    while sessions[0].run.advance() is not None:
        sessions[0].run.close()
    assert runs.start() is not None
    assert runs.get(sessions[0].name) is None


def test_the_wall_clock_runs_a_session_to_its_end(world):
    runs = runs_of(world, window_s=0.01)
    session = runs.start()
    owner = {"Authorization": f"Bearer {session.key}"}
    path = f"/v1/runs/{session.name}/advance"
    assert respond(runs, "POST", path, owner, b"").status == 409
    session.metronome.join()
    by_hand = runs_of(world).start().run
    while by_hand.advance() is not None:
        by_hand.close()
    assert session.run.standing.digest == by_hand.standing.digest != ""
    runs.stop()
    assert len(runs) == 0


def test_every_error_has_a_status_and_the_answer_says_the_same():
    assert set(STATUS) == set(ErrorCode.__args__)
    for code, status in STATUS.items():
        assert status_of(error_answer("c", "t", code, "", 1.5)) == (status, 1.5)
        assert 400 <= status < 600
    assert status_of(b'{"is_error":false}') == (200, None)
    assert status_of(b'{"is_error":true}') == (200, None)
    assert retry_after(1.2) == "2"


def test_what_is_no_request_is_refused_at_the_door(world):
    with ToolHTTPServer(runs_of(world)) as server:
        http = HttpCalls(Address.of(server.url), 10_000)
        session = server.runs.start()
        session.run.advance()
        path = f"/v1/runs/{session.name}/call"
        assert http.exchange("POST", path, b"nonsense").status == 400
        assert http.exchange("POST", path, b"{}").status == 422
        assert http.exchange("GET", "/", b"").status == 404
        assert http.exchange("PUT", path, b"").status == 501
        for header, status in (
            (("Content-Length", "many"), 411),
            (("Transfer-Encoding", "chunked"), 411),
            (("Origin", "http://page.example"), 403),
        ):
            got = http.exchange("POST", path, b"", (header,))
            assert got.status == status, header
            assert json.loads(got.body)["is_error"] is True


def test_a_request_that_says_it_is_too_long_is_never_read(world):
    with ToolHTTPServer(runs_of(world)) as server:
        with socket.create_connection(server.address, 10) as connection:
            head = f"POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MAX_BODY + 1}"
            connection.sendall(head.encode() + b"\r\n\r\n")
            assert b" 413 " in connection.recv(100)
        with socket.create_connection(server.address, 10) as connection:
            connection.sendall(b"POST /v1/runs HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n")
            assert b" 403 " in connection.recv(100)


def test_a_request_over_http_gets_the_bytes_that_the_server_says(world):
    with ToolHTTPServer(runs_of(world)) as server:
        owner = RunOwner(Address.of(server.url), 3)
        assert owner.advance() == 0
        other = runs_of(world).start(3).run
        other.advance()
        spec = agent_specs(world)[0]
        http = HttpCalls(Address.of(server.url), 100_000)
        for read in spec.reads:
            asked = {"tool": read.tool, "agent": spec.name, "entity": read.entity}
            body = json.dumps({"version": "1", "call": "c/1", **asked}).encode()
            assert REQUESTS.validate_json(body).call == "c/1"
            got = http.exchange("POST", f"{owner.path}/call", body, owner.headers(0.0))
            assert (got.status, got.body) == (200, other.call(body, 0.0))
        owner.end()


def test_one_connection_too_many_is_turned_away_and_stopping_waits_for_nobody(world, monkeypatch):
    monkeypatch.setattr(httpd, "MAX_CONNECTIONS", 1)
    monkeypatch.setattr(httpd._Handler, "timeout", 600.0)
    with (
        ToolHTTPServer(runs_of(world)) as server,
        socket.create_connection(server.address, 60) as silent,
        socket.create_connection(server.address, 60) as refused,
    ):
        assert refused.recv(1) == b""
        assert server.turned_away == 1
        assert silent.fileno() >= 0
    with pytest.raises(OSError):  # noqa: PT011 - refused, reset or timed out, as the system likes
        socket.create_connection(server.address, 1)


def test_only_this_machine_is_loopback():
    assert all(
        is_loopback(host) for host in ("127.0.0.1", "127.8.0.1", "::1", "[::1]", "localhost")
    )
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "example.org", ""))


SMALL = compiled("horizon=2 d")
VERBS = ("call", "advance", "close", "approve", "bar", "admit", "", "nothing")
CLOCKS = st.sampled_from(["0", "nan", "inf", "-1", "1e999", "0x1", "", "0.5"])


@given(st.sampled_from(VERBS), st.sampled_from(("GET", "POST", "PUT")), CLOCKS, st.binary())
def test_whatever_an_owner_sends_gets_a_reply(verb, method, clock, body):
    runs = runs_of(SMALL)
    session = runs.start()
    headers = {"Authorization": f"Bearer {session.key}", "Twin-Clock": clock}
    session.run.advance()
    path = f"/v1/runs/{session.name}" + (f"/{verb}" if verb else "")
    reply = respond(runs, method, path, headers, body)
    assert 200 <= reply.status < 500
    assert isinstance(json.loads(reply.body), dict)


def test_the_list_of_tools_is_the_catalogue(world):
    reply = respond(runs_of(world), "GET", "/v1/tools", {}, b"")
    listed = json.loads(reply.body)["tools"]
    assert listed == json.loads(json.dumps(tool_list()))
    assert [tool["name"] for tool in listed] == list(CATALOGUE)
    for tool in listed:
        assert tool["inputSchema"]["additionalProperties"] is False
        assert tool["annotations"]["readOnlyHint"] == tool["name"].endswith(".read")
        assert tool["annotations"]["openWorldHint"] is False


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
