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
ApprovalVerdict = Literal["", "granted", "denied", "timeout"]
"""Empty where no approval was needed."""


class ApprovalSeeker:
    """Asks on behalf of one agent that orders."""

    def __init__(self, spec: AgentSpec, limits: RiskLimits, desk: Desk) -> None:
        self._spec = spec
        self._limits = limits
        self._desk = desk

    def seek(
        self, period: int, key: str, wish: list[float], observation: Floats, close: float
    ) -> Generator[simpy.Event, Any, ApprovalVerdict]:
        """Whether ``wish`` may be sent; an answer that leaves no time to send it comes too late."""
        excess = self._limits.excess(wish)
        if not excess:
            return ""
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

        def answered(answer: ApprovalAnswer) -> None:
            desk.audit.approved(answer)
            event.succeed("granted" if answer.granted else "denied")

        def gave_up(_: None) -> None:
            if not event.triggered:
                desk.approver.withdraw(request.key)
                event.succeed("timeout")

        until = min(clock.now + desk.tools.approver.timeout, close - desk.tools.timeout)
        clock.at(until, TIMER, gave_up, None)
        desk.approver.ask(request, answered)
        verdict: ApprovalVerdict = yield event
        return verdict

    def _usual_owes(self, observation: Floats) -> float:
        """Units that the agent's usual sources owe it, from its own observation."""
        waiting = observation[self._spec.slices[f"orders.read/{self._spec.entity}/waiting"]]
        by_lane = waiting.reshape(len(self._spec.lanes), -1).sum(axis=1)
        usual = sorted(self._limits.usual) or list(range(len(by_lane)))
        return float(by_lane[usual].sum())
