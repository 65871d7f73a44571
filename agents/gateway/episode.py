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
from agents.gateway.gateway import Gateway
from agents.gateway.incident import Incident
from agents.gateway.session import Turn
from agents.gateway.settle import settle
from agents.gateway.spend import SpendReport
from agents.trace.record import MAX_TRACES, DecisionTrace, Effect, TraceVerdict, digest
from twin.engine.event import EventEngine
from twin.engine.ledger import PeriodLedger
from twin.env.policy import Policy
from twin.env.rules import OrderingRule
from twin.exogenous.path import SamplePath
from twin.network.world import World
from twin.tools.channel import Layer


@dataclass(frozen=True)
class Outcome:
    """What one episode through the tools did and cost."""

    ledger: PeriodLedger
    account: CostAccount
    labels: dict[str, int]  # failed attempts by label
    decisions: int
    fallbacks: int  # decisions taken by the static rule
    approvals: dict[str, int]  # asked for, by answer: granted, denied, timeout
    clarifications: dict[str, int]  # questions about ambiguous answers: resolved, unresolved
    kills: int  # uses of the kill switch
    locks: int  # of the provider's account
    spend: SpendReport | None  # where there was a forecast
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
        incidents: Sequence[Incident] = (),
        forecast: float | None = None,
    ) -> None:
        self.engine = EventEngine(world, path)
        for layer in layers:
            layer.start(seed, world)
        self.gateway = Gateway(world, self.engine, policy, seed, layers, trace, forecast)
        self.fallbacks = 0
        self.trace: deque[DecisionTrace] = deque(maxlen=MAX_TRACES)
        self._world = world
        self._rule = fallback
        self._policy_hash = policy_hash(policy)
        self._window = min(world.model.tools.deadline, world.period_d)
        self._incidents = tuple(incidents)
        policy.reset(path.seed)
        for incident in self._incidents:
            incident.start(seed, world, self.gateway)

    def step(self) -> bool:
        """Run one epoch and the period that follows; False when the horizon is over."""
        if not self.engine.advance():
            return False
        t = self.engine.t
        gateway, begin = self.gateway, t * self._world.period_d
        gateway.open(begin)
        for incident in self._incidents:
            incident.epoch(t, gateway)
        wishes = gateway.window(t, begin + self._window)
        self.fallbacks += len(gateway.specs) - len(wishes)
        if gateway.desk.tracing:
            self.trace.extend(self._traces(t, begin))
        self.engine.decide(settle(self._world, self.engine, self._rule, gateway, wishes))
        return True

    def outcome(self) -> Outcome:
        """The result, once ``step`` has returned False; checks the ledger's laws."""
        ledger = self.engine.ledger
        ledger.check()
        gateway = self.gateway
        desk = gateway.desk
        breakers = [b for s in gateway.sessions.values() for b in s.caller.breakers.values()]
        return Outcome(
            ledger=ledger,
            account=CostAccount.of(desk.tally, desk.tools.costs),
            labels=dict(Counter(desk.labels)),
            decisions=self._world.periods * len(gateway.specs),
            fallbacks=self.fallbacks,
            approvals=dict(desk.tally.approvals),
            clarifications=dict(desk.tally.clarifications),
            kills=gateway.switch.used,
            locks=gateway.server.account.locks,
            spend=None if gateway.spend is None else gateway.spend.report(),
            late=desk.late,
            breaker_opened=sum(b.opened for b in breakers),
            breaker_closed=sum(b.closed for b in breakers),
            violations=tuple(desk.audit.violations),
            trace=tuple(self.trace),
        )

    def _traces(self, t: int, begin: float) -> list[DecisionTrace]:
        placed = {p.agent: p.period for p in self.gateway.server.inbox.taken}
        found = []
        for agent, session in self.gateway.sessions.items():
            if session.turn is not None:
                verdict, effect = _verdict(session.turn, placed.get(agent), t)
                found.append(self._decision(agent, session.turn, t, begin, verdict, effect))
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
    incidents: Sequence[Incident] = (),
    forecast: float | None = None,
) -> Outcome:
    """Run one episode behind the tool boundary; pure in its arguments.

    ``fallback`` runs the lanes that no agent decides about, or whose agent could not act; ``seed``
    draws latencies and back-offs; ``layers`` are the channel's faults, in order; ``incidents``
    befall agents and people; ``forecast`` is the money that a clean run spends on tools (see
    ``forecast_spend``), beyond which, and a buffer, spending stops.
    """
    episode = ToolEpisode(world, path, policy, fallback, seed, layers, trace, incidents, forecast)
    while episode.step():
        pass
    return episode.outcome()


def forecast_spend(
    world: World, path: SamplePath, policy: Policy, fallback: OrderingRule, seed: int
) -> float:
    """Money that a run over a clean channel spends on tools, in the scenario's currency."""
    return run_through_tools(world, path, policy, fallback, seed).account.money
