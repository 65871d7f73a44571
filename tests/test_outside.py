"""Laws of outside agents: confined, on time or dead, and never more than a wish."""

import os
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from agents.gateway import run_through_tools
from agents.outside.limits import Limits
from agents.outside.messages import decide, wish_of
from agents.outside.policy import OutsidePolicy
from twin.engine.event import EventEngine
from twin.env.agents import agent_specs
from twin.env.episode import observations, run_policy, static_decision
from twin.env.rules import default_rule
from twin.errors import ToolBoundaryError, UsageError
from twin.exogenous.path import draw_path
from twin.network.world import compile_world
from twin.scenario import load

EXAMPLE = (Path(__file__).parent.parent / "examples/days_of_stock/agent.py").read_text("utf-8")
LINUX = sys.platform == "linux"
BEGIN = """
import json, sys
def answers():
    for line in sys.stdin:
        message = json.loads(line)
        if message["type"] == "start":
            print(json.dumps({"type": "ready", "name": "test"}), flush=True)
        elif message["type"] == "decide":
            yield message
def passing(message, **more):
    said = {"type": "pass", "agent": message["agent"], "period": message["period"], **more}
    print(json.dumps(said), flush=True)
"""


@pytest.fixture(scope="module")
def world():
    return compile_world(load("scenarios/quickstart.yaml", ("horizon=8 d",)).model)


@pytest.fixture
def outside(tmp_path, world):
    """Makes an agent from the body of its loop over questions; closes what it made."""
    made = []

    def make(body, begin=BEGIN, strict=False, **limits):
        folder = tmp_path / f"agent {len(made)}"
        folder.mkdir()
        text = body if begin is None else begin + textwrap.dedent(body)
        (folder / "agent.py").write_text(text, encoding="utf-8")
        made.append(OutsidePolicy(folder, world, Limits(**limits), strict))
        return made[-1]

    yield make
    for policy in made:
        policy.close()


def through_tools(world, policy):
    return run_through_tools(world, draw_path(world, 0), policy, default_rule(world), 0, (), True)


def static_digest(world):
    engine, rule = EventEngine(world, draw_path(world, 0)), default_rule(world)
    while engine.advance():
        engine.decide(static_decision(world, engine, rule))
    return engine.ledger.digest


def test_the_example_runs_behind_the_tools_as_with_direct_access(outside, world):
    policy = outside(EXAMPLE, begin=None)
    outcome = through_tools(world, policy)
    direct = run_policy(world, draw_path(world, 0), policy, default_rule(world))
    assert policy.name == "days of stock"
    assert outcome.ledger.digest == direct.digest != static_digest(world)
    assert outcome.fallbacks == 8  # the dispatcher passes
    assert dict(policy.failures) == {}
    assert {t.policy_hash for t in outcome.trace} == {policy.digest}
    assert outcome.violations == ()


@pytest.mark.parametrize(
    ("body", "label"),
    [
        ("import time\nfor m in answers(): time.sleep(60)", "deadline"),
        ("for m in answers():\n    while True: pass", "deadline"),
        ("for m in answers(): sys.exit(3)", "agent_died"),
        ("for m in answers(): print('x' * 5000, flush=True)", "oversize"),
        ("for m in answers():\n    while True: sys.stdout.write('x' * 999)", "oversize"),
        ("for m in answers():\n    a = bytearray(10**9); print('{}')", "agent_died"),
    ],
)
def test_whoever_overruns_is_killed_and_the_static_policy_acts(outside, world, body, label):
    policy = outside(body, decision_s=0.5, message_kb=4, memory_mb=512)
    outcome = through_tools(world, policy)
    assert not policy.alive
    assert dict(policy.failures) == {label: 1}
    assert outcome.fallbacks == outcome.decisions
    assert outcome.ledger.digest == static_digest(world)
    assert outcome.violations == ()


@pytest.mark.parametrize(
    "said",
    [
        "print('not json', flush=True)",
        "print('[]', flush=True)",
        'print(\'{"type":"pass"}\', flush=True)',
        "passing(m, quantities=[1.0])",
        "passing({**m, 'agent': 'replenish:dc', 'period': 99})",
        "print('\\\\ud800', flush=True)",
        "print(json.dumps({'version': '1', 'call': 'c', 'agent': m['agent'], 'entity': 'dc',"
        " 'tool': 'inventory.read'}), flush=True)",
    ],
)
def test_a_line_that_cannot_be_used_costs_its_decision_only(outside, world, said):
    policy = outside(f"for m in answers(): {said}")
    outcome = through_tools(world, policy)
    assert outcome.fallbacks == outcome.decisions
    assert outcome.ledger.digest == static_digest(world)
    assert policy.failures.total() == (outcome.decisions if policy.alive else 1)


def order(**changes):
    spec = {"version": "1", "call": "c", "agent": "replenish:dc", "entity": "dc"}
    body = {"tool": "order.place", "period": 3, "key": "3/k", "quantities": [5.0]}
    return str({**spec, **body, **changes}).replace("'", '"').encode()


