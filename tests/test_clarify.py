"""Laws of clarification: what can be read in several ways is asked about, and never just used."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.gateway import run_through_tools
from agents.gateway.ambiguity import ambiguous
from agents.gateway.audit import BoundaryAudit
from agents.gateway.schema import read_choice
from tests.profiles import laws
from twin.engine.event import EventEngine
from twin.env.agents import agent_specs
from twin.env.policy import RulePolicy
from twin.env.rules import default_rule
from twin.errors import ToolBoundaryError
from twin.exogenous.path import draw_path
from twin.network.world import compile_world
from twin.scenario import load
from twin.scenario.tools import Retries
from twin.tools.catalogue import CATALOGUE, REQUESTS
from twin.tools.channel import Layer
from twin.tools.server import ToolServer
from twin.tools.wire import is_sealed, sealed, unsealed

SPEC = CATALOGUE["demand.read"]
PATIENT = (
    "horizon=12 d",
    "tools.breaker={minimum_calls: 1000, window: 1000}",
    "tools.retries={attempts: 2, budget: 1, reserve: 100}",
)


def compiled(*overrides):
    return compile_world(load("scenarios/quickstart.yaml", (*PATIENT, *overrides)).model)


@pytest.fixture(scope="module")
def world():
    return compiled()


def rewritten(body, **changes):
    document = json.loads(unsealed(body))
    return sealed(json.dumps({**document, **changes}, separators=(",", ":")).encode())


class Muddle(Layer):
    """Makes the first answer of every demand reading ambiguous."""

    def __init__(self, muddle):
        self.muddle = muddle
        self.before = {}

    def answer(self, transit, body):
        if transit.tool != "demand.read":
            return body
        before = self.before.setdefault(transit.agent, body)
        muddled = self.muddle(body, before) if transit.attempt == 1 else None
        self.before[transit.agent] = body
        return muddled or body


def old_answer_first(body, before):
    """An answer of yesterday that names today's call, and today's behind it."""
    call = json.loads(body)["call"]
    return rewritten(before, call=call) + b"\n" + body if before != body else None


def two_units(body, _):
    return rewritten(body, unit=["case", "unit"])


def another_unit(body, _):
    return rewritten(body, unit="case")


def two_entities(body, _):
    entity = json.loads(body)["entity"]
    return rewritten(body, entity=["dc" if entity != "dc" else "north", entity])


def wrong_date(body, _):
    return rewritten(body, as_of=json.loads(body)["as_of"] - 1)


def really_old(body, before):
    """Yesterday's numbers, honestly dated."""
    call = json.loads(body)["call"]
    return rewritten(before, call=call) if before != body else None


MUDDLES = [old_answer_first, two_units, another_unit, two_entities, wrong_date]


def through_tools(world, muddle):
    rule = default_rule(world)
    policy, path = RulePolicy(world, rule), draw_path(world, 0)
    return run_through_tools(world, path, policy, rule, 0, [Muddle(muddle)])


@pytest.mark.parametrize("muddle", MUDDLES)
def test_the_server_says_what_it_meant_and_no_second_attempt_is_needed(world, muddle):
    rule, path = default_rule(world), draw_path(world, 0)
    clean = run_through_tools(world, path, RulePolicy(world, rule), rule, 0)
    outcome = through_tools(world, muddle)
    assert set(outcome.clarifications) == {"resolved"}
    assert outcome.clarifications["resolved"] >= 4 * 11
    assert outcome.account.retries == outcome.fallbacks == 0
    assert outcome.account.clarifications == outcome.clarifications["resolved"]
    assert outcome.ledger.digest == clean.ledger.digest
    assert outcome.violations == ()


def test_old_numbers_are_never_taken_for_todays_however_they_are_dated(world):
    outcome = through_tools(world, really_old)
    assert set(outcome.clarifications) == {"unresolved"}
    assert outcome.account.retries == outcome.clarifications["unresolved"]
    assert outcome.labels.keys() == {"stale"}
    assert outcome.fallbacks == 0
    assert outcome.violations == ()


@pytest.mark.parametrize(
    ("person", "answer"),
    [
        ("{by: person}", "resolved"),
        ("{by: person, absent: 1}", "unresolved"),
        ("{by: person, latency: 6 min}", "unresolved"),
        ("{by: person, error: 1}", "unresolved"),
    ],
)
def test_a_person_answers_in_time_or_the_tool_is_asked_again(person, answer):
    outcome = through_tools(compiled(f"tools.clarify={person}"), another_unit)
    assert set(outcome.clarifications) == {answer}
    assert (outcome.account.retries == 0) is (answer == "resolved")
    assert outcome.fallbacks == 0
    assert outcome.violations == ()


def test_where_nobody_is_asked_an_ambiguous_answer_is_just_invalid():
    outcome = through_tools(compiled("tools.clarify={by: nobody}"), two_units)
    assert outcome.clarifications == {}
    assert outcome.account.retries > 0


