"""Laws of decision traces: every action traces back, and the chain shows every change."""

import dataclasses

import numpy as np
import pytest

from agents.gateway.episode import ToolEpisode
from agents.gateway.recorder import Recorder
from agents.trace import DecisionTrace, Part, ReadTrace, broken_links, read_traces
from agents.trace.chain import chained
from agents.trace.record import Odds, digest
from tests.traced_run import compiled, traced, written
from twin.env.agents import agent_specs
from twin.env.policy import RulePolicy
from twin.env.rules import default_rule
from twin.exogenous.path import draw_path


@pytest.fixture(scope="module")
def outcome():
    return traced()


@pytest.fixture(scope="module")
def file(outcome, tmp_path_factory):
    return written(outcome, tmp_path_factory.mktemp("run"))


def test_every_decision_is_traced_whatever_became_of_it(outcome):
    traces = outcome.trace
    agents = [spec.name for spec in agent_specs(outcome.ledger.world)]
    assert [(t.epoch, t.agent) for t in traces] == [(p, a) for p in range(20) for a in agents]
    assert [t.sequence for t in traces] == list(range(100))
    assert {t.verdict for t in traces} == {"agent", "last_good", "fallback", "killed"}
    assert {t.effect for t in traces} == {"applied", "static", "stopped"}
    assert {t.approval for t in traces} >= {"", "granted"}
    assert outcome.violations == ()
    assert outcome.trace_dropped == 0


def test_an_observation_is_what_its_reads_say(outcome):
    for trace in outcome.trace:
        if not trace.observation_hash:
            continue
        clock = [float(trace.epoch)] + [0.0] * 7
        clock[1 + trace.epoch % 7] = 1.0
        numbers = [x for read in trace.reads for x in read.numbers]
        ages = [float(read.age) for read in trace.reads]
        assert digest(np.array([*numbers, *clock, *ages])) == trace.observation_hash
        assert trace.changed == trace.epoch - max(ages)
        assert all(trace.asked <= r.asked <= r.answered <= trace.seen for r in trace.reads)


def test_what_was_done_and_earned_is_the_ledgers(outcome):
    ledger = outcome.ledger
    specs = agent_specs(ledger.world)
    for trace in outcome.trace:
        index = [s.name for s in specs].index(trace.agent)
        spec = specs[index]
        assert trace.reward == ledger.reward[trace.epoch, index]
        node = ledger.world.nodes.index("dc" if spec.role == "dispatch" else spec.entity)
        money = sum(part.money for part in trace.parts)
        assert money == pytest.approx(ledger.profit[trace.epoch, node])
        if spec.role == "replenish":
            assert trace.done == tuple(ledger.quantities.ordered[trace.epoch, spec.lanes].ravel())
            if trace.effect == "applied":
                assert trace.done == trace.wish
        if trace.effect == "stopped":
            assert sum(trace.done) == 0


def test_every_failed_attempt_of_a_traced_decision_is_in_its_trace(outcome):
    traced = sum(
        len(t.write_failures) + sum(len(r.failures) for r in t.reads) for t in outcome.trace
    )
    assert traced == sum(outcome.labels.values()) > 0


def test_the_oldest_traces_go_when_the_log_budget_is_spent():
    world = compiled()
    rule = default_rule(world)
    run = ToolEpisode(world, draw_path(world, 0), RulePolicy(world, rule), rule, 0, (), True)
    run.recorder = Recorder(world, run.gateway, "policy", budget=50_000)
    while run.step():
        pass
    outcome = run.outcome()
    assert outcome.trace_dropped > 0
    assert len(outcome.trace) + outcome.trace_dropped == 100
    assert outcome.trace[-1].sequence == 99
    assert outcome.violations == ()


def test_a_chain_verifies_also_from_the_disk(outcome, file):
    assert list(broken_links(outcome.trace)) == []
    assert read_traces(file) == outcome.trace
    assert list(broken_links(read_traces(file))) == []


OTHER = {
    "odds": (Odds(0.5, None),),
    "reads": (ReadTrace("t", "e", "c", 1, 0, ""),),
    "wish": (1e6,),
    "parts": (Part("revenue", 1.0),),
    "names": ("x",),
    "done": (7.5,),
    "write_failures": ("timeout",),
}


def _another(value):
    return f"{value}x" if isinstance(value, str) else value + 1


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(DecisionTrace)])
def test_changing_anything_in_a_trace_breaks_the_chain(outcome, field):
    traces = list(outcome.trace)
    value = getattr(traces[40], field)
    other = OTHER[field] if field in OTHER else _another(value)
    traces[40] = dataclasses.replace(traces[40], **{field: other})
    assert any(text.startswith("24 decision") for text in broken_links(traces))


def test_dropping_or_reordering_a_trace_breaks_the_chain(outcome):
    traces = list(outcome.trace)
    for damaged in (traces[:40] + traces[41:], [*traces[:40], traces[41], traces[40]]):
        assert list(broken_links(damaged))
    assert next(iter(broken_links(traces[3:]))).endswith("does not follow the one before")


def test_a_gap_shows_even_where_the_links_were_made_anew(outcome):
    relinked = list(chained(outcome.trace[:40] + outcome.trace[41:]))
    (text,) = broken_links(relinked)
    assert text.endswith("follows decision 39, so there is a gap")


def test_an_action_without_observation_policy_or_verdict_is_noticed(outcome):
    applied = next(t for t in outcome.trace if t.effect == "applied")
    for change in (
        {"observation_hash": ""},
        {"policy_hash": ""},
        {"verdict": "killed"},
        {"approval": "denied"},
    ):
        (text,) = broken_links(chained([dataclasses.replace(applied, **change)]))
        assert text.startswith("25 ")
