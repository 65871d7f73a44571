"""One episode through the tool boundary: sessions, channel and server around the event engine.

Two clocks tell one time. The world's stands at the decision epoch while the tools' runs through the
window; the phases after ``order`` then run stamped with the epoch, so a lead time of 3 d is 3 d
whatever the tools did, and a shipment that arrives during a window is received at the next epoch.
Over a clean channel an episode therefore equals ``twin.env.episode.run_policy`` bit for bit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from time import perf_counter

from agents.gateway.account import CostAccount
from agents.gateway.audit import MAX_VIOLATIONS
from agents.gateway.gateway import Connect, Gateway, in_process
from agents.gateway.incident import Incident
from agents.gateway.recorder import Recorder
from agents.gateway.spend import SpendReport
from agents.trace.chain import broken_links
from agents.trace.latency import Latencies, simulated
from agents.trace.record import DecisionTrace
from twin.engine.event import EventEngine
from twin.engine.ledger import PeriodLedger
from twin.env.policy import Policy
from twin.env.rules import OrderingRule
from twin.exogenous.path import SamplePath
from twin.network.world import World
from twin.tools.channel import Layer
from twin.tools.settle import settle


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
    trace_dropped: int  # decisions whose trace was dropped for want of room
    simulated_latency: Latencies  # of traced decisions, in simulated time
    wall_latency: Latencies = field(compare=False)  # in the machine's time: never the same twice


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
        connect: Connect = in_process,
    ) -> None:
        self.engine = EventEngine(world, path)
        for layer in layers:
            layer.start(seed, world)
        self.gateway = Gateway(world, self.engine, policy, seed, layers, trace, forecast, connect)
        self.fallbacks = 0
        self._world = world
        self._rule = fallback
        hashed = policy_hash(policy)
        self.recorder = Recorder(world, self.gateway, hashed) if trace else None
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
        opened_s = perf_counter()
        gateway.open(begin)
        for incident in self._incidents:
            incident.epoch(t, gateway)
        close = begin + self._window
        wishes = gateway.window(t, close)
        self.fallbacks += len(gateway.specs) - len(wishes)
        decision = settle(
            self._world,
            self.engine,
            self._rule,
            gateway.specs,
            gateway.server,
            wishes,
            gateway.switch.stopped,
        )
        self.engine.decide(decision)
        if self.recorder is not None:
            self.recorder.record(t, begin, close, opened_s)
        return True

    def outcome(self) -> Outcome:
        """The result, once ``step`` has returned False; checks the ledger's laws."""
        ledger = self.engine.ledger
        ledger.check()
        gateway = self.gateway
        desk, recorder = gateway.desk, self.recorder
        traces = () if recorder is None else recorder.finish(ledger)
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
            violations=(*desk.audit.violations, *islice(broken_links(traces), MAX_VIOLATIONS)),
            trace=traces,
            trace_dropped=0 if recorder is None else recorder.dropped,
            simulated_latency=simulated(traces),
            wall_latency=Latencies() if recorder is None else recorder.wall,
        )


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
