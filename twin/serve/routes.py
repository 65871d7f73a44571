"""What the server answers, apart from sockets: method, path, headers and bytes in, a reply out.

    POST   /v1/runs                begin a run: its name and the owner's key
    GET    /v1/runs/NAME           where it stands
    POST   /v1/runs/NAME/call      a tool's request, as in the catalogue; anyone who knows the name
    POST   /v1/runs/NAME/advance   open the next window               owner
    POST   /v1/runs/NAME/close     close it, run the period           owner
    POST   /v1/runs/NAME/approve   enter a person's approval          owner
    POST   /v1/runs/NAME/bar       refuse an agent's writes           owner
    POST   /v1/runs/NAME/admit     accept them again                  owner
    DELETE /v1/runs/NAME           forget the run                     owner
    GET    /v1/tools               the tools, their schemas and hints

The owner shows its key as ``Authorization: Bearer KEY`` and may say when a call arrives, in
simulated days, as ``Twin-Clock``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from twin.errors import ToolBoundaryError, TwinError, UsageError
from twin.serve.messages import (
    AgentName,
    Approval,
    Closed,
    CloseWindow,
    Opened,
    PlacedWrite,
    Started,
    StartRun,
    Status,
)
from twin.serve.run import world_digest
from twin.serve.runs import Runs, Session
from twin.serve.schemas import tool_list
from twin.serve.status import status_of
from twin.tools.catalogue import error_answer

M = TypeVar("M", bound=BaseModel)
_RUNS = "/v1/runs"
CLOCK = "Twin-Clock"


@dataclass(frozen=True)
class Reply:
    """One answer; without a body the connection closes in silence."""

    status: int
    body: bytes | None
    retry_after_s: float | None = None


class _RefusedError(UsageError):
    """A refusal with a status code of its own."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.args = (status, what)
        self.status = status


def respond(runs: Runs, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """The reply to one request; never raises for anything that a client can send."""
    try:
        return _route(runs, method, path, headers, body)
    except _RefusedError as error:
        return _error(error.status, error.what)
    except ToolBoundaryError as error:
        return Reply(422, error_answer("", "", "invalid_request", str(error)))
    except ValidationError as error:
        return _error(422, f"{error.error_count()} field(s) are wrong")
    except TwinError as error:
        return _error(409, str(error))


def _route(runs: Runs, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    if (method, path) == ("GET", "/v1/tools"):
        return _json(200, {"tools": tool_list()})
    if (method, path) == ("POST", _RUNS):
        return _start(runs, _read(StartRun, body))
    name, _, verb = path.removeprefix(f"{_RUNS}/").partition("/")
    session = runs.get(name) if path.startswith(f"{_RUNS}/") else None
    if session is None:
        raise _RefusedError(404, "no such run or path")
    owner = session.is_owner(headers.get("Authorization", "").removeprefix("Bearer "))
    if (method, verb) == ("GET", ""):
        return _message(200, Status(**session.run.standing._asdict()))
    if (method, verb) == ("POST", "call"):
        return _call(session, body, headers.get(CLOCK) if owner else None)
    if not owner:
        raise _RefusedError(401, "only the owner of a run may do this")
    if (method, verb) == ("DELETE", ""):
        runs.end(name)
        return _json(200, {})
    control = _CONTROLS.get(verb) if method == "POST" else None
    if control is None:
        raise _RefusedError(404, "no such path")
    return control(session, body)


def _start(runs: Runs, wanted: StartRun) -> Reply:
    session = runs.start(wanted.seed)
    run = session.run
    started = Started(
        run=session.name,
        key=session.key,
        seed=run.seed,
        periods=run.world.periods,
        agents=tuple(spec.name for spec in run.specs),
        world=world_digest(run.world),
    )
    return _message(201, started)


def _call(session: Session, body: bytes, clock: str | None) -> Reply:
    try:
        now_d = None if clock is None else float(clock)
    except ValueError:
        raise ToolBoundaryError("invalid_request", f"{CLOCK} is no number") from None
    answer = session.run.call(body, now_d)
    if answer is None:
        return Reply(504, None)
    status, retry_after_s = status_of(answer)
    return Reply(status, answer, retry_after_s)


def _by_owner(session: Session) -> None:
    if session.metronome is not None:
        raise _RefusedError(409, "the wall clock opens and closes the windows of this server")


def _advance(session: Session, body: bytes) -> Reply:
    _by_owner(session)
    return _message(200, Opened(period=session.run.advance()))


def _close(session: Session, body: bytes) -> Reply:
    _by_owner(session)
    placed = session.run.close(_read(CloseWindow, body).stopped)
    writes = tuple(
        PlacedWrite(agent=p.agent, key=p.key, period=p.period, wish=tuple(p.wish.tolist()))
        for p in placed
    )
    return _message(200, Closed(period=session.run.standing.period, placed=writes))


def _approve(session: Session, body: bytes) -> Reply:
    given = _read(Approval, body)
    session.run.approve(given.agent, given.key, given.period, given.wish)
    return _json(200, {})


def _bar(session: Session, body: bytes) -> Reply:
    session.run.bar(_read(AgentName, body).agent)
    return _json(200, {})


def _admit(session: Session, body: bytes) -> Reply:
    session.run.admit(_read(AgentName, body).agent)
    return _json(200, {})


_CONTROLS: dict[str, Callable[[Session, bytes], Reply]] = {
    "advance": _advance,
    "close": _close,
    "approve": _approve,
    "bar": _bar,
    "admit": _admit,
}


def _read(model: type[M], body: bytes) -> M:
    return model.model_validate_json(body or b"{}")


def _message(status: int, message: BaseModel) -> Reply:
    return Reply(status, message.model_dump_json().encode())


def _json(status: int, value: object) -> Reply:
    return Reply(status, json.dumps(value).encode())


def _error(status: int, text: str) -> Reply:
    return _json(status, {"error": text[:512]})
