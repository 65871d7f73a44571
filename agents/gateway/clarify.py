"""Asks which reading of an ambiguous answer is meant, once per call and within the retry budget.

The server answers over the channel by comparing the readings with what it says to that call; or a
person looks it up. A reading that was chosen must still pass every check of an answer.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

from agents.gateway.ambiguity import Ambiguous, Reading
from agents.gateway.caller import Call, Caller, Cleared, Desk
from agents.gateway.schema import AnswerCheck, read_choice
from twin.errors import ToolBoundaryError
from twin.tools.catalogue import VERSION, Choice, ClarifyRequest
from twin.tools.person import Reply

CLARIFY = "answer.clarify"
Chosen = Generator[simpy.Event, Any, Reading | None]


class Clarifier:
    """Asks on behalf of one agent."""

    def __init__(self, agent: str, caller: Caller, desk: Desk) -> None:
        self._agent = agent
        self._caller = caller
        self._desk = desk

    def clarify(self, check: AnswerCheck, call: Call) -> Cleared:
        """Whether the call's last answer could be read after all; its numbers are set then."""
        found = check.ambiguous(call.suspect, call.period)
        call.suspect = b""
        if found is None or not self._caller.pay(call.id):
            return False
        call.clarify = None  # once per call
        desk = self._desk
        desk.audit.ambiguous(call.id)
        request = _request(self._agent, call, check.entity, found)
        by_person = desk.tools.clarify.by == "person"
        ask = self._person if by_person else self._server
        reading = yield from ask(request, found)
        resolved = reading is not None and self._use(call, reading)
        desk.tally.clarifications["resolved" if resolved else "unresolved"] += 1
        return resolved

    def _use(self, call: Call, reading: Reading) -> bool:
        try:
            numbers = call.judge(reading.body)
        except ToolBoundaryError:
            return False
        self._desk.audit.read_as(call.id, reading.digest)
        call.numbers = numbers
        return True

    def _server(self, request: ClarifyRequest, found: Ambiguous) -> Chosen:
        question = Call(
            request.call,
            CLARIFY,
            request.model_dump_json().encode(),
            lambda body: read_choice(body, request),
        )
        failure = yield from self._caller.attempt(question)
        if failure is not None or not question.numbers:
            return None
        return self._chosen(request, found, int(question.numbers[0]))

    def _person(self, request: ClarifyRequest, found: Ambiguous) -> Chosen:
        desk = self._desk
        reply = desk.clarifier.reply(self._agent)
        given_up = min(desk.clock.now + desk.tools.clarify.timeout, self._caller.close)
        answered = desk.clock.now + reply.after_d
        yield self._caller.until(min(answered, given_up))
        if answered > given_up or self._caller.killed:
            return None
        choice = _looked_up(desk.meant(request), reply, len(found.readings))
        return None if choice is None else self._chosen(request, found, choice)

    def _chosen(self, request: ClarifyRequest, found: Ambiguous, choice: int) -> Reading:
        reading = found.readings[choice]
        self._desk.audit.clarified(request.about_call, reading.digest)
        return reading


def _looked_up(meant: int | None, reply: Reply, readings: int) -> int | None:
    """What a person answers: the truth, or in error the reading after it."""
    if not reply.wrong:
        return meant
    return 0 if meant is None else (meant + 1) % readings


def _request(agent: str, call: Call, entity: str, found: Ambiguous) -> ClarifyRequest:
    return ClarifyRequest.model_validate(
        {
            "version": VERSION,
            "call": f"{call.id}/clarify",
            "agent": agent,
            "entity": entity,
            "tool": CLARIFY,
            "kind": "input_required",
            "about": call.tool,
            "about_call": call.id,
            "ambiguity": found.what,
            "choices": tuple(Choice(reading=r.text, digest=r.digest) for r in found.readings),
        }
    )
