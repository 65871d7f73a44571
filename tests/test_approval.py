"""Laws of high-risk orders: no effect without an approval from before, and no answer means no."""

import dataclasses
import json

import numpy as np
import pytest
from pydantic import ValidationError

from agents.gateway import run_through_tools
from agents.gateway.audit import BoundaryAudit
from agents.gateway.requests import Template
from twin.engine.clock import Clock
from twin.engine.event import EventEngine
from twin.env.agents import agent_specs
from twin.env.policy import CodecPolicy, RulePolicy
from twin.env.rules import default_rule
from twin.exogenous.path import draw_path
from twin.network.world import compile_world
from twin.scenario import from_mapping, load
from twin.scenario.tools import Approver, Retries, RiskRule, ToolCosts, Tools
from twin.tools import ToolServer
from twin.tools.approval import ApprovalBook, ApprovalRequest, ApproverDesk
from twin.tools.inbox import Placed
from twin.tools.risk import Excess, risk_limits

QUICKSTART = "scenarios/quickstart.yaml"
SHORT = "horizon=30 d"
LIMIT = 60.0
RISKY = "tools.high_risk=[{order_above: 60}]"
PROMPT = "tools.approver={latency: 1 min, tolerance: 1000}"
TWO_SOURCES = {
    "name": "two sources",
    "horizon": "20 d",
    "nodes": {
        "near": {"kind": "supplier"},
        "far": {"kind": "supplier"},
        "shop": {"kind": "store", "stock": 40, "demand": {"model": "poisson", "mean": 20}},
    },
    "lanes": {
        "near -> shop": {"lead_time": "1 d", "price": 3, "share": 0.8, "order_cost": 5},
        "far -> shop": {"lead_time": "2 d", "price": 2, "freight": 0.5, "share": 0.2},
    },
    "agents": {"action": {"form": "order_quantity", "max_order": 100}},
}


def compiled(*overrides):
    return compile_world(load(QUICKSTART, overrides).model)


def through_tools(world, policy=None, seed=0, layers=()):
    rule = default_rule(world)
    policy = policy or RulePolicy(world, rule)
    return run_through_tools(world, draw_path(world, 0), policy, rule, seed, layers, trace=True)


def two_sources(*rules, **approver):
    tools = {"high_risk": list(rules), "approver": approver}
    return compile_world(from_mapping({**TWO_SOURCES, "tools": tools}).model)


def limits_of(world):
    (limits,) = risk_limits(world, agent_specs(world)).values()
    return limits


def biggest(outcome, world):
    """Most units that an agent's node ordered in one period."""
    ordered = outcome.ledger.quantities.ordered.sum(axis=2)
    return max(ordered[:, spec.lanes].sum(axis=1).max() for spec in agent_specs(world)[:4])


def test_without_rules_nobody_is_asked():
    outcome = through_tools(compiled(SHORT))
    assert outcome.approvals == {}
    assert outcome.account.approvals == 0


def test_when_every_order_is_granted_approvals_change_nothing_but_time_and_cost():
    free = through_tools(compiled(SHORT))
    asked = through_tools(compiled(SHORT, RISKY, PROMPT, "tools.costs.approval=2"))
    assert asked.ledger.digest == free.ledger.digest
    assert set(asked.approvals) == {"granted"}
    assert asked.account.approvals == asked.approvals["granted"] > 0
    assert asked.account.money == pytest.approx(free.account.money + 2 * asked.account.approvals)
    assert asked.violations == ()


@pytest.mark.parametrize(
    ("approver", "answer"),
    [
        ("{latency: 1 min, tolerance: 1000, error: 1}", "denied"),
        ("{latency: 1 min, absent: 1}", "timeout"),
        ("{latency: 14 min 50 s, timeout: 15 min}", "timeout"),
        ("{latency: 2 min, timeout: 1 min}", "timeout"),
    ],
)
def test_what_is_denied_or_not_answered_is_never_ordered(approver, answer):
    approver = approver.replace("14 min 50 s", "890 s")
    world = compiled(SHORT, RISKY, f"tools.approver={approver}")
    outcome = through_tools(world)
    assert set(outcome.approvals) == {answer}
    assert outcome.fallbacks == outcome.approvals[answer]
    assert biggest(outcome, world) <= LIMIT * (1 + 1e-9)
    assert outcome.violations == ()


def test_the_static_policy_acts_within_the_limit_where_approval_is_missing():
    world = compiled(SHORT, RISKY, "tools.approver={absent: 1}")
    outcome = through_tools(world, CodecPolicy("zero", world))
    refused = {
        t.agent.split(":")[1] for t in outcome.trace if t.epoch == 0 and t.effect == "static"
    }
    free = through_tools(compiled(SHORT)).ledger.quantities.ordered[0]
    ordered = outcome.ledger.quantities.ordered[0]
    for lane, name in enumerate(world.lanes):
        wanted = min(free[lane, 0], LIMIT) if name.split("->")[1] in refused else free[lane, 0]
        assert ordered[lane, 0] == pytest.approx(wanted)
    assert refused


def test_a_person_who_is_slow_sometimes_gives_every_answer():
    slow = "tools.approver={latency: {median: 4 min, p95: 20 min}, tolerance: 1.5, error: 10 %}"
    slow = slow.replace("{median", "{model: lognormal, median")
    outcome = through_tools(compiled(RISKY, slow))
    assert set(outcome.approvals) == {"granted", "denied", "timeout"}
    assert outcome.violations == ()
    again = through_tools(compiled(RISKY, slow))
    assert (again.ledger.digest, again.approvals) == (outcome.ledger.digest, outcome.approvals)


