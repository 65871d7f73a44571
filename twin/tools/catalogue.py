"""The tools: names, requests, answers, risk and hints; the contract between agents and the world.

    tool            risk   request                          answer
    inventory.read  read   entity                           on_hand, owed            (product,)
    orders.read     read   entity                           waiting, in_transit      (lane, product)
                                                            shipped         (history, lane, product)
    demand.read     read   entity                           recent                   (7, product)
    forecast.read   read   entity                           forecast                 (product,)
    fleet.read      read   entity                           idle (1,), returning (5,),
                                                            waiting                  (lane, product)
    order.place     write  entity, period, key, quantities  accepted quantities      (lane, product)
    dispatch.book   write  entity, period, key, vehicles,   accepted vehicles,       (lane,)
                           min_load                         min_load                 (lane,)

Arrays are flattened. Every answer names the call, the tool, the entity, its unit and the period it
speaks of, and ends with a digest of all that (``twin.tools.wire``). ``answer.clarify`` is no tool
but a question about an answer that can be read in several ways. As in the Model Context Protocol a
failed call is an answer too, with ``is_error`` true: ``protocol`` when the request could not be
understood, ``tool`` when the tool refused it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic_core import to_json

from twin.scenario.quantities import Model

VERSION = "1"
"""Version of the messages; it changes with every change of a field."""
ENVELOPE_BYTES = 4_096
"""Room for everything but the numbers: six names of 80 characters, escaped at worst."""
NUMBER_BYTES = 32
"""Room for one float64 with its comma: at most 25 bytes are needed."""

ReadName = Literal["inventory.read", "orders.read", "demand.read", "forecast.read", "fleet.read"]
WriteName = Literal["order.place", "dispatch.book"]
ToolName = Literal[ReadName, WriteName]
ErrorCode = Literal[
    "parse_error",
    "invalid_request",
    "unknown_entity",
    "out_of_scope",
    "implausible",
    "approval_required",
    "barred",
    "duplicate_key",
    "superseded",
    "expired",
    "rate_limited",
    "account_locked",
    "internal",
]
PROTOCOL_ERRORS = frozenset({"parse_error", "invalid_request"})

Text = Annotated[str, Field(max_length=512)]
Numbers = tuple[float, ...]
Quantities = tuple[Annotated[float, Field(ge=0)], ...]
Shares = tuple[Annotated[float, Field(ge=0, le=1)], ...]


class Message(Model):
    """Base of requests and answers: strict types, no unknown field, no NaN, no infinity."""

    model_config = ConfigDict(strict=True)

    version: Literal["1"]
    call: Text
    """Names the call; all attempts of one call share it."""


class Request(Message):
    """What every request carries."""

    agent: Text
    entity: Text


class ReadRequest(Request):
    """Asks for what a tool knows about an entity."""

    tool: ReadName


class WriteRequest(Request):
    """Asks for an effect, at most once per key."""

    period: Annotated[int, Field(ge=0, le=10**9)]
    """The period the decision is for."""
    key: Text
    """Idempotency key; it begins with the period and a slash."""


class OrderRequest(WriteRequest):
    """Orders of a node on its inbound lanes."""

    tool: Literal["order.place"]
    quantities: Quantities
    """(lane x product,) units."""


class BookRequest(WriteRequest):
    """Vehicles of a fleet on its lanes."""

    tool: Literal["dispatch.book"]
    vehicles: Quantities
    """(lane,) most vehicles that may leave."""
    min_load: Shares
    """(lane,) share of its capacity that the last vehicle must carry."""


Ambiguity = Literal["documents", "unit", "entity", "as_of"]
"""What of an answer can be read in several ways."""
MAX_CHOICES = 4


class Choice(Model):
    """One way to read an answer."""

    model_config = ConfigDict(strict=True)

    reading: Text
    digest: Text
    """Of the answer, if it had been written so."""


class ClarifyRequest(Request):
    """Asks which reading of an answer is meant; as MCP's ``input_required``, typed."""

    tool: Literal["answer.clarify"]
    kind: Literal["input_required"]
    about: ReadName
    about_call: Text
    ambiguity: Ambiguity
    choices: Annotated[tuple[Choice, ...], Field(min_length=2, max_length=MAX_CHOICES)]


AnyRequest = Annotated[
    ReadRequest | OrderRequest | BookRequest | ClarifyRequest, Field(discriminator="tool")
]
REQUESTS: TypeAdapter[ReadRequest | OrderRequest | BookRequest | ClarifyRequest] = TypeAdapter(
    AnyRequest
)


class ClarifyAnswer(Message):
    """Which of the choices is meant."""

    tool: Literal["answer.clarify"]
    entity: Text
    is_error: Literal[False]
    about_call: Text
    choice: Annotated[int, Field(ge=0, lt=MAX_CHOICES)] | None
    """Index of the choice; none when no reading is right."""
    digest: Text


