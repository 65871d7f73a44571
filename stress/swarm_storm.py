"""A lasting storm over a swarm: every agent has a gateway of its own, all share one account.

Nothing is shared but the provider: each agent has its own caller, retry budget, breakers and
adaptive throttle (``agents.gateway``), as agents in processes of their own do. The provider loses
capacity for as long as ``storm`` says; an account with too many refusals is locked.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import simpy

from agents.gateway.audit import BoundaryAudit
from agents.gateway.caller import Call, Caller, Desk
from agents.gateway.guards import AdaptiveThrottle
from agents.gateway.plausible import Bounds
from agents.gateway.schema import AnswerCheck
from stress.retry_storm import SECOND, Provider, Storm, Tally
from twin.engine.clock import ARRIVAL, Clock
from twin.exogenous.streams import stream
from twin.scenario.tools import Breaker, Retries, Tools
from twin.tools.approval import ApprovalBook, ApproverDesk
from twin.tools.catalogue import CATALOGUE, VERSION, error_answer
from twin.tools.channel import Transit
from twin.tools.person import Person
from twin.tools.wire import new_sealed

TOOL = "inventory.read"
CHECK = AnswerCheck.of(TOOL, "dc", (Bounds(1, 1e6),) * len(CATALOGUE[TOOL].fields))
Deliver = Callable[[Transit, bytes], None]
CHATTY = Tools(
    retries=Retries(reserve=0),
    breaker=Breaker(window=4, minimum_calls=2, half_open_calls=1, open_for=30 * SECOND),
)
"""For agents that call every few seconds. The defaults are made for one decision per period: with
them a breaker of one agent has seen too little before the account is locked, and stays open."""


@dataclass
class SwarmTally(Tally):
    """What a swarm made of it."""

    labels: Counter[str] = field(default_factory=Counter)
    violations: tuple[str, ...] = ()
    """Of the laws of the boundary, by all gateways."""


class _Account:
    """The provider at the end of every agent's channel."""

    def __init__(self, clock: Clock, storm: Storm) -> None:
        self.provider = Provider(storm)
        self._clock = clock
        self._answer_d = storm.answer_s * SECOND

    def send(self, transit: Transit, body: bytes, deliver: Deliver) -> None:
        """Answer, or refuse, after the provider's time."""
        answered = self.provider.answers(self._clock.now / SECOND)
        answer = _stock(transit.call) if answered else self._refusal(transit)
        at = self._clock.now + self._answer_d
        self._clock.at(at, ARRIVAL, _deliver, (deliver, transit, answer))

    def _refusal(self, transit: Transit) -> bytes:
        wait_s = self.provider.locked_for_s(self._clock.now / SECOND)
        if wait_s > 0:
            return error_answer(transit.call, TOOL, "account_locked", "", wait_s)
        return error_answer(transit.call, TOOL, "rate_limited", "", 1.0)


def _deliver(message: tuple[Deliver, Transit, bytes]) -> None:
    deliver, transit, body = message
    deliver(transit, body)


def _stock(call: str) -> bytes:
    numbers = {name: [1.0] for name in CATALOGUE[TOOL].fields}
    head = {"version": VERSION, "call": call, "tool": TOOL, "entity": "dc", "unit": "unit"}
    return new_sealed(json.dumps({**head, "as_of": 0, "is_error": False, **numbers}).encode())


class _Agent:
    """One agent with a gateway of its own."""

    def __init__(
        self, name: str, clock: Clock, account: Any, storm: Storm, tools: Tools, seed: int
    ) -> None:
        self.name = name
        self.answered = 0
        self._clock, self._storm = clock, storm
        book = ApproverDesk(clock, tools.approver, ApprovalBook(), seed)
        person = Person("clarifier", tools.clarify.latency, 0.0, 0.0, seed)
        self.audit = BoundaryAudit(tools.retries)
        throttle = tools.throttle
        guards = () if throttle is None else (AdaptiveThrottle(throttle, clock, seed),)
        self.desk = Desk(clock, account, tools, self.audit, book, person, guards, _nothing_meant)
        self._caller = Caller(name, self.desk, seed)

    def live(self, first_d: float) -> Generator[simpy.Event, Any, None]:
        """One request after the other, each with the time until the next as its window."""
        storm, clock = self._storm, self._clock
        yield self._caller.until(first_d)
        number = 0
        while clock.now < storm.duration_s * SECOND:
            close = clock.now + storm.every_s * SECOND
            self._caller.begin(close)
            call = f"{self.name}/{number}"
            judge = partial(CHECK.read, call=call, period=0)
            failure = yield from self._caller.carry_out(Call(call, TOOL, b"{}", judge))
            self.answered += failure is None
            yield self._caller.until(close)
            self.audit.window_closed(0, 0)
            number += 1


def _nothing_meant(question: object) -> None:
    """No answer of this provider is ambiguous."""


def swarm(storm: Storm, tools: Tools, seed: int = 0) -> SwarmTally:
    """Let a swarm weather the storm; deterministic in its arguments."""
    clock = Clock(0.0)
    account = _Account(clock, storm)
    first = stream(seed, "swarm_storm/first").random(storm.agents) * storm.every_s
    agents = [_Agent(f"{a}", clock, account, storm, tools, seed) for a in range(storm.agents)]
    for agent, start_s in zip(agents, first.tolist(), strict=True):
        clock.process(agent.live(start_s * SECOND))
    clock.run()
    tally = SwarmTally(locks=account.provider.locks)
    for agent in agents:
        tally.requests += agent.desk.tally.calls
        tally.calls += agent.desk.tally.attempts
        tally.answered += agent.answered
        tally.labels.update(agent.desk.labels)
        tally.violations += tuple(agent.audit.violations)
    return tally
