"""The world's side of the boundary: request bytes in, answer bytes out; it never raises.

Reads answer from the state at the decision epoch, once computed, so that every agent of an epoch
sees the same world however long its calls travel.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from pydantic_core import to_json

from twin.engine.event import EventEngine
from twin.env.agents import AgentSpec, Read
from twin.env.observe import global_vector
from twin.errors import ToolBoundaryError
from twin.network.world import World
from twin.tools.approval import ApprovalBook
from twin.tools.catalogue import (
    CATALOGUE,
    REQUESTS,
    VERSION,
    BookRequest,
    ClarifyRequest,
    ErrorCode,
    OrderRequest,
    ReadRequest,
    error_answer,
)
from twin.tools.inbox import Inbox
from twin.tools.provider import Account
from twin.tools.risk import risk_limits
from twin.tools.scope import WRITE_TOOL, capabilities
from twin.tools.wire import digest_of, guarded, new_sealed

Floats = NDArray[np.float64]
AnyMessage = ReadRequest | OrderRequest | BookRequest | ClarifyRequest
_WRITES = frozenset(WRITE_TOOL.values())
_VALIDATED = REQUESTS.validator.validate_json
"""Straight to the validator: the adapter in front of it takes its time, and every call is read."""
_OPENING = f'{{"version":"{VERSION}","call":'.encode()


class ToolServer:
    """Answers the tools of one run; ``open`` and ``take`` bracket the decision window."""

    def __init__(self, world: World, engine: EventEngine, specs: tuple[AgentSpec, ...]) -> None:
        self.inbox = Inbox()
        self.account = Account(world.model.tools.quota, world.model.tools.provider)
        self.approvals = ApprovalBook()
        self.risk = risk_limits(world, specs)
        self.refused: dict[str, int] = {}
        self._world = world
        self._engine = engine
        self.scope = capabilities(world, specs)
        self._reads = {
            (spec.name, read.tool, read.entity): read
            for spec in specs
            for read in spec.reads
            if self.scope[spec.name].allows(read.tool, read.entity)
        }
        self._entities = {*world.nodes, *(fleet.name for fleet in world.fleets)}
        numbers = max((len(one.most) for one in self.scope.values()), default=0)
        self._request_cap = CATALOGUE["order.place"].size_cap(numbers)
        self._first_period: dict[str, float] = {}
        self._vector: Floats = np.zeros(0)
        self._bodies: dict[tuple[str, str], bytes] = {}

    def open(self) -> None:
        """Begin the window of the engine's current epoch."""
        self.inbox.open(self._engine.t)
        self._vector = global_vector(self._world, self._engine)
        self._bodies = {}

    def take(self, t: int) -> dict[str, Floats]:
        """Close the window of period ``t``: the wishes that count, by agent.

        Raises ToolBoundaryError when another window is open, or none.
        """
        if not self.inbox.is_open or t != self.inbox.t:
            raise ToolBoundaryError("server_error", f"the window of period {t} is not open")
        return self.inbox.take()

    def bar(self, agent: str) -> None:
        """Refuse an agent's writes, and void those that have not taken effect yet."""
        self._first_period[agent] = math.inf
        self.inbox.discard(agent)

    def admit(self, agent: str) -> None:
        """Accept an agent's writes again, if they are for the next period or later."""
        self._first_period[agent] = self.inbox.t + 1

    def handle(self, now_d: float, body: bytes) -> bytes:
        """Answer one request that arrives at ``now_d`` (days)."""
        try:
            request = self._request(body)
        except (ToolBoundaryError, ValidationError) as error:
            return self._misunderstood(body, error)
        refusal = self.account.refusal(now_d)
        if refusal is not None:
            return self._refuse(request.call, request.tool, refusal.code, "", refusal.retry_after_s)
        # By name: isinstance of a model takes its time, and every call is asked.
        if request.tool == "answer.clarify":
            return self._clarify(request)
        if request.tool == "order.place" or request.tool == "dispatch.book":
            return self._write(request)
        return self._read(request)

    def meant(self, request: ClarifyRequest) -> int | None:
        """Which reading of an answer is what this server says to that call now; None: none is.

        Raises ToolBoundaryError when the agent may not read that.
        """
        read = self._reads.get((request.agent, request.about, request.entity))
        if read is None:
            raise ToolBoundaryError("rejected", "not within this agent's scope", request.tool)
        said = digest_of(_spliced(request.about_call, self._shared(read))[:-1])
        digests = [choice.digest for choice in request.choices]
        return digests.index(said) if said in digests else None

    def _clarify(self, request: ClarifyRequest) -> bytes:
        try:
            choice = self.meant(request)
        except ToolBoundaryError:
            return self._out_of_scope(request)
        rest = {"entity": request.entity, "is_error": False, "about_call": request.about_call}
        answer = {"version": VERSION, "call": request.call, "tool": request.tool, **rest}
        return new_sealed(to_json({**answer, "choice": choice}))

    def _request(self, body: bytes) -> AnyMessage:
        """The strict model of a request; what may have an effect must be free of ambiguity."""
        if len(body) > self._request_cap:
            raise ToolBoundaryError("oversize", f"{len(body)} bytes")
        request: AnyMessage = _VALIDATED(body)
        if request.tool in _WRITES:
            guarded(body, self._request_cap)
        return request

    def _misunderstood(self, body: bytes, error: Exception) -> bytes:
        """A protocol error, naming call and tool as far as they can be made out."""
        try:
            parsed = guarded(body, self._request_cap)
        except ToolBoundaryError as unreadable:
            return self._refuse("", "", "parse_error", str(unreadable.label))
        names = parsed if isinstance(parsed, dict) else {}
        call, tool = str(names.get("call", "")), str(names.get("tool", ""))
        return self._refuse(call, tool, "invalid_request", str(error))

    def _refuse(
        self,
        call: str,
        tool: str,
        code: ErrorCode,
        message: str = "",
        retry_after_s: float | None = None,
    ) -> bytes:
        self.refused[code] = self.refused.get(code, 0) + 1
        return error_answer(call, tool, code, message, retry_after_s)

    def _read(self, request: ReadRequest) -> bytes:
        read = self._reads.get((request.agent, request.tool, request.entity))
        if read is None:
            return self._out_of_scope(request)
        tail = self._bodies.get((read.tool, read.entity)) or self._shared(read)
        return new_sealed(_spliced(request.call, tail))

    def _shared(self, read: Read) -> bytes:
        """The tail of a read's answer, encoded once per epoch."""
        key = (read.tool, read.entity)
        tail = self._bodies.get(key)
        if tail is None:
            tail = self._bodies[key] = self._tail(read)
        return tail

    def _tail(self, read: Read) -> bytes:
        """An answer without its opening and its call, shared by all who ask in this epoch."""
        numbers = {name: self._vector[places].tolist() for name, places in read.fields}
        return _envelope(read.tool, read.entity, self.inbox.t, numbers)

    def _write(self, request: OrderRequest | BookRequest) -> bytes:
        capability = self.scope.get(request.agent)
        if capability is None or not capability.allows(request.tool, request.entity):
            return self._out_of_scope(request)
        if request.period < self._first_period.get(request.agent, 0):
            return self._refuse(request.call, request.tool, "barred", "the agent was killed")
        wish = _wish(request)
        if wish.shape != capability.most.shape:
            text = f"{len(wish)} numbers, expected {len(capability.most)}"
            return self._refuse(request.call, request.tool, "invalid_request", text)
        if (wish > capability.most).any():
            return self._refuse(request.call, request.tool, "implausible", "a quantity is too big")
        if not self._approved(request, wish):
            return self._refuse(request.call, request.tool, "approval_required", request.key)
        outcome = self.inbox.put(request, wish)
        if isinstance(outcome, str):
            return self._refuse(request.call, request.tool, outcome, request.key)
        return new_sealed(_spliced(request.call, self._receipt(request, outcome[1])))

    def _approved(self, request: OrderRequest | BookRequest, wish: Floats) -> bool:
        """Whether an order may have an effect: it is no high risk, or was approved as it is."""
        limits = self.risk.get(request.agent)
        if limits is None or not limits.excess(wish):
            return True
        exact = tuple(wish.tolist())
        return self.approvals.covers(request.agent, request.key, request.period, exact)

    def _receipt(self, request: OrderRequest | BookRequest, effective: int) -> bytes:
        fields = CATALOGUE[request.tool].fields
        accepted = {name: getattr(request, name) for name in fields}
        extra = {"key": request.key, "effective": effective, **accepted}
        return _envelope(request.tool, request.entity, self.inbox.t, extra)

    def _out_of_scope(self, request: AnyMessage) -> bytes:
        code: ErrorCode = "out_of_scope" if request.entity in self._entities else "unknown_entity"
        return self._refuse(request.call, request.tool, code, "not within this agent's scope")


def _wish(request: OrderRequest | BookRequest) -> Floats:
    if request.tool == "order.place":
        return np.array(request.quantities)
    return np.array(request.vehicles + request.min_load)


def _envelope(tool: str, entity: str, as_of: int, rest: dict[str, object]) -> bytes:
    """Everything of a successful answer after its call, as JSON from the comma on."""
    head = {
        "tool": tool,
        "entity": entity,
        "unit": CATALOGUE[tool].unit,
        "as_of": as_of,
        "is_error": False,
    }
    body: bytes = to_json({**head, **rest})
    return b"," + body[1:]


def _spliced(call: str, tail: bytes) -> bytes:
    return _OPENING + to_json(call) + tail
