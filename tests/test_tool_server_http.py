"""Laws of the tool server: sessions, windows, status codes, and what is turned away at the door."""

import json
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.gateway.http_calls import Address, HttpCalls
from agents.gateway.remote import RunOwner
from tests.wire_runs import SHORT, compiled, runs_of
from twin.env.agents import agent_specs
from twin.errors import ToolBoundaryError, UsageError
from twin.serve import ToolHTTPServer, httpd
from twin.serve.httpd import MAX_BODY, is_loopback
from twin.serve.routes import respond
from twin.serve.runs import MAX_RUNS
from twin.serve.schemas import tool_list
from twin.serve.status import STATUS, retry_after, status_of
from twin.tools.catalogue import CATALOGUE, REQUESTS, ErrorCode, error_answer


@pytest.fixture(scope="module")
def world():
    return compiled(SHORT)


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
