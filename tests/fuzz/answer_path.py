"""The gateway's whole answer path for one tool: whatever bytes come, what became of them.

A real caller makes a call with two attempts; the bytes are the answer to the first, and the second
gets the sound one. So an answer that is refused must be followed by the truth, and one that is used
must say all that a sound answer says: ``reference`` reads it again, with nothing of the product.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from typing import Any

from agents.gateway.audit import BoundaryAudit
from agents.gateway.caller import Call, Caller, Desk
from agents.gateway.clarify import CLARIFY, Clarifier
from agents.gateway.plausible import Bounds
from agents.gateway.schema import AnswerCheck, Label, read_choice
from twin.engine.clock import ARRIVAL, Clock
from twin.scenario.tools import Breaker, Clarify, Retries, Tools
from twin.tools.approval import ApprovalBook, ApproverDesk
from twin.tools.catalogue import CATALOGUE, Choice, ClarifyRequest
from twin.tools.channel import Transit
from twin.tools.person import Person
from twin.tools.wire import digest_of, sealed, unsealed

PERIOD, ENTITY, KEY, AGENT = 3, "dc", "3/k", "replenish:dc"
HIGHEST = 1e6
VALUES = 2
"""Numbers in each field of a sound answer."""
DOORS = (*CATALOGUE, CLARIFY)
"""Every tool, and the question about an answer."""
SOUND = "sound"
"""What is used because it says all that a sound answer says."""
FRESH_AFTER = 100
"""Answers after which the books of the audit begin anew: they hold one episode."""
SECOND = 1 / 86_400
TOOLS = Tools(
    retries=Retries(attempts=2, budget=1.0, reserve=100),
    breaker=Breaker(window=1000, minimum_calls=1000),
    clarify=Clarify(by="server"),
)
ABOUT = ClarifyRequest.model_validate(
    {
        "version": "1",
        "call": "c",
        "agent": AGENT,
        "entity": ENTITY,
        "tool": CLARIFY,
        "kind": "input_required",
        "about": "demand.read",
        "about_call": "b",
        "ambiguity": "unit",
        "choices": (Choice(reading="one", digest="1"), Choice(reading="two", digest="2")),
    }
)
"""The question whose answers are fuzzed."""


def sound(door: str, call: str = "c") -> bytes:
    """The answer that the server would give."""
    return sealed(json.dumps(_document(door, call), separators=(",", ":")).encode())


def _document(door: str, call: str) -> dict[str, Any]:
    head: dict[str, Any] = {"version": "1", "call": call, "tool": door, "entity": ENTITY}
    if door == CLARIFY:
        return head | {"is_error": False, "about_call": ABOUT.about_call, "choice": 1}
    spec = CATALOGUE[door]
    numbers = {name: [1.5, 40.0] for name in spec.fields}
    write = {"key": KEY, "effective": PERIOD} if spec.risk == "write" else {}
    return head | {"unit": spec.unit, "as_of": PERIOD, "is_error": False} | numbers | write


class _Wire:
    """In place of the channel: the bytes first, the truth at the second attempt."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.given = b""
        self.truth = b""
        self.asked = 0

    def send(
        self, transit: Transit, body: bytes, deliver: Callable[[Transit, bytes], None]
    ) -> None:
        """Answer a hundredth of a second later."""
        if transit.call.endswith("/clarify"):
            self.asked += 1
            answer = self._choice(json.loads(body))
        else:
            answer = self.given if transit.attempt == 1 else self.truth
        self.clock.at(
            self.clock.now + SECOND / 100, ARRIVAL, self._arrive, (transit, answer, deliver)
        )

    @staticmethod
    def _arrive(message: tuple[Transit, bytes, Callable[[Transit, bytes], None]]) -> None:
        transit, body, deliver = message
        deliver(transit, body)

    def _choice(self, question: dict[str, Any]) -> bytes:
        """As the server does: which of the readings is what it says."""
        said = digest_of(unsealed(self.truth)[:-1])
        digests = [choice["digest"] for choice in question["choices"]]
        answer = {
            "version": "1",
            "call": question["call"],
            "tool": CLARIFY,
            "entity": question["entity"],
            "is_error": False,
            "about_call": question["about_call"],
            "choice": digests.index(said) if said in digests else None,
        }
        return sealed(json.dumps(answer).encode())


