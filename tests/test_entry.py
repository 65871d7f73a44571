"""Laws of entered agents: a third party's agent meets the campaign that a fleet meets."""

from __future__ import annotations

import json
import textwrap
from collections import OrderedDict
from pathlib import Path

import pytest

from agents.outside.limits import Limits
from agents.outside.manifest import read_manifest
from agents.outside.policy import folder_digest
from stress.case import Case, PolicyRef, ScenarioRef
from stress.contestants import policy_of
from stress.results import CaseResult
from stress.run_case import run_case
from stress.store import read_table
from twin.cli import run
from twin.errors import ScenarioError, UsageError
from twin.scenario import load

EXAMPLE = Path(__file__).parent.parent / "examples" / "days_of_stock"
TINY = """
kind: scenario
name: tiny
horizon: 12 d
nodes:
  plant: {kind: supplier}
  store: {kind: store, stock: 20, holding: 0.5, unmet: backlog, penalty: 4,
          demand: {model: poisson, mean: 5}}
lanes:
  plant -> store: {lead_time: 2 d}
agents:
  replenish: [store]
"""
SUITE = """
kind: stress
name: tiny
nominal_seeds: 3
seeds: 2
recovery: {within: 30 d}
faults:
  tool.malformed: {severities: [3]}
  act.drop: {severities: [4]}
"""
BEGIN = """
import json, os, sys, time
def say(message):
    print(json.dumps(message), flush=True)
def passing(message):
    say({"type": "pass", "agent": message["agent"], "period": message["period"]})
def order(m, quantities):
    say({"version": "1", "call": "c", "agent": m["agent"], "entity": "store",
         "tool": "order.place", "period": m["period"], "key": f"{m['period']}/k",
         "quantities": quantities})
def questions():
    for line in sys.stdin:
        message = json.loads(line)
        if message["type"] == "start":
            say({"type": "ready", "name": "test"})
        elif message["type"] == "decide":
            yield message
"""


@pytest.fixture
def files(tmp_path) -> tuple[Path, Path]:
    """A scenario and a suite."""
    scenario, suite = tmp_path / "tiny.yaml", tmp_path / "suite.yaml"
    scenario.write_text(TINY)
    suite.write_text(SUITE)
    return scenario, suite


def agent(folder: Path, body: str, manifest: str = "") -> Path:
    """An agent from the body of its loop over questions."""
    folder.mkdir()
    (folder / "agent.py").write_text(BEGIN + textwrap.dedent(body))
    if manifest:
        (folder / "agent.yaml").write_text(f"kind: agent\nname: test\n{manifest}")
    return folder


def stressed(capsys, source: Path, folder: Path, suite: Path, *more: str) -> tuple[int, dict]:
    """``twin stress --policy``: its exit code and its document."""
    options = ("--suite", str(suite), "--out", str(suite.parent / "runs"), "--json", *more)
    code = run(["stress", str(source), "--policy", str(folder), *options])
    return code, json.loads(capsys.readouterr().out)


def test_the_example_is_stressed_and_judged_like_a_fleet(capsys, files, tmp_path) -> None:
    scenario, suite = files
    code, found = stressed(capsys, scenario, EXAMPLE, suite)
    assert code == 0
    assert (found["failed"], found["violations"]) == (0, 0)
    results = read_table(Path(found["run"]))
    own = [r for r in results if r.policy == "fleet"]
    assert len(own) == len(results) / 2
    assert {r.policy_hash for r in own} == {folder_digest(EXAMPLE)}
    assert all(r.fallbacks < r.decisions and not r.agent_failures for r in own)

    # From a run it is entered in the run's scenario; on processes the results are the same.
    again = stressed(capsys, Path(found["run"]), EXAMPLE, suite, "-j", "2", "--registry", "none")
    assert again[0] == 0
    assert again[1]["digest"] == found["digest"]
    assert run(["judge", found["run"], "--suite", str(suite), "--json"]) == 1
    verdict = json.loads(capsys.readouterr().out)
    status = {c["gate"]: c["status"] for c in verdict["criteria"]}
    assert (status["G0"], status["G7"], status["G10"]) == ("PASS", "PASS", "INCONCLUSIVE")
    assert run(["replay", found["run"], own[0].case, "--suite", str(suite)]) == 0
    assert run(["promote", found["run"]]) != 0


def case(files, folder: Path, seed: int = 0) -> Case:
    from stress.case import rule_text
    from stress.contestants import world_of
    from twin.env.rules import default_rule

    scenario = ScenarioRef.of(load(files[0]))
    world = world_of(scenario)
    ref = PolicyRef.of_outside("fleet", folder)
    return Case(scenario, ref, rule_text(world, default_rule(world)), seed)


def test_an_agent_that_is_forgotten_is_ended(files, monkeypatch) -> None:
    monkeypatch.setattr("stress.contestants._POLICIES", OrderedDict())
    monkeypatch.setattr("stress.contestants.KEPT_POLICIES", 1)
    entered = case(files, EXAMPLE)
    kept = policy_of(entered.scenario, entered.policy)
    assert policy_of(entered.scenario, entered.policy) is kept
    assert kept.alive
    policy_of(entered.scenario, PolicyRef("static", "rule", entered.fallback, ""))
    assert not kept.alive
    again = policy_of(entered.scenario, entered.policy)
    assert again is not kept
    again.close()


