"""Every tool answer is untrusted: what is checked, in order, and the one label of each failure.

    1 size, UTF-8, JSON, duplicate keys     oversize, not_utf8, malformed_json, duplicate_key
    2 is it an error answer                 rate_limited, account_locked, server_error, rejected
    3 strict model                          non_finite, schema
    4 does it answer this call              echo_mismatch, stale
    5 as many numbers as expected           schema
    6 could the world be like that          implausible
    7 is it what was sent                   digest_mismatch

No text of an answer reaches a policy, only numbers that passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from agents.gateway.ambiguity import Ambiguous, ambiguous
from agents.gateway.plausible import Bounds
from twin.errors import ToolBoundaryError
from twin.tools.catalogue import (
    CATALOGUE,
    ENVELOPE_BYTES,
    ClarifyAnswer,
    ClarifyRequest,
    ErrorAnswer,
    Numbers,
    ToolSpec,
)
from twin.tools.wire import guarded, is_sealed

M = TypeVar("M", bound=BaseModel)


class Label(StrEnum):
    """Why an attempt failed; exactly one per failed attempt."""

    TIMEOUT = "timeout"
    OVERSIZE = "oversize"
    NOT_UTF8 = "not_utf8"
    MALFORMED_JSON = "malformed_json"
    DUPLICATE_KEY = "duplicate_key"
    SCHEMA = "schema"
    NON_FINITE = "non_finite"
    ECHO_MISMATCH = "echo_mismatch"
    STALE = "stale"
    IMPLAUSIBLE = "implausible"
    DIGEST_MISMATCH = "digest_mismatch"
    """Damaged on the way, in a place where everything else still makes sense."""
    RATE_LIMITED = "rate_limited"
    ACCOUNT_LOCKED = "account_locked"
    SERVER_ERROR = "server_error"
    REJECTED = "rejected"
    """The server understood and refused: asking again cannot help."""
    INVALID_ACTION = "invalid_action"
    """The policy's own wish was no valid request; it never left the agent."""
    OUT_OF_SCOPE = "out_of_scope"
    """Not on the agent's capability list; it never left the agent."""
    THROTTLED = "throttled"
    """Held back by the agents' own adaptive throttling."""
    BULKHEAD_FULL = "bulkhead_full"
    SPEND_STOP = "spend_stop"
    """What is left of the forecast and its buffer would not pay for it."""
    KILLED = "killed"
    """The agent was taken out of control."""
    BREAKER_OPEN = "breaker_open"
    BUDGET_EXHAUSTED = "budget_exhausted"
    DEADLINE = "deadline"


FINAL = frozenset(
    {
        Label.REJECTED,
        Label.ACCOUNT_LOCKED,
        Label.OUT_OF_SCOPE,
        Label.SPEND_STOP,
        Label.KILLED,
        Label.BREAKER_OPEN,
        Label.DEADLINE,
    }
)
"""Failures that no retry mends."""
_ERROR_LABELS = {
    "rate_limited": Label.RATE_LIMITED,
    "account_locked": Label.ACCOUNT_LOCKED,
    "internal": Label.SERVER_ERROR,
}


class RefusedError(ToolBoundaryError):
    """An error answer of the tool itself, with the wait that it asks for."""

    def __init__(self, label: str, detail: str, tool: str, retry_after_s: float | None) -> None:
        super().__init__(label, detail, tool)
        self.args = (label, detail, tool, retry_after_s)
        self.retry_after_s = retry_after_s


def parse(model: type[M], body: bytes, tool: str) -> M:
    """The strict model of ``body``; raises ToolBoundaryError ``non_finite`` or ``schema``."""
    try:
        # Straight to the validator: what stands in front of it takes its time on every answer.
        answer: M = model.__pydantic_validator__.validate_json(body)
        return answer
    except ValidationError as error:
        kinds = [detail["type"] for detail in error.errors(include_url=False, include_input=False)]
        label = Label.NON_FINITE if "finite_number" in kinds else Label.SCHEMA
        raise ToolBoundaryError(label, ", ".join(sorted(set(kinds))), tool) from None