class AnswerPath:
    """Puts answers of one tool through the gateway and counts what became of them."""

    def __init__(self, door: str) -> None:
        self.door = door
        self.labels: Counter[str] = Counter()
        self.executed: list[bytes] = []
        """Used although no sound answer; there must be none."""
        self.unlabelled: list[bytes] = []
        """Not used, and not under exactly one label."""
        self.clarified = 0
        self.violations: list[str] = []
        self._put = 0
        bounds = Bounds(VALUES, HIGHEST)
        self._check = None
        if door in CATALOGUE:
            self._check = AnswerCheck.of(door, ENTITY, (bounds,) * len(CATALOGUE[door].fields))
        self.begin()

    def begin(self) -> None:
        """Begin new books, as for a new episode."""
        clock = Clock(0.0)
        self._wire = _Wire(clock)
        self._wire.truth = sound(self.door)
        person = Person("clarifier", TOOLS.clarify.latency, 0.0, 0.0, 0)
        approver = ApproverDesk(clock, TOOLS.approver, ApprovalBook(), 0)
        audit = BoundaryAudit(TOOLS.retries)
        self._desk = Desk(clock, self._wire, TOOLS, audit, approver, person, (), lambda _: None)  # type: ignore[arg-type]
        self._caller = Caller(AGENT, self._desk, 0)
        self._caller.begin(1e9)
        self._clarifier = Clarifier(AGENT, self._caller, self._desk)

    def put(self, body: bytes) -> str:
        """The label of an answer, or SOUND; whatever is raised is uncaught."""
        self._put += 1
        if self._put % FRESH_AFTER == 0:
            self.close()
            self.begin()
        before, asked = self._desk.labels.copy(), self._wire.asked
        self._wire.given = body
        call = self._call()
        self._desk.clock.process(self._caller.carry_out(call))
        self._desk.clock.run()
        self.clarified += self._wire.asked - asked
        new = self._desk.labels - before
        label = self._judged(body, call, list(new.elements()))
        self.labels[label] += 1
        return label

    def close(self) -> None:
        """End the books: an attempt without its one outcome is a violation."""
        self._desk.audit.window_closed(0, 0)
        self.violations += self._desk.audit.violations

    def _call(self) -> Call:
        if self._check is None:
            return Call("c", CLARIFY, b"{}", lambda body: read_choice(body, ABOUT), period=PERIOD)
        if CATALOGUE[self.door].risk == "read":
            judge = partial(self._check.read, call="c", period=PERIOD)
            clarify = partial(self._clarifier.clarify, self._check)
            return Call("c", self.door, b"{}", judge, clarify, period=PERIOD)
        wish = [1.5, 40.0] * len(CATALOGUE[self.door].fields)
        judge = partial(self._check.write, call="c", period=PERIOD, key=KEY, wish=wish)
        return Call("c", self.door, b"{}", judge, period=PERIOD)

    def _judged(self, body: bytes, call: Call, labels: list[str]) -> str:
        """The one label of a refused answer; a second attempt must have brought the truth."""
        if not labels:
            if call.numbers != reference(self.door, body):
                self.executed.append(body)
            return SOUND
        if len(labels) != 1 or labels[0] not in set(Label):
            self.unlabelled.append(body)
        refused = call.label in (Label.REJECTED, Label.ACCOUNT_LOCKED)  # final: no second attempt
        if call.numbers != ([] if refused else reference(self.door, self._wire.truth)):
            self.executed.append(body)
        return labels[0]


def reference(door: str, body: bytes) -> list[float] | None:
    """What a sound answer says, read with the standard library alone; None for any other."""
    try:
        got = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None
    expected = _document(door, "c")
    if not isinstance(got, dict) or got.keys() != {*expected, "digest"} or not _is_sealed(body):
        return None
    fields = ("choice",) if door == CLARIFY else CATALOGUE[door].fields
    fixed = [name for name in expected if name not in fields]
    if any(not _same(got[name], expected[name]) for name in fixed):
        return None
    if door == CLARIFY:
        return _choice(got["choice"])
    numbers = [value for name in fields for value in _numbers(got[name])]
    if len(numbers) != VALUES * len(fields):
        return None
    if CATALOGUE[door].risk == "write" and numbers != [1.5, 40.0] * len(fields):
        return None
    return numbers


def _choice(value: object) -> list[float] | None:
    if value is None:
        return []
    return [float(value)] if type(value) is int and 0 <= value < len(ABOUT.choices) else None


def _numbers(value: object) -> list[float]:
    """The numbers of a field; none unless it is a list of as many plausible ones as expected."""
    if type(value) is not list or len(value) != VALUES:
        return []
    plain = [float(x) for x in value if type(x) in (int, float)]
    dust = 1e-9 * (1.0 + HIGHEST)
    return plain if all(-dust <= x <= HIGHEST + dust for x in plain) else []


def _same(got: object, expected: object) -> bool:
    return type(got) is type(expected) and got == expected


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _refused(token: str) -> float:
    raise ValueError(token)


def _is_sealed(body: bytes) -> bool:
    head, mark, tail = body.rpartition(b',"digest":"')
    digest = blake2b(head, digest_size=8).hexdigest().encode()
    return bool(mark) and tail == digest + b'"}'
