"""The tools of another process: the same gateway, its calls carried over HTTP.

The gateway keeps a mirror of the world that it never asks: the same scenario, seed and decisions
give the same run, and the two ledgers are compared at the end. Time stays simulated (latencies,
windows, back-offs), so that over a sound wire everything is as it is without one; what breaks at
the socket happens to an attempt of a call just as a layer of the simulated channel would have it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from agents.gateway.episode import Outcome, ToolEpisode
from agents.gateway.http_calls import PATIENCE_S, Address, HttpCalls
from agents.gateway.incident import Incident
from twin.engine.event import EventEngine
from twin.env.agents import AgentSpec
from twin.env.policy import Policy
from twin.env.rules import OrderingRule
from twin.errors import InvariantError, SimulationError, UsageError
from twin.exogenous.path import SamplePath
from twin.network.world import World
from twin.serve.messages import (
    AgentName,
    Approval,
    Closed,
    CloseWindow,
    Opened,
    Started,
    StartRun,
    Status,
)
from twin.serve.routes import CLOCK
from twin.serve.run import world_digest
from twin.tools.approval import ApprovalAnswer, ApprovalBook
from twin.tools.channel import Layer, Serve, Transit
from twin.tools.inbox import Placed
from twin.tools.quota import SECONDS_PER_D
from twin.tools.server import ToolServer

Floats = NDArray[np.float64]
M = TypeVar("M", bound=BaseModel)
CONTROL_BYTES = 16 * 2**20
"""Most bytes of an answer to the owner."""
CONTROL_S = 60.0
"""Wall time that an answer to the owner may take: a whole period is simulated in it."""


class RunOwner:
    """Controls one run of a server; raises SimulationError where the server does not follow."""

    def __init__(self, address: Address, seed: int) -> None:
        self._http = HttpCalls(address, CONTROL_BYTES, CONTROL_S)
        self._headers: tuple[tuple[str, str], ...] = ()
        started = self._ask("POST", "/v1/runs", StartRun(seed=seed), Started)
        self.started = started
        self.path = f"/v1/runs/{started.run}"
        self._headers = (("Authorization", f"Bearer {started.key}"),)

    def headers(self, now_d: float) -> tuple[tuple[str, str], ...]:
        """What a call of the owner carries: its key, and the simulated time of arrival."""
        return (*self._headers, (CLOCK, repr(now_d)))

    def advance(self) -> int | None:
        """Open the next window; its period, or None when the horizon is over."""
        return self._ask("POST", f"{self.path}/advance", None, Opened).period

    def close(self, stopped: Collection[str]) -> tuple[Placed, ...]:
        """Close the window: the writes that took effect."""
        wanted = CloseWindow(stopped=tuple(sorted(stopped)))
        closed = self._ask("POST", f"{self.path}/close", wanted, Closed)
        return tuple(Placed(p.agent, p.key, p.period, np.array(p.wish)) for p in closed.placed)

    def approve(self, answer: ApprovalAnswer) -> None:
        """Enter a granted approval."""
        asked = answer.request
        given = Approval(agent=asked.agent, key=asked.key, period=asked.period, wish=asked.wish)
        self._say("approve", given)

    def bar(self, agent: str) -> None:
        """Have an agent's writes refused."""
        self._say("bar", AgentName(agent=agent))

    def admit(self, agent: str) -> None:
        """Have them accepted again."""
        self._say("admit", AgentName(agent=agent))

    def status(self) -> Status:
        """Where the run stands."""
        return self._ask("GET", self.path, None, Status)

    def end(self) -> None:
        """Have the run forgotten."""
        self._body("DELETE", self.path, None)

    def _say(self, verb: str, message: BaseModel) -> None:
        self._body("POST", f"{self.path}/{verb}", message)

    def _ask(self, method: str, path: str, message: BaseModel | None, answer: type[M]) -> M:
        body = self._body(method, path, message)
        try:
            return answer.model_validate_json(body)
        except ValidationError as error:
            text = f"{error.error_count()} field(s) are wrong"
            raise SimulationError("the tool server's answer is wrong", path, text) from None

    def _body(self, method: str, path: str, message: BaseModel | None) -> bytes:
        sent = b"" if message is None else message.model_dump_json().encode()
        got = self._http.exchange(method, path, sent, self._headers)
        if got.body is None or not 200 <= got.status < 300:
            said = (got.body or b"")[:200].decode(errors="replace")
            text = f"status {got.status} {said}" if got.status else "no answer"
            raise SimulationError("the tool server does not follow", path, text)
        return got.body


class _ToldBook(ApprovalBook):
    """A book whose entries are told to the server before the order that they allow."""

    def __init__(self, tell: Callable[[ApprovalAnswer], None]) -> None:
        super().__init__()
        self._tell = tell

    def enter(self, answer: ApprovalAnswer) -> None:
        super().enter(answer)
        self._tell(answer)