def test_an_order_is_for_its_own_agent_and_period(world):
    spec = next(s for s in agent_specs(world) if s.name == "replenish:dc")
    assert wish_of(spec, 3, order(), 1000).tolist() == [5.0]
    for wrong in (
        {"agent": "replenish:north"},
        {"entity": "north"},
        {"period": 4},
        {"tool": "dispatch.book"},
        {"quantities": [-1.0]},
        {"quantities": ["5"]},
        {"note": "order more"},
    ):
        with pytest.raises(ToolBoundaryError):
            wish_of(spec, 3, order(**wrong), 1000)


def test_an_outside_agent_is_told_what_the_observation_holds(world):
    engine, specs = EventEngine(world, draw_path(world, 0)), agent_specs(world)
    engine.advance()
    for spec in specs:
        observation = observations(world, engine, specs)[spec.name]
        question = decide(spec, observation)
        numbers = [
            x
            for answer in question["answers"]
            for name, values in answer.items()
            if name not in ("tool", "entity", "age")
            for x in values
        ]
        assert np.array_equal(numbers, observation[: len(numbers)])
        assert (question["period"], question["weekday"]) == (0, 0)


def test_a_dead_agent_is_started_again_with_the_next_episode_a_few_times(outside, world):
    policy = outside("for m in answers(): sys.exit(1)", restarts=1)
    for alive in (False, False):
        through_tools(world, policy)
        assert policy.alive is alive
    assert policy.restarts == 1
    through_tools(world, policy)
    assert policy.failures == {"agent_died": 2}


def test_closing_ends_the_process(outside):
    policy = outside("for m in answers(): passing(m)")
    pid = policy._pipe.pid
    policy.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


TRIES = {
    "no files outside its folder": [
        "open('/etc/passwd')",
        "open('../secret.txt')",
        "open('../new.txt', 'w')",
        "__import__('os').listdir('/root')",
        "__import__('os').truncate('../secret.txt', 0)",
    ],
    "no network": [
        "__import__('socket').socket()",
        "__import__('urllib.request').request.urlopen('http://127.0.0.1:1')",
    ],
    "no other programs": [
        "__import__('os').fork()",
        "__import__('subprocess').run(['/bin/true'])",
        "__import__('os').kill(__import__('os').getppid(), 9)",
    ],
}


@pytest.mark.parametrize("what", TRIES)
def test_what_is_said_to_be_enforced_is(outside, world, tmp_path, what):
    """Where the platform cannot, it says so, and ``strict`` refuses."""
    (tmp_path / "secret.txt").write_text("secret")
    body = f"""
    tries = {TRIES[what]!r}
    held = []
    for text in tries:
        try:
            eval(text)
        except OSError as error:
            held.append(text)
    open("held.txt", "w").write(str(len(held)))
    for m in answers(): passing(m)
    """
    policy = outside(body)
    assert policy.enforced.keys() >= {*TRIES, "memory", "cpu"}
    if policy.enforced[what]:
        held = (tmp_path / "agent 0" / "held.txt").read_text()
        assert held == str(len(TRIES[what]))
        assert (tmp_path / "secret.txt").read_text() == "secret"
        assert not (tmp_path / "new.txt").exists()
    else:
        with pytest.raises(UsageError, match="not enforced here"):
            outside(body, strict=True)


def test_limits_cannot_be_raised_again(outside, tmp_path):
    outside(
        """
        import resource
        got = []
        for what in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_NOFILE):
            try:
                resource.setrlimit(what, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            except (OSError, ValueError):
                got.append("held")
        open("held.txt", "w").write(" ".join(got))
        for m in answers(): passing(m)
        """
    )
    assert (tmp_path / "agent 0" / "held.txt").read_text() == "held held held"


def test_threads_and_numpy_work(outside, world):
    policy = outside(
        """
        import threading, numpy
        done = []
        thread = threading.Thread(target=lambda: done.append(float(numpy.arange(3).sum())))
        thread.start(); thread.join()
        assert done == [3.0]
        for m in answers(): passing(m)
        """
    )
    assert policy.alive


def test_the_environment_is_not_passed_on(outside, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    outside(
        "import os\nopen('env.txt', 'w').write(str('SECRET_TOKEN' in os.environ))\nanswers()"
        "\nfor m in answers(): passing(m)"
    )
    assert (tmp_path / "agent 0" / "env.txt").read_text() == "False"


@pytest.mark.parametrize(
    "body", ["raise SystemExit", "print('hello', flush=True)\nimport time; time.sleep(9)", "x ="]
)
def test_an_agent_that_does_not_get_ready_is_refused(tmp_path, world, body):
    (tmp_path / "agent.py").write_text(body)
    with pytest.raises(UsageError, match="did not get ready"):
        OutsidePolicy(tmp_path, world, Limits(start_s=3))
    with pytest.raises(UsageError, match="no outside agent"):
        OutsidePolicy(tmp_path / "nowhere", world)
