"""Laws of the kill switch: effective before the next side effect, and a killed node is silent."""

import numpy as np
import pytest

from agents.gateway import run_through_tools
from agents.gateway.audit import BoundaryAudit
from agents.gateway.breaker import State
from agents.gateway.episode import ToolEpisode
from agents.gateway.incident import Incident
from twin.engine.event import EventEngine
from twin.env.episode import static_decision
from twin.env.policy import CodecPolicy, RulePolicy
from twin.env.rules import default_rule
from twin.errors import UsageError
from twin.exogenous.path import draw_path
from twin.network.world import compile_world
from twin.scenario import load
from twin.scenario.tools import Retries
from twin.tools.channel import Layer
from twin.tools.inbox import Placed

SECOND, MINUTE = 1 / 86_400, 1 / 1_440


def compiled(*overrides):
    return compile_world(load("scenarios/quickstart.yaml", ("horizon=20 d", *overrides)).model)


@pytest.fixture(scope="module")
def world():
    return compiled()


class Pushy(CodecPolicy):
    """Orders more than the static policy; remembers whom it was asked for, and when."""

    def __init__(self, world):
        super().__init__("pushy", world)
        self.asked = []

    def choose(self, agent, inputs):
        return np.full(self.codecs[agent].action_size, 0.7)

    def act(self, observations):
        for name, seen in observations.items():
            self.asked.append((name, round(float(seen[self.codecs[name].spec.slices["clock"]][0]))))
        return super().act(observations)


class Plan(Incident):
    """Uses the switch at given times: (days, what, target, further arguments)."""

    def __init__(self, *uses):
        self.uses = uses

    def start(self, seed, world, gateway):
        super().start(seed, world, gateway)
        for time, what, target, *rest in self.uses:
            gateway.at(time, lambda w=what, t=target, r=rest: getattr(gateway, w)(t, *r))


class Slow(Layer):
    """Requests take a minute, so that a kill can strike while they travel."""

    def delay(self, transit, delay_d):
        return MINUTE if transit.direction == "request" else delay_d


def episode(world, *uses, policy=None, layers=()):
    policy = policy or Pushy(world)
    rule, path = default_rule(world), draw_path(world, 0)
    return run_through_tools(world, path, policy, rule, 0, layers, True, [Plan(*uses)])


def static_digest(world):
    engine, rule = EventEngine(world, draw_path(world, 0)), default_rule(world)
    while engine.advance():
        engine.decide(static_decision(world, engine, rule))
    return engine.ledger.digest


def test_a_dead_swarm_runs_by_the_static_policy(world):
    policy = Pushy(world)
    outcome = episode(world, (0.0, "kill", "swarm"), policy=policy)
    assert policy.asked == []
    assert outcome.account.calls == 0
    assert outcome.fallbacks == outcome.decisions
    assert outcome.ledger.digest == static_digest(world)
    assert (outcome.kills, outcome.violations) == (1, ())


def test_a_stopped_node_orders_nothing_and_a_stopped_fleet_stays_at_home(world):
    lane = world.lanes.index("dc->north")
    stopped = episode(world, (3.0, "kill", "north", "stop"), (3.0, "kill", "trucks", "stop"))
    assert stopped.ledger.quantities.ordered[:3, lane].sum() > 0
    assert stopped.ledger.quantities.ordered[3:, lane].sum() == 0
    assert stopped.ledger.quantities.trips[3:].sum() == 0
    assert stopped.violations == ()


@pytest.mark.parametrize("at", [5.0, 5.0 + 0.1 * SECOND, 5.0 + 90 * SECOND, 5.0 + 14.9 * MINUTE])
def test_a_kill_within_a_window_works_before_anything_takes_effect(world, at):
    """Before it reads, while it reads, while its write travels, and after it was confirmed."""
    free = episode(world)
    killed = episode(world, (at, "kill", "dc"), layers=[Slow()] if at < 5.01 else ())
    lane = world.lanes.index("plant->dc")
    own = [t for t in killed.trace if t.agent == "replenish:dc" and t.epoch >= 5]
    assert all(t.effect == "static" for t in own)
    ordered, before = (x.ledger.quantities.ordered[:, lane, 0] for x in (killed, free))
    assert (ordered[:5] == before[:5]).all()
    assert ordered[5] < before[5]
    assert killed.violations == ()


