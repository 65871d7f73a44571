"""One episode through the tool boundary: sessions, channel and server around the event engine.

Two clocks tell one time. The world's stands at the decision epoch while the tools' runs through the
window; the phases after ``order`` then run stamped with the epoch, so a lead time of 3 d is 3 d
whatever the tools did, and a shipment that arrives during a window is received at the next epoch.
Over a clean channel an episode therefore equals ``twin.env.episode.run_policy`` bit for bit.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from agents.gateway.account import CostAccount
from agents.gateway.audit import BoundaryAudit
from agents.gateway.caller import Desk
from agents.gateway.fallback import settle
from agents.gateway.plausible import ceilings
from agents.gateway.session import GatewaySession, Turn
from agents.trace.record import MAX_TRACES, DecisionTrace, Effect, TraceVerdict, digest
from twin.engine.clock import Clock
from twin.engine.event import EventEngine
from twin.engine.ledger import PeriodLedger
from twin.env.agents import agent_specs
from twin.env.policy import Policy
from twin.env.rules import OrderingRule
from twin.exogenous.path import SamplePath
from twin.network.world import World
from twin.tools.approval import ApproverDesk
from twin.tools.channel import Channel, Layer
from twin.tools.server import ToolServer


@dataclass(frozen=True)
class Outcome:
    """What one episode through the tools did and cost."""

    ledger: PeriodLedger
    account: CostAccount
    labels: dict[str, int]  # failed attempts by label
    decisions: int
    fallbacks: int  # decisions taken by the static rule
    approvals: dict[str, int]  # asked for, by answer: granted, denied, timeout
    late: int  # answers that came when nobody waited for them any more
    breaker_opened: int
    breaker_closed: int  # breakers that closed again after having been open
    violations: tuple[str, ...]  # laws of the boundary that were broken
    trace: tuple[DecisionTrace, ...]  # the last MAX_TRACES decisions, where asked for


class ToolEpisode:
    """One run of one policy behind the boundary; ``step`` runs one epoch."""

    def __init__(
        self,
        world: World,
        path: SamplePath,
        policy: Policy,
        fallback: OrderingRule,
        seed: int,
        layers: Sequence[Layer] = (),
        trace: bool = False,
    ) -> None:
        self.engine = EventEngine(world, path)
        self.fallbacks = 0
        self.trace: deque[DecisionTrace] = deque(maxlen=MAX_TRACES)
        self._world = world
        self._rule = fallback
        self._policy_hash = policy_hash(policy)
        self._specs = agent_specs(world)
        self._clock = Clock()
        self._server = ToolServer(world, self.engine, self._specs)
        for layer in layers:
            layer.start(seed, world)
        tools = world.model.tools
        agents = [spec.name for spec in self._specs]
        self._channel = Channel(self._clock, world, seed, agents, self._server.handle, layers)
        risk = self._server.risk
        audit = BoundaryAudit(tools.retries, risk)
        approver = ApproverDesk(self._clock, tools.approver, self._server.approvals, seed)
        self._desk = Desk(self._clock, self._channel, tools, audit, approver)
        self._desk.tracing = trace
        ceiling = ceilings(world)
        self._sessions = tuple(
            GatewaySession(
                spec, policy, self._desk, seed, ceiling, world.period_d, risk.get(spec.name)
            )
            for spec in self._specs
        )
        self._window = min(tools.deadline, world.period_d)
        policy.reset(path.seed)

    def step(self) -> bool:
        """Run one epoch and the period that follows; False when the horizon is over."""
        if not self.engine.advance():
            return False
        t = self.engine.t
        begin = t * self._world.period_d
        if begin > self._clock.now:
            self._clock.run(until=begin)
        self._server.open()
        self._run_window(t, begin + self._window)
        wishes = self._server.take(t)
        self.fallbacks += len(self._specs) - len(wishes)
        self._check_window()
        if self._desk.tracing:
            self.trace.extend(self._traces(t, begin))
        risk = self._server.risk
        decision = settle(self._world, self.engine, self._rule, self._specs, wishes, risk)
        self.engine.decide(decision)
        return True

    def outcome(self) -> Outcome:
        """The result, once ``step`` has returned False; checks the ledger's laws."""
        ledger = self.engine.ledger
        ledger.check()
        breakers = [b for s in self._sessions for b in s.caller.breakers.values()]
        return Outcome(
            ledger=ledger,
            account=CostAccount.of(self._desk.tally, self._desk.tools.costs),
            labels=dict(Counter(self._desk.labels)),
            decisions=self._world.periods * len(self._specs),
            fallbacks=self.fallbacks,
            approvals=dict(self._desk.tally.approvals),
            late=self._desk.late,
            breaker_opened=sum(b.opened for b in breakers),
            breaker_closed=sum(b.closed for b in breakers),
            violations=tuple(self._desk.audit.violations),
            trace=tuple(self.trace),
        )

    def _run_window(self, t: int, close: float) -> None:
        """Run the tools' clock until every session is done; the window's close ends them all."""
        clock = self._clock
        done = clock.all_of([clock.process(s.epoch(t, close)) for s in self._sessions])
        while not done.triggered and clock.peek() <= close:
            clock.step()

    def _check_window(self) -> None:
        audit, channel = self._desk.audit, self._channel
        for placed in self._server.inbox.taken:
            audit.effect(placed, self._clock.now)
        audit.window_closed(channel.peak, channel.bound)

    def _traces(self, t: int, begin: float) -> list[DecisionTrace]:
        placed = {p.agent: p.period for p in self._server.inbox.taken}
        found = []
        for spec, session in zip(self._specs, self._sessions, strict=True):
            if session.turn is not None:
                verdict, effect = _verdict(session.turn, placed.get(spec.name), t)
                found.append(self._decision(spec.name, session.turn, t, begin, verdict, effect))
        return found

    def _decision(
        self, agent: str, turn: Turn, t: int, begin: float, verdict: TraceVerdict, effect: Effect
    ) -> DecisionTrace:
        return DecisionTrace(
            epoch=t,
            agent=agent,
            reads=turn.reads,
            observation_hash="" if turn.observation is None else digest(turn.observation),
            policy_hash=self._policy_hash,
            wish=turn.wish,
            verdict=verdict,
            effect=effect,
            asked=turn.asked,
            seen=turn.seen,
            acted=turn.acted,
            effective=begin,
        )


def _verdict(turn: Turn, placed: int | None, t: int) -> tuple[TraceVerdict, Effect]:
    """Who decided, and what took effect, given the period of the write that counted."""
    if placed is None:
        return "fallback", "static"
    if placed < t:
        return "agent", "late"
    return ("agent" if turn.fresh else "last_good"), "applied"


def policy_hash(policy: Policy) -> str:
    """The policy's own ``digest`` where it has one, else a hash of its name."""
    own = getattr(policy, "digest", "")
    return str(own) or blake2b(policy.name.encode(), digest_size=8).hexdigest()


def run_through_tools(
    world: World,
    path: SamplePath,
    policy: Policy,
    fallback: OrderingRule,
    seed: int,
    layers: Sequence[Layer] = (),
    trace: bool = False,
) -> Outcome:
    """Run one episode behind the tool boundary; pure in its arguments.

    ``fallback`` runs the lanes that no agent decides about, or whose agent could not act; ``seed``
    draws latencies and back-offs; ``layers`` are the channel's faults, in order.
    """
    episode = ToolEpisode(world, path, policy, fallback, seed, layers, trace)
    while episode.step():
        pass
    return episode.outcome()