class Answer(Message):
    """What every successful answer carries."""

    tool: ToolName
    entity: Text
    as_of: int
    """The period whose state the answer speaks of."""
    is_error: Literal[False]
    digest: Text
    """Of all that stands before it."""


class InventoryAnswer(Answer):
    """Stock of a node at the decision epoch."""

    unit: Literal["unit"]
    on_hand: Numbers
    """(product,)"""
    owed: Numbers
    """(product,) promised to customers and downstream nodes."""


class OrdersAnswer(Answer):
    """What a node has ordered and not yet received."""

    unit: Literal["unit"]
    waiting: Numbers
    """(lane x product,) not yet shipped."""
    in_transit: Numbers
    """(lane x product,)"""
    shipped: Numbers
    """(history x lane x product,) the last shipments, latest first."""


class DemandAnswer(Answer):
    """What was asked of a node lately."""

    unit: Literal["unit"]
    recent: Numbers
    """(7 x product,) latest first."""


class ForecastAnswer(Answer):
    """Demand of the coming periods as it is forecast."""

    unit: Literal["unit"]
    forecast: Numbers
    """(product,) of the node's customers and of all that it supplies."""


class FleetAnswer(Answer):
    """Vehicles of a fleet, and the freight that waits for them in units of product."""

    unit: Literal["vehicle, unit"]
    idle: Numbers
    """(1,) vehicles free now."""
    returning: Numbers
    """(5,) vehicles back in 1 .. 5 periods."""
    waiting: Numbers
    """(lane x product,) units ordered, not yet shipped."""


class WriteAnswer(Answer):
    """What a write did."""

    key: Text
    effective: int
    """The period in which it counts: a late write counts for the next one."""


class OrderAnswer(WriteAnswer):
    """Accepted orders."""

    unit: Literal["unit"]
    quantities: Numbers
    """(lane x product,) as accepted."""


class BookAnswer(WriteAnswer):
    """Accepted bookings."""

    unit: Literal["vehicle, unit"]
    vehicles: Numbers
    """(lane,) as accepted."""
    min_load: Numbers
    """(lane,) as accepted."""


class ErrorAnswer(Message):
    """A call that failed; the text is for people and is never read by a policy."""

    tool: Text
    is_error: Literal[True]
    kind: Literal["protocol", "tool"]
    code: ErrorCode
    message: Text
    retry_after_s: Annotated[float, Field(ge=0)] | None = None
    """Seconds to wait before trying again, where the tool knows."""


@dataclass(frozen=True)
class ToolSpec:
    """One tool of the catalogue; hints as in the Model Context Protocol."""

    name: ToolName
    risk: Literal["read", "write"]
    answer: type[Answer]
    unit: str
    fields: tuple[str, ...]  # of the answer that carry numbers, in order
    read_only: bool
    idempotent: bool

    def size_cap(self, numbers: int) -> int:
        """Most bytes of a request or an answer with this many numbers."""
        return ENVELOPE_BYTES + NUMBER_BYTES * numbers


def _read(name: ReadName, answer: type[Answer], unit: str, *fields: str) -> ToolSpec:
    return ToolSpec(name, "read", answer, unit, fields, read_only=True, idempotent=True)


def _write(name: WriteName, answer: type[Answer], unit: str, *fields: str) -> ToolSpec:
    return ToolSpec(name, "write", answer, unit, fields, read_only=False, idempotent=True)


CATALOGUE: dict[str, ToolSpec] = {
    spec.name: spec
    for spec in (
        _read("inventory.read", InventoryAnswer, "unit", "on_hand", "owed"),
        _read("orders.read", OrdersAnswer, "unit", "waiting", "in_transit", "shipped"),
        _read("demand.read", DemandAnswer, "unit", "recent"),
        _read("forecast.read", ForecastAnswer, "unit", "forecast"),
        _read("fleet.read", FleetAnswer, "vehicle, unit", "idle", "returning", "waiting"),
        _write("order.place", OrderAnswer, "unit", "quantities"),
        _write("dispatch.book", BookAnswer, "vehicle, unit", "vehicles", "min_load"),
    )
}
"""Every tool there is; a request for another one is a protocol error."""


def error_answer(
    call: str, tool: str, code: ErrorCode, message: str = "", retry_after_s: float | None = None
) -> bytes:
    """The bytes of a failed call's answer."""
    body: bytes = to_json(
        {
            "version": VERSION,
            "call": call[:512],
            "tool": tool[:512],
            "is_error": True,
            "kind": "protocol" if code in PROTOCOL_ERRORS else "tool",
            "code": code,
            "message": message[:512],
            "retry_after_s": retry_after_s,
        }
    )
    return body