def test_one_agents_questions_never_change_anothers_answers():
    def answers(agents):
        clock = Clock()
        desk = ApproverDesk(clock, Approver(error=0.5), ApprovalBook(), 7)
        got = {}
        for agent in agents:
            for period in range(20):
                request = ApprovalRequest(
                    agent, f"{period}/{agent}", period, (9.0,), (Excess("order_above", 1.5),), 0.0
                )
                desk.ask(request, lambda a: got.__setitem__(a.request.key, (a.granted, a.at)))
        clock.run()
        return got

    alone, both = answers(["a"]), answers(["b", "a"])
    assert alone.items() <= both.items()
    assert {granted for granted, _ in alone.values()} == {True, False}


def test_a_question_that_was_withdrawn_is_never_answered():
    clock, book, got = Clock(), ApprovalBook(), []
    desk = ApproverDesk(clock, Approver(), book, 0)
    request = ApprovalRequest("a", "0/a", 0, (9.0,), (Excess("order_above", 1.5),), 0.0)
    desk.ask(request, got.append)
    desk.withdraw("0/a")
    clock.run()
    assert (got, desk.waiting) == ([], 0)
    assert not book.covers("a", "0/a", 0, (9.0,))


def test_an_approval_covers_one_order_of_one_agent_exactly():
    clock, book = Clock(), ApprovalBook()
    request = ApprovalRequest("a", "3/a", 3, (9.0, 0.0), (Excess("order_above", 1.5),), 0.0)
    ApproverDesk(clock, Approver(), book, 0).ask(request, lambda _: None)
    clock.run()
    assert book.covers("a", "3/a", 3, (9.0, 0.0))
    for other in (
        ("b", "3/a", 3, (9.0, 0.0)),
        ("a", "3/b", 3, (9.0, 0.0)),
        ("a", "3/a", 3, (9.1,)),
    ):
        assert not book.covers(*other)


def test_the_server_refuses_a_high_risk_order_that_nobody_approved():
    """The rule is enforced where the effect is, whatever an agent's side does."""
    world = two_sources({"order_above": 50})
    engine, specs = EventEngine(world, draw_path(world, 0)), agent_specs(world)
    server = ToolServer(world, engine, specs)
    engine.advance()
    server.open()
    template = Template.of(specs[0].name, "order.place", "shop", 3)
    refused = json.loads(server.handle(0.0, template.write(0, [40.0, 20.0])))
    assert (refused["is_error"], refused["code"]) == (True, "approval_required")
    assert server.take(0) == {}


def test_the_audit_knows_what_was_approved():
    world = two_sources({"order_above": 50})
    (agent,) = risk_limits(world, agent_specs(world))
    audit = BoundaryAudit(Retries(), risk_limits(world, agent_specs(world)))
    order = Placed(agent, "0/a", 0, np.array([40.0, 20.0]))
    audit.validated(agent, 0, "0/a", [40.0, 20.0])
    audit.effect(order, 1.0)
    assert [text.split()[0] for text in audit.violations] == ["21"]


# The rules.


def test_each_rule_sees_what_it_is_about():
    limits = limits_of(two_sources({"order_above": 50}, {"spend_above": 120}))
    assert limits.excess([30.0, 20.0]) == (Excess("spend_above", (90 + 50 + 5) / 120),)
    assert [e.rule for e in limits.excess([40.0, 20.0])] == ["order_above", "spend_above"]
    assert limits.excess([0.0, 48.0]) == ()
    assert limits_of(two_sources({"supplier_switch": True})).excess([10.0, 10.1])[0].rule == (
        "supplier_switch"
    )
    assert limits_of(two_sources({"supplier_switch": True})).excess([10.0, 9.9]) == ()
    assert limits_of(two_sources({"supplier_switch": True})).excess([0.0, 0.0]) == ()


@pytest.mark.parametrize("orders", [[40.0, 40.0], [0.0, 400.0], [1e9, 1e9], [0.0, 0.0], [1.0, 0]])
@pytest.mark.parametrize("spend", [1.0, 20.0, 120.0])
def test_what_is_cut_down_needs_no_approval(orders, spend):
    limits = limits_of(two_sources({"order_above": 50}, {"spend_above": spend}))
    capped = limits.capped(np.array(orders).reshape(2, 1))
    assert limits.excess(capped.ravel()) == ()
    assert (capped.ravel() <= orders).all()
    whole = dataclasses.replace(limits, integral=True).capped(np.array(orders).reshape(2, 1))
    assert (whole == np.rint(whole)).all()
    if limits.excess(orders) == ():
        assert capped.ravel().tolist() == orders


def test_a_switch_of_supplier_is_granted_while_the_usual_one_owes_units():
    request = ApprovalRequest("a", "0/a", 0, (0.0, 9.0), (Excess("supplier_switch", np.inf),), 0.0)

    def granted(request):
        clock, got = Clock(), []
        ApproverDesk(clock, Approver(), ApprovalBook(), 0).ask(request, got.append)
        clock.run()
        return got[0].granted

    assert not granted(request)
    assert granted(dataclasses.replace(request, usual_owes=4.0))


def test_an_entry_holds_exactly_one_rule():
    assert RiskRule(order_above=400).order_above == 400
    for wrong in ({}, {"order_above": 1.0, "spend_above": 1.0}, {"supplier_switch": False}):
        with pytest.raises(ValidationError):
            RiskRule(**wrong)
    assert Tools().high_risk == ()
    assert ToolCosts().approval == 0
