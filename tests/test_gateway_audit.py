"""Laws of what the gateway notes: broken laws of the boundary, and decision traces."""

import numpy as np
import pytest

from agents.gateway.audit import BoundaryAudit
from agents.gateway.breaker import State
from agents.trace import read_traces, write_traces
from tests.gateway_runs import QUICKSTART, SHORT, ChosenPolicy, Drop, compiled, through_tools
from twin.errors import UsageError
from twin.scenario.tools import Retries
from twin.tools.inbox import Placed


@pytest.fixture(scope="module")
def world():
    return compiled(QUICKSTART, SHORT)


def broken_laws(audit):
    return [text.split()[0] for text in audit.violations]


def test_the_audit_notices_every_broken_law():
    audit = BoundaryAudit(Retries(attempts=2, budget=0.0, reserve=1))
    audit.called("a")
    audit.sent("a", "c", 1, State.OPEN)
    audit.sent("a", "c", 2, State.CLOSED)
    audit.sent("a", "c", 3, State.CLOSED)
    audit.ended("c", 1)
    audit.ended("c", 1)
    audit.window_closed(9, 8)
    assert sorted(broken_laws(audit)) == ["11", "11", "11", "17", "18", "19", "23"]


def test_the_audit_knows_what_was_validated():
    audit = BoundaryAudit(Retries())
    audit.validated("a", 0, "0/a", [1.0])
    audit.effect(Placed("a", "0/a", 0, np.array([1.0])))
    assert audit.violations == []
    audit.effect(Placed("a", "0/a", 0, np.array([1.0])))
    audit.effect(Placed("b", "0/a", 0, np.array([1.0])))
    audit.effect(Placed("a", "0/a", 0, np.array([2.0])))
    audit.effect(Placed("a", "0/x", 0, np.array([1.0])))
    assert broken_laws(audit) == ["13", "16", "13", "9", "13", "9"]


def test_traces_say_when_and_on_what_each_decision_was_made(world):
    policy = ChosenPolicy(world)
    traces = through_tools(world, policy, trace=True).trace
    assert len(traces) == len(policy.seen) == world.periods * 5
    for trace in traces:
        assert trace.epoch <= trace.asked < trace.seen < trace.acted
        assert trace.effective == trace.epoch
        assert {read.age for read in trace.reads} == {0}
        assert (trace.verdict, trace.effect) == ("agent", "applied")
        assert trace.observation_hash
        assert trace.policy_hash
    wishes = {wish for _, _, wish in policy.seen}
    assert all(np.array(trace.wish).tobytes() in wishes for trace in traces)


def test_traces_survive_the_disk(world, tmp_path):
    traces = through_tools(world, layers=[Drop("demand.read")], trace=True).trace
    assert any(read.label and read.age is None for t in traces for read in t.reads)
    write_traces(tmp_path / "traces.parquet", traces)
    assert read_traces(tmp_path / "traces.parquet") == traces
    assert [p.name for p in tmp_path.iterdir()] == ["traces.parquet"]


def test_something_else_is_not_read_as_traces(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no")
    for name in ("x.parquet", "missing.parquet"):
        with pytest.raises(UsageError):
            read_traces(tmp_path / name)


def test_nothing_is_traced_unless_asked(world):
    assert through_tools(world).trace == ()