@dataclass(frozen=True)
class AnswerCheck:
    """Checks the answers of one tool about one entity."""

    spec: ToolSpec
    entity: str
    bounds: tuple[Bounds, ...]  # one per field of the tool, in order
    size_cap: int  # bytes

    @classmethod
    def of(cls, tool: str, entity: str, bounds: tuple[Bounds, ...]) -> AnswerCheck:
        """The check of a tool of the catalogue."""
        spec = CATALOGUE[tool]
        return cls(spec, entity, bounds, spec.size_cap(sum(b.count for b in bounds)))

    def read(self, body: bytes, call: str, period: int) -> list[float]:
        """The numbers of a read answer, field after field; raises ToolBoundaryError."""
        answer = self._answer(body, call, period)
        numbers: list[float] = []
        for name, bounds in zip(self.spec.fields, self.bounds, strict=True):
            values: Numbers = getattr(answer, name)
            complaint = bounds.complaint(values)
            if complaint:
                label = Label.SCHEMA if len(values) != bounds.count else Label.IMPLAUSIBLE
                raise ToolBoundaryError(label, f"{name}: {complaint}", self.spec.name)
            numbers += values
        if not is_sealed(body):
            raise ToolBoundaryError(Label.DIGEST_MISMATCH, "", self.spec.name)
        return numbers

    def ambiguous(self, body: bytes, period: int) -> Ambiguous | None:
        """What there is to clarify about an answer that failed."""
        return ambiguous(self.spec, self.entity, period, body, self.size_cap)

    def write(
        self, body: bytes, call: str, period: int, key: str, wish: list[float]
    ) -> list[float]:
        """The accepted numbers, if they are ``wish`` and count now; raises ToolBoundaryError."""
        answer = self._answer(body, call, period)
        accepted = [x for name in self.spec.fields for x in getattr(answer, name)]
        if answer.key != key or answer.effective != period or accepted != wish:
            raise ToolBoundaryError(Label.ECHO_MISMATCH, "not what was asked", self.spec.name)
        if not is_sealed(body):
            raise ToolBoundaryError(Label.DIGEST_MISMATCH, "", self.spec.name)
        return wish

    def _answer(self, body: bytes, call: str, period: int) -> Any:
        tool = self.spec.name
        value = guarded(body, self.size_cap)
        if not isinstance(value, dict):
            raise ToolBoundaryError(Label.SCHEMA, "not an object", tool)
        if value.get("is_error") is True:
            raise refusal(body, call, tool)
        answer: Any = parse(self.spec.answer, body, tool)
        if answer.call != call or answer.tool != tool or answer.entity != self.entity:
            got = f"{answer.call}, {answer.tool}, {answer.entity}"
            raise ToolBoundaryError(Label.ECHO_MISMATCH, got, tool)
        if answer.as_of != period:
            raise ToolBoundaryError(Label.STALE, f"as of {answer.as_of}, not {period}", tool)
        return answer


def refusal(body: bytes, call: str, tool: str) -> ToolBoundaryError:
    """The error that an error answer stands for; raises ToolBoundaryError when it is none."""
    answer = parse(ErrorAnswer, body, tool)
    if answer.call != call or answer.tool != tool:
        return ToolBoundaryError(Label.ECHO_MISMATCH, f"{answer.call}, {answer.tool}", tool)
    label = _ERROR_LABELS.get(answer.code, Label.REJECTED)
    return RefusedError(label, answer.code, tool, answer.retry_after_s)


def read_choice(body: bytes, request: ClarifyRequest) -> list[float]:
    """The index of the chosen reading, empty when none is right; raises ToolBoundaryError."""
    tool = request.tool
    value = guarded(body, ENVELOPE_BYTES)
    if isinstance(value, dict) and value.get("is_error") is True:
        raise refusal(body, request.call, tool)
    answer = parse(ClarifyAnswer, body, tool)
    echo = (answer.call, answer.entity, answer.about_call)
    if echo != (request.call, request.entity, request.about_call):
        raise ToolBoundaryError(Label.ECHO_MISMATCH, ", ".join(echo), tool)
    if not is_sealed(body):
        raise ToolBoundaryError(Label.DIGEST_MISMATCH, "", tool)
    if answer.choice is None:
        return []
    if answer.choice >= len(request.choices):
        raise ToolBoundaryError(Label.SCHEMA, f"choice {answer.choice}", tool)
    return [float(answer.choice)]
