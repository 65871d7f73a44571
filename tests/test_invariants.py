"""Laws of the invariants of control: each is noticed when it is broken, and by nobody else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from stress import run_case as running
from stress.case import Case, PolicyRef, Recovery, ScenarioRef, Strike
from stress.catalogue import Window
from stress.contestants import policy_of, world_of
from stress.disturbed import Disturbed
from stress.invariants import LAWS, Course, Observed, Witness, sometimes, violations, weights_digest
from stress.results import CaseResult
from stress.run_case import run_case
from tests.stressed_world import tiny_scenario
from twin.env.agents import agent_specs
from twin.env.policy import RulePolicy
from twin.env.rules import default_rule
from twin.exogenous.path import draw_path

SCENARIO = ScenarioRef.of(tiny_scenario(costs={"call": 0.001}, high_risk=[{"order_above": 20}]))
WORLD = world_of(SCENARIO)
POLICY = PolicyRef.of_rule("baseline", WORLD, default_rule(WORLD))
STRIKE = Strike("channel.loss", 2, Window(5.0, 10.0))
CASE = replace(Case.struck(SCENARIO, POLICY, POLICY.source, 3, STRIKE), recovery=Recovery(2.0, 0.2))


def observed(case: Case = CASE) -> Observed:
    """One episode as ``run_case`` sees it."""
    from agents.gateway.episode import policy_hash, run_through_tools

    policy = policy_of(case.scenario, case.policy)
    disturbed = Disturbed(WORLD, policy, case.seed, case.strikes)
    rule = default_rule(WORLD)
    witness = Witness(disturbed.policy, WORLD)
    outcome = run_through_tools(
        WORLD, disturbed.path, witness, rule, case.seed, disturbed.layers, trace=True
    )
    calm = run_through_tools(
        WORLD, draw_path(WORLD, case.seed), policy, rule, case.seed, trace=True
    )
    weights = weights_digest(policy)
    return Observed(
        case=case,
        path=disturbed.path,
        outcome=outcome,
        course=Course.of(outcome),
        calm=Course.of(calm),
        misread=tuple(witness.misread),
        weights=(weights, weights),
        policy_hash=policy_hash(witness),
        rule=rule,
    )


@pytest.fixture(scope="module")
def sound() -> Observed:
    return observed()


def broken(run: Observed) -> list[int]:
    return [int(text.split(" ")[0]) for text in violations(run)]


def test_there_are_twenty_eight_laws_each_with_a_name_and_a_check() -> None:
    assert [law.number for law in LAWS] == list(range(1, 29))
    assert len({law.name for law in LAWS}) == len({id(law.check) for law in LAWS}) == 28


def test_a_sound_run_breaks_no_law(sound) -> None:
    assert violations(sound) == ()


def with_outcome(run: Observed, **changes: Any) -> Observed:
    return replace(run, outcome=replace(run.outcome, **changes))


def with_decision(run: Observed, **changes: Any) -> Observed:
    """The same with its first decision told differently."""
    first, *rest = run.outcome.trace
    return with_outcome(run, trace=(replace(first, **changes), *rest))


def with_read(run: Observed, **changes: Any) -> Observed:
    first = run.outcome.trace[0]
    reads = (replace(first.reads[0], **changes), *first.reads[1:])
    return with_decision(run, reads=reads)


@pytest.mark.parametrize("number", range(1, 29))
def test_what_the_gateway_says_about_a_law_counts(sound, number) -> None:
    said = with_outcome(sound, violations=(f"{number} something is wrong",))
    assert violations(said) == (f"{LAWS[number - 1].title}: something is wrong",)


def test_more_effects_than_validated_decisions_are_noticed(sound) -> None:
    assert broken(with_outcome(sound, fallbacks=sound.outcome.fallbacks - 1)) == [9]


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 1e12])
def test_an_invalid_observation_that_reaches_a_policy_is_noticed(sound, value) -> None:
    witness = Witness(RulePolicy(WORLD, default_rule(WORLD)), WORLD)
    spec = agent_specs(WORLD)[0]
    observation = np.zeros(spec.size)
    witness.act({spec.name: observation})
    assert not witness.misread
    observation[0] = value
    witness.act({spec.name: observation})
    assert len(witness.misread) == 1
    assert broken(replace(sound, misread=tuple(witness.misread))) == [10]


def test_an_answer_that_is_too_old_is_noticed() -> None:
    witness = Witness(RulePolicy(WORLD, default_rule(WORLD)), WORLD)
    spec = agent_specs(WORLD)[0]
    observation = np.zeros(spec.size)
    observation[-1] = 1.0
    witness.act({spec.name: observation})
    assert witness.misread


def test_a_label_of_nobody_is_noticed(sound) -> None:
    assert broken(with_outcome(sound, labels={"oops": 1})) == [11]


def test_an_exception_in_an_episode_breaks_law_12(monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("no stock, no orders")

    monkeypatch.setattr(running, "_play", fail)
    result = run_case(replace(CASE, seed=77))
    assert result.violations == (
        "12 no uncaught exception: ZeroDivisionError: no stock, no orders",
    )


def test_an_answer_to_another_call_or_about_another_entity_is_noticed(sound) -> None:
    assert broken(with_read(sound, call="replenish:dc/99/0")) == [14]
    assert broken(with_read(sound, entity="elsewhere")) == [16]
    assert broken(with_read(sound, attempts=4)) == [17]


def test_more_retries_than_the_budget_are_noticed(sound) -> None:
    account = replace(sound.outcome.account, retries=10_000)
    assert broken(with_outcome(sound, account=account)) == [18]


def test_spending_beyond_the_forecast_and_its_buffer_is_noticed(sound) -> None:
    account = replace(sound.outcome.account, money=2.0 * sound.calm.money)
    assert broken(with_outcome(sound, account=account)) == [22]


def test_gaps_doubles_and_anonymous_actions_in_the_record_are_noticed(sound) -> None:
    trace = sound.outcome.trace
    missing = with_outcome(sound, trace=(trace[0], *trace[2:]))
    assert 24 in broken(missing)
    double = with_outcome(sound, trace=(trace[0], trace[0], *trace[2:]))
    assert broken(double) == [24]
    assert broken(with_decision(sound, observation_hash="")) == [25]
    assert broken(with_decision(sound, policy_hash="somebody else")) == [25]


def test_a_run_without_faults_that_differs_is_noticed(sound) -> None:
    off = replace(CASE, strikes=(replace(STRIKE, severity=0),))
    calm = observed(off)
    assert violations(calm) == ()
    other = replace(calm, course=replace(calm.course, digest="another"))
    assert broken(other) == [26]


def test_every_so_many_cases_are_played_twice(monkeypatch) -> None:
    played: list[int] = []
    honest = running._play

    def counted(case: Case, *more: Any) -> Any:
        played.append(case.seed)
        return honest(case, *more)

    monkeypatch.setattr(running, "_play", counted)
    monkeypatch.setattr(running, "REPLAYED", 1)
    assert run_case(replace(CASE, strikes=(), seed=41)).violations == ()
    assert played == [41, 41]


def test_weights_that_were_written_to_are_noticed(sound) -> None:
    policy = RulePolicy(WORLD, default_rule(WORLD))
    policy.weights = [{"layer": np.zeros(3, dtype=np.float32)}]  # type: ignore[attr-defined]
    before = weights_digest(policy)
    policy.weights[0]["layer"][1] = 1.0  # type: ignore[attr-defined]
    assert weights_digest(policy) != before
    assert broken(replace(sound, weights=(before, "after"))) == [27]


def with_flow(run: Observed, **changes: Any) -> Observed:
    return replace(run, course=replace(run.course, flow=replace(run.course.flow, **changes)))


LATE = np.arange(WORLD.periods) >= 12


@pytest.mark.parametrize(("approval", "left"), [("", 1), ("denied", 0), ("timeout", 0)])
def test_an_order_that_a_person_refused_is_not_stuck(sound, approval, left) -> None:
    first, *others = (replace(d, verdict="agent") for d in sound.outcome.trace)
    refused = replace(first, verdict="fallback", approval=approval)
    course = Course.of(replace(sound.outcome, trace=(refused, *others)))
    assert course.fallbacks.sum() == course.fallbacks[0] == left


def test_service_backlog_and_agents_have_to_come_back(sound) -> None:
    course = sound.course
    served = np.where(LATE, 0.7, 1.0) * course.flow.served
    assert broken(with_flow(sound, served=served)) == [28]
    assert broken(with_flow(sound, backlog=course.flow.backlog + 100.0 * LATE)) == [28]
    stuck = replace(course, fallbacks=course.fallbacks + LATE)
    assert broken(replace(sound, course=stuck)) == [28]
    early = np.where(LATE, 1.0, 0.1) * course.flow.served
    assert broken(with_flow(sound, served=early)) == []


def test_what_the_static_policy_cannot_mend_either_is_no_fault_of_the_agents(sound) -> None:
    served = np.where(LATE, 0.7, 1.0) * sound.course.flow.served
    closed = replace(sound.path, lane_open=np.where(LATE[:, None], 0.0, sound.path.lane_open))
    worse = with_flow(sound, served=served)
    assert 28 in broken(worse)
    assert 28 not in broken(replace(worse, path=closed))


def test_nothing_is_asked_of_a_case_without_terms_of_recovery(sound) -> None:
    free = replace(sound, case=replace(CASE, recovery=None))
    assert broken(with_flow(free, served=0 * free.course.flow.served)) == []


def result(**changes: Any) -> CaseResult:
    fields = {"case": "c", "scenario": "s", "policy": "p", "policy_hash": "h", "seed": 1}
    return CaseResult.model_validate({**fields, "fault": "none", "severity": 0, **changes})


def test_what_should_happen_sometimes_is_counted_in_episodes() -> None:
    fault = "tool.malformed"
    struck = {"fault": fault, "severity": 3, "fired_by": {fault: 9}, "seen_by": {fault: 4}}
    results = [
        result(),
        result(**struck, labels={"budget_exhausted": 1}),
        result(**struck, breaker_opened=2, breaker_closed=1, clarifications={"resolved": 1}),
        result(**{**struck, "fired_by": {fault: 0}}),
    ]
    assert {item.what: item.episodes for item in sometimes(results)} == {
        "tool.malformed fired": 2,
        "tool.malformed was seen by an agent": 2,
        "a breaker opened and closed again": 1,
        "a retry budget ran out": 1,
        "a clarification was asked": 1,
    }
