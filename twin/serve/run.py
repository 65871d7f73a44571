"""One run behind a socket: its world, its tool server, and whoever opens and closes its windows.

    ready -> advance -> open -> close -> ready -> ... -> over

The owner opens a window with ``advance`` and closes it with ``close``; then the period runs, by the
agents' wishes and by the static rule where there is none, as behind the gateway.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from hashlib import blake2b
from threading import Lock
from typing import Literal, NamedTuple

from twin.engine.event import EventEngine
from twin.env.agents import agent_specs
from twin.env.rules import OrderingRule
from twin.errors import ToolBoundaryError, UsageError
from twin.exogenous.path import SamplePath
from twin.network.world import World
from twin.tools.approval import ApprovalAnswer, ApprovalRequest
from twin.tools.catalogue import REQUESTS, error_answer
from twin.tools.channel import Layer, Transit
from twin.tools.inbox import Placed
from twin.tools.quota import SECONDS_PER_D
from twin.tools.server import ToolServer
from twin.tools.settle import settle

State = Literal["ready", "open", "over"]


class Standing(NamedTuple):
    """Where a run stands."""

    state: State
    period: int  # of the window that was opened last; -1 before the first
    locks: int  # of the provider's account
    refused: int  # calls that were answered with an error
    digest: str  # of the ledger, once the run is over


def world_digest(world: World) -> str:
    """Names the scenario of a world, so that two ends of a wire know they mean the same."""
    return blake2b(world.model.model_dump_json().encode(), digest_size=16).hexdigest()


class ToolRun:
    """One run whose tools may be called from several threads; one call is served at a time."""

    def __init__(
        self,
        world: World,
        path: SamplePath,
        rule: OrderingRule,
        layers: Sequence[Layer] = (),
        wall_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.world = world
        self.seed = path.seed
        self.specs = agent_specs(world)
        self._engine = EventEngine(world, path)
        self._tools = ToolServer(world, self._engine, self.specs)
        self._rule = rule
        self._layers = tuple(layers)
        for layer in self._layers:
            layer.start(path.seed, world)
        self._wall_s = wall_s
        self._opened_s = wall_s()
        self._now_d = 0.0
        self._state: State = "ready"
        self._attempts: Counter[str] = Counter()
        self._lock = Lock()

    @property
    def standing(self) -> Standing:
        """Where the run stands."""
        with self._lock:
            digest = self._engine.ledger.digest if self._state == "over" else ""
            locks, refused = self._tools.account.locks, sum(self._tools.refused.values())
            return Standing(self._state, self._engine.t, locks, refused, digest)

    def advance(self) -> int | None:
        """Open the next window: its period, or None when the horizon is over.

        Raises UsageError while a window is open.
        """
        with self._lock:
            if self._state == "open":
                raise UsageError("a window is open", "advance", f"period {self._engine.t}", "", "")
            if self._state == "over" or not self._engine.advance():
                self._state = "over"
                return None
            self._state = "open"
            self._attempts.clear()
            self._opened_s = self._wall_s()
            self._now_d = self._begin
            self._tools.open()
            return self._engine.t

    def close(self, stopped: Collection[str] = ()) -> tuple[Placed, ...]:
        """Close the window and run its period: the writes that took effect.

        The lanes of ``stopped`` agents stand still. Raises UsageError when no window is open.
        """
        with self._lock:
            if self._state != "open":
                raise UsageError("no window is open", "close", self._state, "open", "")
            wishes = self._tools.take(self._engine.t)
            decision = settle(
                self.world, self._engine, self._rule, self.specs, self._tools, wishes, stopped
            )
            self._engine.decide(decision)
            self._state = "ready"
            return self._tools.inbox.taken

    def call(self, body: bytes, now_d: float | None = None) -> bytes | None:
        """Answer one request's bytes; None where a layer swallows it.

        ``now_d`` is the simulated time of arrival, in days; without one, the epoch plus the wall
        time since the window was opened. Raises ToolBoundaryError for a time that is not finite,
        has passed, or lies beyond the next epoch.
        """
        with self._lock:
            if self._engine.t < 0 or self._state == "over":
                return error_answer("", "", "invalid_request", "the run has not begun, or is over")
            now = self._now_d = self._arrival(now_d)
            transit = self._transit(body, now) if self._layers else None
            if transit is None:
                return self._tools.handle(now, body)
            asked: bytes | None = body
            for layer in self._layers:
                asked = None if asked is None else layer.request(transit, asked)
            if asked is None:
                return None
            return self._answered(transit, self._tools.handle(now, asked))

    def bar(self, agent: str) -> None:
        """Refuse an agent's writes; raises UsageError for an agent there is not."""
        with self._lock:
            self._tools.bar(self._known(agent))

    def admit(self, agent: str) -> None:
        """Accept an agent's writes again; raises UsageError for an agent there is not."""
        with self._lock:
            self._tools.admit(self._known(agent))

    def approve(self, agent: str, key: str, period: int, wish: tuple[float, ...]) -> None:
        """Enter a person's approval of exactly this order; raises UsageError as ``bar`` does."""
        request = ApprovalRequest(self._known(agent), key, period, wish, (), 0.0)
        with self._lock:
            self._tools.approvals.enter(ApprovalAnswer(request, True, self._now_d))

    @property
    def _begin(self) -> float:
        return max(self._engine.t, 0) * self.world.period_d

    def _known(self, agent: str) -> str:
        if agent not in self._tools.scope:
            raise UsageError("no such agent", "agent", repr(agent), ", ".join(self._tools.scope))
        return agent

    def _arrival(self, now_d: float | None) -> float:
        end = (self._engine.t + 1) * self.world.period_d
        if now_d is None:
            elapsed_d = (self._wall_s() - self._opened_s) / SECONDS_PER_D
            return max(self._now_d, min(self._begin + elapsed_d, end))
        if not self._now_d <= now_d <= end:
            text = f"{now_d} d is not within {self._now_d} and {end} d"
            raise ToolBoundaryError("invalid_request", text)
        return now_d

    def _transit(self, body: bytes, now_d: float) -> Transit | None:
        """What the layers are told about a request; None for one that cannot be understood."""
        try:
            request = REQUESTS.validate_json(body)
        except ValueError:
            return None
        self._attempts[request.call] += 1
        attempt = self._attempts[request.call]
        return Transit(
            "request", request.tool, request.agent, request.call, attempt, len(body), now_d
        )

    def _answered(self, request: Transit, said: bytes) -> bytes | None:
        """The answer as the layers leave it."""
        transit = request._replace(direction="answer", size=len(said))
        answer: bytes | None = said
        for layer in self._layers:
            answer = None if answer is None else layer.answer(transit, answer)
        return answer
