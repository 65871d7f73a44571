"""One agent's epochs: it reads its entities in order, lets the policy decide, and writes once.

Where a read fails, the last good answer serves if it is young enough, and its age is part of the
observation; where there is none, the agent does not act and the world runs its lanes by the static
rule. A write that could not be confirmed may still have arrived: what the server has counts, and
its key makes that at most one effect.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import simpy
from numpy.typing import NDArray

from agents.gateway.approval import ApprovalSeeker, ApprovalVerdict
from agents.gateway.caller import Call, Caller, Cleared, Desk, Failure
from agents.gateway.clarify import Clarifier
from agents.gateway.fallback import LastGood
from agents.gateway.plausible import read_bounds, write_bounds
from agents.gateway.requests import Template, valid_wish
from agents.gateway.schema import AnswerCheck, Label
from agents.trace.record import Odds, ReadTrace, odds_of
from twin.env.agents import AgentSpec
from twin.env.observe import WEEKDAYS
from twin.env.policy import Policy
from twin.tools.risk import RiskLimits
from twin.tools.scope import WRITE_TOOL, Capability

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Turn:
    """What one agent did in one epoch, before it is known what came of it."""

    observation: Floats | None
    reads: tuple[ReadTrace, ...]
    wish: tuple[float, ...]
    approval: ApprovalVerdict
    asked: float
    seen: float
    acted: float
    wall: tuple[float, float]  # s, when the observation was complete and when the agent had acted
    write_attempts: int = 0
    write_failures: tuple[str, ...] = ()
    odds: tuple[Odds, ...] = ()

    @classmethod
    def nothing(cls, at: float) -> Turn:
        """The turn of an agent that was out of control when the window opened."""
        return cls(None, (), (), "", at, at, at, (0.0, 0.0))

    @property
    def fresh(self) -> bool:
        """Whether every answer was of this epoch."""
        return all(read.age == 0 for read in self.reads)


@dataclass(frozen=True)
class _Reading:
    """One read of every epoch, prepared."""

    template: Template
    check: AnswerCheck
    allowed: bool
    clarify: Callable[[Call], Cleared] | None

    @classmethod
    def of(
        cls,
        spec: AgentSpec,
        number: int,
        limit: tuple[Floats, Floats],
        capability: Capability,
        clarifier: Clarifier | None,
    ) -> _Reading:
        read = spec.reads[number]
        check = AnswerCheck.of(read.tool, read.entity, read_bounds(read, *limit))
        return cls(
            Template.of(spec.name, read.tool, read.entity, number),
            check,
            capability.allows(read.tool, read.entity),
            None if clarifier is None else partial(clarifier.clarify, check),
        )

    def call(self, t: int) -> Call:
        """The call of period ``t``."""
        name = self.template.call(t)
        judge = partial(self.check.read, call=name, period=t)
        body = self.template.read(t)
        return Call(name, self.template.tool, body, judge, self.clarify, self.allowed, t)


class GatewaySession:
    """One agent's way through the tools, for one episode."""

    def __init__(
        self,
        spec: AgentSpec,
        policy: Policy,
        desk: Desk,
        seed: int,
        limit: tuple[Floats, Floats],  # what no number of the global vector exceeds, or falls below
        period_d: float,
        capability: Capability,
        limits: RiskLimits | None = None,
    ) -> None:
        self.caller = Caller(spec.name, desk, seed)
        self.turn: Turn | None = None
        self._spec = spec
        self._policy = policy
        self._desk = desk
        self._period_d = period_d
        clarifier = Clarifier(spec.name, self.caller, desk)
        asks = desk.tools.clarify.by != "nobody"
        self._reads = tuple(
            _Reading.of(spec, number, limit, capability, clarifier if asks else None)
            for number in range(len(spec.reads))
        )
        tool = WRITE_TOOL[spec.role]
        self._may_write = capability.allows(tool, spec.entity)
        self._write = Template.of(spec.name, tool, spec.entity, len(spec.reads))
        self._receipt = AnswerCheck.of(tool, spec.entity, write_bounds(spec))
        self._seeker = None if limits is None else ApprovalSeeker(spec, limits, desk)
        self._last_good = LastGood(len(spec.reads), desk.tools.max_age)

    @property
    def answer_cap(self) -> int:
        """Most bytes of any answer that this session may accept."""
        return max(check.size_cap for check in (self._receipt, *(r.check for r in self._reads)))

    @property
    def killed(self) -> bool:
        """Whether the agent was taken out of control in this window."""
        return self.caller.killed

    def kill(self) -> None:
        """Take the agent out of control, at once and until its next epoch begins."""
        self.caller.kill()
        if self._seeker is not None:
            self._seeker.cut()

    def epoch(self, t: int, close: float) -> Generator[simpy.Event, Any, None]:
        """One epoch, over when the window closes at the latest; leaves its ``turn``."""
        clock = self._desk.clock
        self.caller.begin(close)
        asked = clock.now
        reads: list[ReadTrace] = []
        observation = yield from self._observe(t, reads)
        seen, seen_s = clock.now, perf_counter() if self._desk.tracing else 0.0
        write: Call | None = None
        may_act = observation is not None and not self.killed
        wish = self._decide(t, observation) if observation is not None and may_act else None
        odds = odds_of(self._policy, self._spec.name) if may_act and self._desk.tracing else ()
        approval: ApprovalVerdict = ""
        if wish is not None and observation is not None:
            if self._seeker is not None:
                key = self._write.key(t)
                approval = yield from self._seeker.seek(t, key, wish, observation, close)
            if approval in ("", "granted"):
                write = self._order(t, wish)
                yield from self._place(write, close)
        self.turn = Turn(
            observation,
            tuple(reads),
            tuple(wish or ()),
            approval,
            asked,
            seen,
            clock.now,
            (seen_s, perf_counter() if self._desk.tracing else 0.0),
            0 if write is None else write.attempts,
            () if write is None else write.failures,
            odds,
        )

    def _observe(
        self, t: int, traced: list[ReadTrace]
    ) -> Generator[simpy.Event, Any, Floats | None]:
        """The observation from fresh or last good answers; None when one is missing."""
        numbers: list[float] = []
        ages: list[float] = []
        tracing = self._desk.tracing
        for index, reading in enumerate(self._reads):
            call = reading.call(t)
            asked = self._desk.clock.now if tracing else 0.0
            failure = yield from self.caller.carry_out(call)
            if failure is None:
                self._last_good.remember(index, t, call.numbers)
            known = self._last_good.recall(index, t)
            if tracing:
                times = asked, self._desk.clock.now
                entity = reading.template.entity
                traced.append(_read_trace(call, entity, failure, known, times))
            if known is None:
                return None
            ages.append(float(known[0]))
            numbers += known[1]
        return np.array([*numbers, *clock_numbers(t, self._period_d), *ages])

    def _decide(self, t: int, observation: Floats) -> list[float] | None:
        """The policy's wish, if it has one that may be sent."""
        wish = self._policy.act({self._spec.name: observation}).get(self._spec.name)
        if wish is None:
            return None
        numbers = valid_wish(self._spec, wish)
        if numbers is None:
            self._desk.labels[str(Label.INVALID_ACTION)] += 1
            return None
        self._desk.audit.validated(self._spec.name, t, self._write.key(t), numbers)
        return numbers

    def _order(self, t: int, wish: list[float]) -> Call:
        """The call that places the wish."""
        name, key = self._write.call(t), self._write.key(t)
        judge = partial(self._receipt.write, call=name, period=t, key=key, wish=wish)
        call = Call(name, self._write.tool, self._write.write(t, wish), judge)
        call.allowed = self._may_write
        return call

    def _place(self, call: Call, close: float) -> Generator[simpy.Event, Any, None]:
        """Send the wish; where it stays unconfirmed, wait until the window shows what arrived."""
        failure = yield from self.caller.carry_out(call)
        if failure is not None and call.attempts and self._desk.clock.now < close:
            yield self.caller.until(close)


def _read_trace(
    call: Call,
    entity: str,
    failure: Failure,
    known: tuple[int, list[float]] | None,
    times: tuple[float, float],
) -> ReadTrace:
    age, numbers = (None, ()) if known is None else (known[0], tuple(known[1]))
    label = "" if failure is None else call.label
    return ReadTrace(
        call.tool, entity, call.id, call.attempts, age, label, call.failures, *times, numbers
    )


def clock_numbers(t: int, period_d: float) -> list[float]:
    """The clock of an observation: period index, weekday one-hot; agents know the date."""
    clock = [float(t)] + [0.0] * WEEKDAYS
    clock[1 + int(t * period_d + 1e-9) % WEEKDAYS] = 1.0
    return clock
