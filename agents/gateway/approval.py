"""A high-risk order waits for a person: granted, denied, or no answer in time, which means no."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Literal

import numpy as np
import simpy
from numpy.typing import NDArray

from agents.gateway.caller import TIMER, Desk
from twin.env.agents import AgentSpec
from twin.tools.approval import ApprovalAnswer, ApprovalRequest
from twin.tools.risk import RiskLimits

Floats = NDArray[np.float64]
ApprovalVerdict = Literal["", "granted", "denied", "timeout", "killed", "spend_stop"]
"""Empty where no approval was needed; killed: the agent was, while it waited; spend_stop: what is
left of the forecast would not pay for asking."""


class ApprovalSeeker:
    """Asks on behalf of one agent that orders."""

    def __init__(self, spec: AgentSpec, limits: RiskLimits, desk: Desk) -> None:
        self._spec = spec
        self._limits = limits
        self._desk = desk
        self._open: tuple[str, simpy.Event] | None = None

    def cut(self) -> None:
        """Stop waiting: the agent is killed."""
        self._give_up("killed")

    def seek(
        self, period: int, key: str, wish: list[float], observation: Floats, close: float
    ) -> Generator[simpy.Event, Any, ApprovalVerdict]:
        """Whether ``wish`` may be sent; an answer that leaves no time to send it comes too late."""
        excess = self._limits.excess(wish)
        if not excess:
            return ""
        spend = self._desk.spend
        if spend is not None and not spend.affords(self._desk.tools.costs.approval):
            return "spend_stop"
        self._desk.tally.asked += 1
        owes = self._usual_owes(observation)
        request = ApprovalRequest(self._spec.name, key, period, tuple(wish), excess, owes)
        verdict = yield from self._wait(request, close)
        self._desk.tally.approvals[verdict] += 1
        return verdict

    def _wait(
        self, request: ApprovalRequest, close: float
    ) -> Generator[simpy.Event, Any, ApprovalVerdict]:
        desk, clock = self._desk, self._desk.clock
        event = simpy.Event(clock)
        self._open = (request.key, event)
        until = min(clock.now + desk.tools.approver.timeout, close - desk.tools.timeout)
        clock.at(until, TIMER, self._timed_out, request.key)
        desk.approver.ask(request, self._answered)
        verdict: ApprovalVerdict = yield event
        return verdict

    def _answered(self, answer: ApprovalAnswer) -> None:
        self._desk.audit.approved(answer)
        self._end("granted" if answer.granted else "denied")

    def _timed_out(self, key: str) -> None:
        if self._open is not None and self._open[0] == key:
            self._give_up("timeout")

    def _give_up(self, verdict: ApprovalVerdict) -> None:
        if self._open is not None:
            self._desk.approver.withdraw(self._open[0])
            self._end(verdict)

    def _end(self, verdict: ApprovalVerdict) -> None:
        if self._open is not None:
            event = self._open[1]
            self._open = None
            event.succeed(verdict)

    def _usual_owes(self, observation: Floats) -> float:
        """Units that the agent's usual sources owe it, from its own observation."""
        waiting = observation[self._spec.slices[f"orders.read/{self._spec.entity}/waiting"]]
        by_lane = waiting.reshape(len(self._spec.lanes), -1).sum(axis=1)
        usual = sorted(self._limits.usual) or list(range(len(by_lane)))
        return float(by_lane[usual].sum())