class RemoteTools(ToolServer):
    """The tools of a run that another process serves; windows open and close at both ends."""

    def __init__(
        self,
        world: World,
        engine: EventEngine,
        specs: tuple[AgentSpec, ...],
        owner: RunOwner,
    ) -> None:
        super().__init__(world, engine, specs)
        self.approvals = _ToldBook(owner.approve)
        self.stopped: Callable[[], Collection[str]] = frozenset
        """The killed agents whose lanes stand still."""
        self._owner = owner

    def open(self) -> None:
        """Begin the window of the engine's current epoch, at both ends."""
        super().open()
        opened = self._owner.advance()
        if opened != self.inbox.t:
            text = f"period {opened}"
            raise InvariantError(
                "two worlds have drifted apart", "advance", text, f"{self.inbox.t}"
            )

    def take(self, t: int) -> dict[str, Floats]:
        """Close the window of period ``t`` at both ends: the wishes that count, by agent."""
        super().take(t)
        self.inbox.taken = self._owner.close(self.stopped())
        return {placed.agent: placed.wish for placed in self.inbox.taken}

    def bar(self, agent: str) -> None:
        """Refuse an agent's writes at the server."""
        super().bar(agent)
        self._owner.bar(agent)

    def admit(self, agent: str) -> None:
        """Accept an agent's writes again at the server."""
        super().admit(agent)
        self._owner.admit(agent)


class WallTime(Layer):
    """Makes answers as late in simulated time as they were on the wire."""

    name = "wall_time"

    def __init__(self, calls: HttpCalls) -> None:
        self._calls = calls

    def delay(self, transit: Transit, delay_d: float) -> float:
        """An answer's latency, and what its exchange took."""
        if transit.direction == "request":
            return delay_d
        self.fired += 1
        return delay_d + self._calls.last_s / SECONDS_PER_D


@dataclass(frozen=True)
class WireOutcome:
    """What one episode over a wire did and cost."""

    outcome: Outcome
    server_digest: str  # of the ledger at the other end
    exchanges: int
    broken: int  # connections that broke
    given_up: int  # exchanges that took too long


@dataclass(frozen=True)
class Wire:
    """Where the tools are, and how calls get there."""

    control: Address
    """The server itself, for the owner of the run."""
    calls: Address | None = None
    """Where calls go: a proxy in front of the server; default: the server."""
    patience_s: float = PATIENCE_S
    """Wall time after which an attempt's exchange is given up: no answer will ever come."""
    wall_time: bool = False
    """Whether answers are as late in simulated time as they were on the wire; then no two runs are
    the same."""


def run_over_http(
    world: World,
    path: SamplePath,
    policy: Policy,
    fallback: OrderingRule,
    seed: int,
    wire: Wire,
    layers: Sequence[Layer] = (),
    trace: bool = False,
    incidents: Sequence[Incident] = (),
    forecast: float | None = None,
) -> WireOutcome:
    """Run one episode against a tool server; the arguments are those of ``run_through_tools``.

    The server must run the same scenario, path and static rule. Raises UsageError for another
    scenario, SimulationError when the server cannot be controlled, InvariantError when the two
    ledgers differ.
    """
    owner = RunOwner(wire.control, path.seed)
    if owner.started.world != world_digest(world):
        raise UsageError("the tool server runs another scenario", "wire", owner.started.world)
    calls = HttpCalls(wire.calls or wire.control, CONTROL_BYTES, wire.patience_s)
    target = f"{owner.path}/call"

    def serve(now_d: float, body: bytes) -> bytes | None:
        return calls.exchange("POST", target, body, owner.headers(now_d)).body

    def connect(
        world: World, engine: EventEngine, specs: tuple[AgentSpec, ...]
    ) -> tuple[ToolServer, Serve]:
        return RemoteTools(world, engine, specs, owner), serve

    late = (WallTime(calls),) if wire.wall_time else ()
    episode = ToolEpisode(
        world, path, policy, fallback, seed, (*layers, *late), trace, incidents, forecast, connect
    )
    tools = episode.gateway.server
    if isinstance(tools, RemoteTools):
        tools.stopped = lambda: episode.gateway.switch.stopped
    while episode.step():
        pass
    return _finished(episode, owner, calls)


def _finished(episode: ToolEpisode, owner: RunOwner, calls: HttpCalls) -> WireOutcome:
    over = owner.advance() is None
    status = owner.status()
    episode.gateway.server.account.locks = status.locks
    outcome = episode.outcome()
    if not over or status.digest != outcome.ledger.digest:
        got, expected = status.digest or status.state, outcome.ledger.digest
        raise InvariantError("two worlds have drifted apart", "ledger", got, expected)
    owner.end()
    return WireOutcome(outcome, status.digest, calls.exchanges, calls.broken, calls.given_up)
