"""The gateway of one episode: every agent's session, the desk they share, and the kill switch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from agents.gateway.audit import BoundaryAudit
from agents.gateway.caller import Desk
from agents.gateway.guards import AdaptiveThrottle, Bulkhead, Guard
from agents.gateway.killswitch import KillSwitch, Standby
from agents.gateway.plausible import ceilings, floors
from agents.gateway.session import GatewaySession
from agents.gateway.spend import SpendLimit
from twin.engine.clock import Clock
from twin.engine.event import EventEngine
from twin.env.agents import AgentSpec, agent_specs
from twin.env.policy import Policy
from twin.network.world import World
from twin.tools.approval import ApproverDesk
from twin.tools.channel import Channel, Layer, Serve
from twin.tools.person import Person
from twin.tools.server import ToolServer

Floats = NDArray[np.float64]
CONTROL = 0
"""Priority on the clock: a switch comes before everything else of the same moment."""
Connect = Callable[[World, EventEngine, tuple[AgentSpec, ...]], tuple[ToolServer, Serve]]
"""Where the tools are: their server, and what carries a request's bytes to it."""


def in_process(
    world: World, engine: EventEngine, specs: tuple[AgentSpec, ...]
) -> tuple[ToolServer, Serve]:
    """Tools in this process, reached through the simulated channel alone."""
    server = ToolServer(world, engine, specs)
    return server, server.handle


class Gateway:
    """What stands between all agents and the world; times are simulated days."""

    def __init__(
        self,
        world: World,
        engine: EventEngine,
        policy: Policy,
        seed: int,
        layers: Sequence[Layer] = (),
        tracing: bool = False,
        forecast: float | None = None,
        connect: Connect = in_process,
    ) -> None:
        tools = world.model.tools
        self.specs = agent_specs(world)
        self._periods = world.periods
        self.clock = Clock(0.0)
        self.server, serve = connect(world, engine, self.specs)
        self.switch = KillSwitch(self.specs)
        agents = [spec.name for spec in self.specs]
        self.channel = Channel(self.clock, world, seed, agents, serve, layers)
        risk = self.server.risk
        self.audit = BoundaryAudit(tools.retries, risk, self.server.scope)
        approver = ApproverDesk(self.clock, tools.approver, self.server.approvals, seed)
        ask = tools.clarify
        self.clarifier = Person("clarifier", ask.latency, ask.error, ask.absent, seed)
        """The person who clarifies, where a person does."""
        self.desk = Desk(
            self.clock,
            self.channel,
            tools,
            self.audit,
            approver,
            self.clarifier,
            (),
            self.server.meant,
        )
        self.desk.tracing = tracing
        limit = ceilings(world), floors(world)
        self.sessions = {
            spec.name: GatewaySession(
                spec,
                policy,
                self.desk,
                seed,
                limit,
                world.period_d,
                self.server.scope[spec.name],
                risk.get(spec.name),
            )
            for spec in self.specs
        }
        self.desk.answer_cap = max((s.answer_cap for s in self.sessions.values()), default=0)
        self.spend = self.desk.spend = self._spend_limit(forecast)
        self.desk.guards = self._guards(seed)
        self._controls: list[float] = []

    @property
    def now(self) -> float:
        """The tools' time."""
        return self.clock.now

    @property
    def approver(self) -> Person:
        """The person who approves, for stress to make slow, wrong or absent."""
        return self.desk.approver.person

    def kill(
        self, target: str, standby: Standby = "static", by: str = "person", reason: str = ""
    ) -> None:
        """Take agents out of control, before anything else happens.

        ``target`` is an agent (``replenish:dc``), a node or fleet (``dc``), a role (``replenish``)
        or ``swarm``. Raises UsageError when it means no agent.
        """
        for agent in self.switch.kill(self.now, target, standby, by, reason):
            self.server.bar(agent)
            self.audit.killed(agent)
            self.sessions[agent].kill()

    def revive(self, target: str, by: str = "person", reason: str = "") -> None:
        """Give control back, from the next epoch on."""
        for agent in self.switch.revive(self.now, target, by, reason):
            self.server.admit(agent)
            self.audit.revived(agent)

    def at(self, time: float, control: Callable[[], None]) -> None:
        """Do something to the gateway at a simulated time: a kill, a revival, a slow approver."""
        heappush(self._controls, max(time, self.now))
        self.clock.at(time, CONTROL, self._control, control)

    def open(self, begin: float) -> None:
        """Let what was under way arrive, then open the window that begins now."""
        if begin > self.clock.now:
            self.clock.run(until=begin)
        while self._due(begin):
            self.clock.step()
        self.server.open()

    def window(self, t: int, close: float) -> dict[str, Floats]:
        """One window, from its opening to its close: the wishes that take effect, by agent.

        Runs the tools' clock until every session is done and no control is due.
        """
        clock, processes = self.clock, []
        for agent, session in self.sessions.items():
            session.turn = None
            if not self.switch.is_killed(agent):
                processes.append(clock.process(session.epoch(t, close)))
        done = clock.all_of(processes)
        clock.work(done, self._controls, close)
        wishes = self.server.take(t)
        for placed in self.server.inbox.taken:
            self.audit.effect(placed, clock.now)
        self.audit.window_closed(self.channel.peak, self.channel.bound)
        if self.spend is not None:
            self.audit.spent(self.spend.spent, self.spend.limit)
            self.spend.watch((t + 1) / self._periods)
        return wishes

    def _spend_limit(self, forecast: float | None) -> SpendLimit | None:
        desk = self.desk
        if forecast is None:
            return None
        return SpendLimit(
            forecast,
            desk.tools.spend_buffer,
            desk.tools.costs,
            desk.tally,
            desk.answer_cap,
            self.clock,
        )

    def _guards(self, seed: int) -> tuple[Guard, ...]:
        tools = self.desk.tools
        guards: list[Guard] = [] if self.spend is None else [self.spend]
        if tools.throttle is not None:
            guards.append(AdaptiveThrottle(tools.throttle, self.clock, seed))
        if tools.bulkhead is not None:
            guards.append(Bulkhead(tools.bulkhead))
        return tuple(guards)

    def _due(self, close: float) -> bool:
        """Whether a control still has to act before the window closes."""
        return bool(self._controls) and self._controls[0] <= close

    def _control(self, control: Callable[[], None]) -> None:
        heappop(self._controls)
        control()