@pytest.mark.parametrize(
    ("body", "label", "limits"),
    [
        (
            "for m in questions():\n    sys.exit(1) if m['period'] == 3 else passing(m)",
            "agent_died",
            "",
        ),
        (
            "for m in questions():\n    time.sleep(9 * (m['period'] == 3)); passing(m)",
            "deadline",
            "limits: {decision_s: 0.3}",
        ),
        ("for m in questions():\n    passing({**m, 'period': 1})", "echo_mismatch", ""),
        ("for m in questions():\n    print('{', flush=True)", "malformed_json", ""),
        ("for m in questions():\n    say({'type': 'order', 'all': 1})", "schema", ""),
        ("for m in questions():\n    print('x' * 300_000, flush=True)", "oversize", ""),
        ("for m in questions():\n    order(m, [1.0, 1.0])", "schema", ""),
        ("for m in questions():\n    order(m, [1e300])", "implausible", ""),
    ],
)
def test_an_agent_that_fails_is_a_labelled_result(tmp_path, files, body, label, limits) -> None:
    folder = agent(tmp_path / "bad", body, limits)
    first, second = (run_case(case(files, folder, seed)) for seed in (0, 1))
    for result in (first, second):
        assert (result.error, result.violations) == ("", ())
        assert set(result.agent_failures) == {label}
        assert result.fallbacks == result.decisions
    assert first.agent_failures == second.agent_failures


def test_with_direct_access_too_a_wish_that_is_none_costs_its_decision_only(
    tmp_path, files, capsys
) -> None:
    for name, wish, label in (("odd", "[]", "schema"), ("huge", "[1e300]", "implausible")):
        folder = agent(tmp_path / name, f"for m in questions(): order(m, {wish})")
        assert run(["simulate", str(files[0]), "--policy", str(folder)]) == 0
        assert f"the agent failed: {label} 12" in capsys.readouterr().err


def test_what_an_agent_remembers_does_not_pass_from_episode_to_episode(tmp_path, files) -> None:
    body = """
    count = len(open("diary").read()) if os.path.exists("diary") else 0
    for m in questions():
        count += 1
        open("diary", "a").write("x")
        order(m, [float(count)])
    """
    folder = agent(tmp_path / "diarist", body)
    before = folder_digest(folder)
    forward = {seed: run_case(case(files, folder, seed)) for seed in (0, 1, 2)}
    backward = {seed: run_case(case(files, folder, seed)) for seed in (2, 1, 0)}
    assert forward == backward
    assert all(not r.error and r.fallbacks == 0 for r in forward.values())
    assert folder_digest(folder) == before


def test_an_agent_that_cannot_begin_is_refused_before_anything_runs(
    tmp_path, files, capsys
) -> None:
    scenario, suite = files
    for name, body in (("ends", "raise SystemExit"), ("broken", "x =")):
        folder = agent(tmp_path / name, body)
        options = ["--suite", str(suite), "--out", str(tmp_path / "runs")]
        assert run(["stress", str(scenario), "--policy", str(folder), *options]) == 2
        assert "did not get ready" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_changed_agent_is_refused(tmp_path, files) -> None:
    folder = agent(tmp_path / "good", "for m in questions(): passing(m)")
    entered = case(files, folder)
    (folder / "agent.py").write_text((folder / "agent.py").read_text() + "\n")
    with pytest.raises(UsageError, match="the agent has changed"):
        policy_of(entered.scenario, entered.policy)
    assert "the agent has changed" in run_case(entered).error


def test_a_link_in_the_folder_is_refused(tmp_path) -> None:
    folder = agent(tmp_path / "linked", "pass")
    (folder / "secret").symlink_to("/etc/hostname")
    with pytest.raises(UsageError, match="a link"):
        folder_digest(folder)


def test_an_agent_is_granted_at_most_what_the_host_allows() -> None:
    wanted = Limits(decision_s=100.0, memory_mb=100, restarts=1_000)
    granted = Limits(decision_s=1.0, restarts=2).granting(wanted)
    assert (granted.decision_s, granted.memory_mb, granted.restarts) == (1.0, 100, 2)


def test_a_manifest_is_strict_and_may_be_missing(tmp_path) -> None:
    assert read_manifest(agent(tmp_path / "plain", "pass")).name == "plain"
    assert read_manifest(EXAMPLE).starts_anew
    with pytest.raises(ScenarioError, match="memory"):
        read_manifest(agent(tmp_path / "odd", "pass", "limits: {memory: 5}"))
    with pytest.raises(UsageError, match=r"no outside agent"):
        read_manifest(tmp_path)


def test_results_say_what_an_agent_did_instead(tmp_path) -> None:
    old = {"case": "c", "scenario": "s", "policy": "p", "policy_hash": "h"}
    read = CaseResult.model_validate({**old, "fault": "none", "severity": 0, "seed": 1})
    assert read.agent_failures == {}