def test_a_question_is_paid_from_the_retry_budget():
    poor = compiled("tools.retries={attempts: 3, budget: 0, reserve: 2}")
    outcome = through_tools(poor, two_units)
    assert outcome.account.clarifications == 2 * 4
    assert outcome.labels["budget_exhausted"] > 0
    assert outcome.violations == ()


# What is ambiguous.


def answer_of(world, agent="replenish:north"):
    engine = EventEngine(world, draw_path(world, 0))
    server = ToolServer(world, engine, agent_specs(world))
    engine.advance()
    server.open()
    request = {"version": "1", "call": "c", "agent": agent, "tool": "demand.read"}
    return server, server.handle(0.0, json.dumps({**request, "entity": "north"}).encode())


def readings(body, entity="north", period=0):
    found = ambiguous(SPEC, entity, period, body, 10_000)
    return None if found is None else (found.what, [r.text for r in found.readings])


def test_each_ambiguity_is_named_with_its_choices(world):
    _, body = answer_of(world)
    assert readings(rewritten(body, unit=["case", "unit"])) == (
        "unit",
        ["unit = case", "unit = unit"],
    )
    assert readings(rewritten(body, entity="east")) == (
        "entity",
        ["entity = north", "entity = east"],
    )
    assert readings(rewritten(body, as_of=7)) == ("as_of", ["as_of = 0", "as_of = 7"])
    other = rewritten(body, recent=[1.0] * 7)
    assert readings(body + b" " + other) == ("documents", ["document 1", "document 2"])


def test_there_is_nothing_to_clarify_about_what_is_merely_broken(world):
    _, body = answer_of(world)
    several = [rewritten(body, recent=[float(i)] * 7) for i in range(5)]
    broken = [
        b"",
        body,
        body + body,
        b"".join(several),
        body[:-9],
        body + b"}",
        body.replace(b'"unit":"unit"', b'"unit":"case"'),
        rewritten(body, unit="case", as_of=7),
        rewritten(body, unit=None),
        rewritten(body, unit=["unit"]),
        rewritten(body, unit=["unit", 3]),
        rewritten(body, unit=["a", "b", "c", "d", "e"]),
        rewritten(body, extra=1, as_of=7),
        b"[" * 5000,
    ]
    assert [readings(b) for b in broken] == [None] * len(broken)


@given(st.binary(max_size=200), st.integers(0, 200))
@laws(200)
def test_looking_for_an_ambiguity_never_raises(noise, at):
    ambiguous(SPEC, "north", 0, noise, 1000)
    sound = sealed(b'{"a":[1.0,{"b":"c"}]}')
    ambiguous(SPEC, "north", 0, sound[:at] + noise + sound[at:], 1000)


def question(**changes):
    choice = {"reading": "unit = case", "digest": "0" * 16}
    return {
        "version": "1",
        "call": "c/clarify",
        "agent": "replenish:north",
        "entity": "north",
        "tool": "answer.clarify",
        "kind": "input_required",
        "about": "demand.read",
        "about_call": "c",
        "ambiguity": "unit",
        "choices": [choice, {**choice, "digest": "1" * 16}],
        **changes,
    }


def test_the_server_answers_only_those_who_may_read_the_entity(world):
    server, _ = answer_of(world)
    said = json.loads(server.handle(0.0, json.dumps(question()).encode()))
    assert (said["is_error"], said["choice"]) == (False, None)
    for change in ({"entity": "east"}, {"agent": "nobody"}, {"about": "fleet.read"}):
        refused = json.loads(server.handle(0.0, json.dumps(question(**change)).encode()))
        assert refused["code"] == "out_of_scope"
    for change in ({"choices": []}, {"kind": "order"}, {"ambiguity": "price"}):
        refused = json.loads(server.handle(0.0, json.dumps(question(**change)).encode()))
        assert refused["code"] == "invalid_request"


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({"call": "d"}, "echo_mismatch"),
        ({"about_call": "d"}, "echo_mismatch"),
        ({"entity": "east"}, "echo_mismatch"),
        ({"choice": 2}, "schema"),
        ({"choice": -1}, "schema"),
        ({"choice": 0.5}, "schema"),
        ({"is_error": True}, "schema"),
    ],
)
def test_a_clarification_is_checked_like_any_answer(world, change, label):
    server, _ = answer_of(world)
    request = REQUESTS.validate_json(json.dumps(question()))
    said = server.handle(0.0, json.dumps(question()).encode())
    assert is_sealed(said)
    assert read_choice(said, request) == []
    assert read_choice(rewritten(said, choice=1), request) == [1.0]
    with pytest.raises(ToolBoundaryError) as failure:
        read_choice(rewritten(said, **change), request)
    assert failure.value.label == label
    with pytest.raises(ToolBoundaryError) as failure:
        read_choice(said.replace(b"null", b"1"), request)
    assert failure.value.label == "digest_mismatch"


def test_the_audit_notices_an_ambiguous_answer_that_is_just_used():
    audit = BoundaryAudit(Retries())
    audit.ambiguous("c")
    audit.read_as("c", "x")
    audit.clarified("c", "x")
    audit.read_as("c", "x")
    audit.read_as("c", "y")
    assert [text.split()[0] for text in audit.violations] == ["15", "15"]