def test_messages_under_way_when_the_switch_is_used_have_no_effect_after_a_revival(world):
    class Late(Layer):
        """The write of period 5 arrives a day late, when its agent acts again."""

        def delay(self, transit, delay_d):
            write = transit.tool == "order.place" and transit.call.split("/")[1] == "5"
            return 1.001 if write and transit.direction == "request" else delay_d

    uses = ((5.0 + 5 * MINUTE, "kill", "dc"), (5.5, "revive", "dc"))
    outcome = episode(world, *uses, layers=[Late()])
    own = {t.epoch: t.effect for t in outcome.trace if t.agent == "replenish:dc"}
    assert (own[5], own[6], own[7]) == ("static", "applied", "applied")
    assert outcome.violations == ()


def test_a_revived_agent_acts_from_the_next_epoch_on_with_closed_breakers(world):
    policy = Pushy(world)
    outcome = episode(world, (4.0, "kill", "dc"), (8.0 + 2 * MINUTE, "revive", "dc"), policy=policy)
    periods = {t for name, t in policy.asked if name == "replenish:dc"}
    assert periods == set(range(20)) - {4, 5, 6, 7, 8}
    assert outcome.fallbacks == 5
    assert outcome.violations == ()


def test_a_killed_agents_breakers_are_forced_open(world):
    rule = default_rule(world)
    run = ToolEpisode(world, draw_path(world, 0), RulePolicy(world, rule), rule, 0)
    run.step()
    run.gateway.kill("replenish:dc", by="operator", reason="drill")
    session = run.gateway.sessions["replenish:dc"]
    assert {b.state for b in session.caller.breakers.values()} == {State.FORCED_OPEN}
    run.step()
    run.gateway.revive("replenish:dc")
    run.step()
    assert {b.state for b in session.caller.breakers.values()} == {State.CLOSED}
    kill, revive = run.gateway.switch.events
    assert (kill.by, kill.reason, kill.agents) == ("operator", "drill", ("replenish:dc",))
    assert (kill.what, revive.what) == ("kill", "revive")


def test_waiting_for_an_approval_ends_with_the_kill():
    risky = ("tools.high_risk=[{order_above: 60}]", "tools.approver={latency: 3 min}")
    outcome = episode(compiled(*risky), (5.0 + MINUTE, "kill", "swarm"))
    assert outcome.approvals["killed"] > 0
    assert outcome.violations == ()


def test_a_target_is_an_agent_an_entity_a_role_or_the_swarm(world):
    rule = default_rule(world)
    run = ToolEpisode(world, draw_path(world, 0), RulePolicy(world, rule), rule, 0)
    agents_of = run.gateway.switch.agents_of
    assert agents_of("replenish:north") == agents_of("north") == ("replenish:north",)
    assert agents_of("trucks") == agents_of("dispatch") == ("dispatch:trucks",)
    assert len(agents_of("replenish")) == 4
    assert len(agents_of("swarm")) == 5
    with pytest.raises(UsageError, match="did you mean 'north'"):
        run.gateway.kill("nort")
    assert run.gateway.switch.killed == frozenset()


def test_an_incident_that_does_nothing_changes_nothing(world):
    rule, path = default_rule(world), draw_path(world, 0)
    calm = run_through_tools(world, path, Pushy(world), rule, 0)
    also = run_through_tools(world, path, Pushy(world), rule, 0, (), False, [Incident()])
    assert also.ledger.digest == calm.ledger.digest
    assert also.account == calm.account


def test_the_audit_hears_a_dead_agent_speak():
    audit = BoundaryAudit(Retries())
    audit.validated("a", 0, "0/a", [1.0])
    audit.killed("a")
    audit.sent("a", "a/0/0", 1, State.CLOSED)
    audit.ended("a/0/0", 1)
    audit.effect(Placed("a", "0/a", 0, np.array([1.0])))
    audit.revived("a")
    audit.effect(Placed("a", "0/a", 0, np.array([1.0])))
    assert [text.split()[0] for text in audit.violations] == ["20", "20", "20", "13"]
