"""Records what every agent saw, decided and was allowed, epoch by epoch, within a log budget."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.gateway.gateway import Gateway
from agents.gateway.session import Turn
from agents.trace.chain import chained
from agents.trace.latency import Latencies
from agents.trace.record import MAX_TRACES, DecisionTrace, Effect, Part, TraceVerdict, digest
from twin.engine.ledger import PeriodLedger
from twin.engine.money import PARTS, Accounts
from twin.env.agents import AgentSpec
from twin.network.world import World

LOG_BUDGET = 256 * 2**20
"""Bytes of memory for the traces of one episode, roughly; beyond it the oldest are dropped."""
_EARNED = frozenset({"revenue", "terminal", "transfers_in"})
_SIGNS = {name: 1.0 if name in _EARNED else -1.0 for name in PARTS}
_TRACE_BYTES, _READ_BYTES, _NUMBER_BYTES = 1_000, 500, 32


@dataclass(frozen=True)
class _Names:
    """What an agent's numbers stand for."""

    wish: tuple[str, ...]
    node: int  # that pays and earns


@dataclass(frozen=True)
class _Kept:
    """One decision, before it is known what the period brought."""

    sequence: int
    t: int
    agent: str
    turn: Turn
    observation_hash: str
    verdict: TraceVerdict
    effect: Effect
    settled: float
    bytes: int


class Recorder:
    """The traces of one episode; ``finish`` adds what the period brought and links them."""

    def __init__(
        self, world: World, gateway: Gateway, policy_hash: str, budget: int = LOG_BUDGET
    ) -> None:
        self.wall = Latencies()
        self._kept: deque[_Kept] = deque()
        self._bytes = 0
        self._budget = budget
        self._recorded = 0
        self._world = world
        self._gateway = gateway
        self._policy_hash = policy_hash
        self._names = {spec.name: _names(world, spec) for spec in gateway.specs}

    @property
    def dropped(self) -> int:
        """Traces that were dropped for want of room."""
        return self._recorded - len(self._kept)

    def record(self, t: int, begin: float, close: float, opened_s: float) -> None:
        """Record the window of period ``t``; ``opened_s`` is the wall time at its opening."""
        placed = {p.agent: p.period for p in self._gateway.server.inbox.taken}
        for agent, session in self._gateway.sessions.items():
            turn = session.turn or Turn.nothing(begin)
            verdict, effect = self._verdict(agent, session.turn, placed.get(agent), t)
            self._keep(t, agent, turn, verdict, effect, close)
            if effect == "applied":
                self.wall.add((opened_s, *turn.wall, time.perf_counter()))

    def finish(self, ledger: PeriodLedger) -> tuple[DecisionTrace, ...]:
        """The traces, with what came of them, linked in order."""
        specs = {spec.name: (i, spec) for i, spec in enumerate(self._gateway.specs)}
        money = _signed(ledger.accounts)
        return tuple(chained(self._trace(k, ledger, money, *specs[k.agent]) for k in self._kept))

    def _verdict(
        self, agent: str, turn: Turn | None, placed: int | None, t: int
    ) -> tuple[TraceVerdict, Effect]:
        """Who decided, and what took effect, given the period of the write that counted."""
        if self._gateway.switch.is_killed(agent) or self._gateway.sessions[agent].killed:
            stopped = agent in self._gateway.switch.stopped
            return "killed", "stopped" if stopped else "static"
        if placed is None or turn is None:
            return "fallback", "static"
        if placed < t:
            return "agent", "late"
        return ("agent" if turn.fresh else "last_good"), "applied"

    def _keep(
        self,
        t: int,
        agent: str,
        turn: Turn,
        verdict: TraceVerdict,
        effect: Effect,
        settled: float,
    ) -> None:
        size = _TRACE_BYTES + _NUMBER_BYTES * 2 * len(self._names[agent].wish)
        size += _NUMBER_BYTES * sum(2 + 3 * len(odds.choices) for odds in turn.odds)
        size += sum(_READ_BYTES + _NUMBER_BYTES * len(read.numbers) for read in turn.reads)
        seen = "" if turn.observation is None else digest(turn.observation)
        kept = _Kept(self._recorded, t, agent, turn, seen, verdict, effect, settled, size)
        self._kept.append(kept)
        self._recorded += 1
        self._bytes += size
        while len(self._kept) > MAX_TRACES or self._bytes > self._budget:
            self._bytes -= self._kept.popleft().bytes

    def _trace(
        self,
        kept: _Kept,
        ledger: PeriodLedger,
        money: NDArray[np.float64],
        index: int,
        spec: AgentSpec,
    ) -> DecisionTrace:
        turn, names = kept.turn, self._names[kept.agent]
        begin = kept.t * self._world.period_d
        age = max((read.age or 0 for read in turn.reads), default=0)
        done = ledger.quantities.ordered if spec.role == "replenish" else ledger.quantities.trips
        return DecisionTrace(
            epoch=kept.t,
            agent=kept.agent,
            reads=turn.reads,
            observation_hash=kept.observation_hash,
            policy_hash=self._policy_hash,
            odds=turn.odds,
            wish=turn.wish,
            verdict=kept.verdict,
            effect=kept.effect,
            asked=turn.asked,
            seen=turn.seen,
            acted=turn.acted,
            effective=begin,
            changed=begin - age * self._world.period_d,
            settled=kept.settled,
            approval=turn.approval,
            write_attempts=turn.write_attempts,
            write_failures=turn.write_failures,
            names=names.wish,
            done=tuple(done[kept.t, spec.lanes].ravel().tolist()),
            reward=float(ledger.reward[kept.t, index]),
            parts=_parts(money, kept.t, names.node),
            sequence=kept.sequence,
        )


def _signed(money: Accounts) -> NDArray[np.float64]:
    """Every part of the money, costs negative: (part, period, node)."""
    return np.stack([sign * getattr(money, name) for name, sign in _SIGNS.items()])


def _parts(money: NDArray[np.float64], t: int, node: int) -> tuple[Part, ...]:
    """What a node earned and paid in a period, zeros left out."""
    amounts = money[:, t, node].tolist()
    return tuple(Part(name, x) for name, x in zip(_SIGNS, amounts, strict=True) if x)


def _names(world: World, spec: AgentSpec) -> _Names:
    lanes = [world.lanes[lane] for lane in np.asarray(spec.lanes)]
    if spec.role == "replenish":
        named = tuple(f"{lane} {product}" for lane in lanes for product in world.products)
        return _Names(named, spec.index)
    booked = [f"{lane} vehicles" for lane in lanes] + [f"{lane} least load" for lane in lanes]
    return _Names(tuple(booked), world.fleets[spec.index].depot)
