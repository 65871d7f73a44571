"""Laws of the world's side of the tool boundary: catalogue, server, inbox and quota."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import to_json

from tests.profiles import laws
from twin.engine.event import EventEngine
from twin.env.agents import agent_specs
from twin.env.observe import global_vector
from twin.env.rules import default_rule
from twin.errors import ToolBoundaryError
from twin.exogenous.path import draw_path
from twin.network.world import compile_world
from twin.scenario import load
from twin.tools.catalogue import CATALOGUE, REQUESTS, DemandAnswer, ErrorAnswer, error_answer
from twin.tools.inbox import Inbox
from twin.tools.quota import MINUTE_D, Quota
from twin.tools.server import ToolServer
from twin.tools.wire import guarded, sealed

SECOND = 1 / 86_400


@pytest.fixture(scope="module")
def world():
    return compile_world(load("scenarios/quickstart.yaml").model)


@pytest.fixture
def server(world):
    engine = EventEngine(world, draw_path(world, 0))
    assert engine.advance()
    opened = ToolServer(world, engine, agent_specs(world))
    opened.open()
    opened.engine = engine
    return opened


def ask(server, now=0.0, **fields):
    request = {"version": "1", **fields}
    return json.loads(server.handle(now, json.dumps(request).encode()))


def read(server, tool, agent, entity, call="c", **more):
    return ask(server, tool=tool, agent=agent, entity=entity, call=call, **more)


ORDER = {
    "version": "1",
    "call": "w",
    "tool": "order.place",
    "agent": "replenish:dc",
    "entity": "dc",
    "key": "0/k",
    "period": 0,
    "quantities": [5.0],
}


def order(server, **changes):
    return ask(server, **(ORDER | changes))


def test_every_read_answers_its_own_fields_with_the_numbers_of_the_global_vector(world, server):
    vector = global_vector(world, server.engine)
    for spec in agent_specs(world):
        for wanted in spec.reads:
            answer = read(server, wanted.tool, spec.name, wanted.entity)
            model = CATALOGUE[wanted.tool].answer.model_validate_json(json.dumps(answer))
            assert CATALOGUE[wanted.tool].fields == tuple(name for name, _ in wanted.fields)
            for name, places in wanted.fields:
                assert getattr(model, name) == tuple(vector[places])


def test_every_answer_names_call_tool_entity_unit_and_period(world, server):
    for spec in agent_specs(world):
        for wanted in spec.reads:
            answer = read(server, wanted.tool, spec.name, wanted.entity, call='odd "call" \\ ü')
            assert answer["call"] == 'odd "call" \\ ü'
            assert (answer["tool"], answer["entity"]) == (wanted.tool, wanted.entity)
            assert answer["unit"] == CATALOGUE[wanted.tool].unit
            assert (answer["as_of"], answer["version"]) == (0, "1")


def test_reads_are_marked_read_only_and_every_tool_idempotent():
    for spec in CATALOGUE.values():
        assert spec.read_only == (spec.risk == "read")
        assert spec.idempotent


@given(st.lists(st.floats(0, allow_infinity=False, allow_nan=False), max_size=8))
@laws(100)
def test_json_carries_float64_exactly(values):
    head = {"version": "1", "call": "c", "tool": "demand.read", "entity": "e", "as_of": 0}
    body = sealed(to_json({**head, "is_error": False, "unit": "unit", "recent": values}))
    assert guarded(body, 10_000)["recent"] == values
    carried = np.array(DemandAnswer.model_validate_json(body).recent)
    assert carried.tobytes() == np.array(values).tobytes()


@pytest.mark.parametrize(
    "change",
    [
        {"quantities": [-1.0]},
        {"quantities": ["5"]},
        {"quantities": None},
        {"quantities": [True]},
        {"extra": 1},
        {"period": -1},
        {"period": 0.5},
        {"tool": "order.cancel"},
        {"version": "2"},
    ],
)
def test_a_request_outside_the_contract_is_a_protocol_error_without_effect(server, change):
    answer = order(server, **change)
    assert answer["is_error"]
    assert (answer["kind"], answer["code"]) == ("protocol", "invalid_request")
    assert server.take(0) == {}


@pytest.mark.parametrize("literal", [b"NaN", b"Infinity", b"1e400", b"-1e400"])
def test_numbers_that_are_not_finite_are_refused(server, literal):
    body = json.dumps(ORDER | {"quantities": [77.0]}).encode()
    answer = json.loads(server.handle(0.0, body.replace(b"77.0", literal)))
    assert answer["is_error"]
    assert server.take(0) == {}


def test_a_request_with_a_duplicate_key_has_no_effect(server):
    body = json.dumps(ORDER).encode()
    answer = json.loads(server.handle(0.0, body[:-1] + b',"quantities":[2.0]}'))
    assert (answer["kind"], answer["code"]) == ("protocol", "parse_error")
    assert server.take(0) == {}


def test_an_oversize_request_is_refused_before_it_is_parsed(server):
    answer = json.loads(server.handle(0.0, b"[" * 1_000_000))
    assert answer["code"] == "parse_error"


def test_an_agent_cannot_order_for_another_entity(server):
    assert order(server, entity="north")["code"] == "out_of_scope"
    assert order(server, entity="nowhere")["code"] == "unknown_entity"
    assert order(server, agent="replenish:nobody")["code"] == "out_of_scope"
    assert order(server, agent="dispatch:trucks", entity="trucks")["code"] == "out_of_scope"
    assert read(server, "demand.read", "replenish:dc", "north")["code"] == "out_of_scope"
    assert server.take(0) == {}


def test_a_quantity_beyond_any_sensible_order_is_a_tool_error(server):
    answer = order(server, quantities=[1e9])
    assert (answer["kind"], answer["code"]) == ("tool", "implausible")
    assert order(server, quantities=[1.0, 2.0])["code"] == "invalid_request"
    assert server.take(0) == {}


def test_a_write_echoes_key_and_accepted_quantities_and_counts_once(server):
    answer = order(server, quantities=[12.5])
    assert (answer["key"], answer["quantities"], answer["effective"]) == ("0/k", [12.5], 0)
    assert order(server, quantities=[12.5]) == answer
    assert {agent: wish.tolist() for agent, wish in server.take(0).items()} == {
        "replenish:dc": [12.5]
    }
    assert order(server, quantities=[12.5])["effective"] == 0
    server.inbox.open(1)
    assert server.inbox.take() == {}


def test_a_key_used_for_another_quantity_is_refused(server):
    order(server, quantities=[1.0])
    assert order(server, quantities=[2.0])["code"] == "duplicate_key"
    assert server.take(0)["replenish:dc"].tolist() == [1.0]


def test_a_key_must_carry_its_period_so_that_forgetting_old_keys_is_safe(server):
    assert order(server, key="1/k", period=0)["code"] == "invalid_request"


def test_a_late_order_counts_once_for_the_next_epoch(server):
    server.take(0)
    assert order(server)["effective"] == 1
    server.inbox.open(1)
    assert [p.key for p in (server.inbox.take(), server.inbox.taken)[1]] == ["0/k"]
    server.inbox.open(2)
    assert server.inbox.take() == {}


def test_a_newer_order_replaces_a_late_one_and_never_the_other_way_round(server):
    server.take(0)
    order(server, key="0/late")
    server.inbox.open(1)
    order(server, key="1/new", period=1, quantities=[7.0])
    assert order(server, key="0/later", period=0, quantities=[9.0])["code"] == "superseded"
    assert server.inbox.take()["replenish:dc"].tolist() == [7.0]


def test_an_order_for_a_world_that_is_gone_is_refused(server):
    server.take(0)
    server.inbox.open(3)
    assert order(server)["code"] == "expired"
    assert order(server, key="9/k", period=9)["code"] == "expired"


def test_keys_are_forgotten_only_once_they_can_no_longer_be_used():
    inbox = Inbox()
    request, wish = REQUESTS.validate_json(json.dumps(ORDER)), np.array([5.0])
    inbox.open(0)
    inbox.put(request, wish)
    taken = len(inbox.take())
    for t in range(1, 6):
        inbox.open(t)
        inbox.put(request, wish)
        taken += len(inbox.take())
    assert taken == 1
    assert len(inbox._keys) <= 2


def test_a_window_can_only_be_closed_while_it_is_open(server):
    with pytest.raises(ToolBoundaryError):
        server.take(3)
    server.take(0)
    with pytest.raises(ToolBoundaryError):
        server.take(0)


def test_the_quota_is_a_sliding_window_and_says_how_long_to_wait():
    quota = Quota(2)
    assert quota.wait_s(0.0) is None
    assert quota.wait_s(10 * SECOND) is None
    assert quota.wait_s(20 * SECOND) == pytest.approx(40.0)
    assert quota.wait_s(MINUTE_D) is None
    assert quota.wait_s(MINUTE_D + 1 * SECOND) == pytest.approx(9.0)


def test_beyond_the_quota_a_call_is_a_tool_error_with_retry_after(world):
    model = world.model.model_copy(
        update={"tools": world.model.tools.model_copy(update={"quota": 1})}
    )
    small = compile_world(model)
    engine = EventEngine(small, draw_path(small, 0))
    engine.advance()
    server = ToolServer(small, engine, agent_specs(small))
    server.open()
    read(server, "demand.read", "replenish:dc", "dc")
    answer = read(server, "demand.read", "replenish:dc", "dc")
    assert (answer["kind"], answer["code"]) == ("tool", "rate_limited")
    assert answer["retry_after_s"] == pytest.approx(60.0)


def test_error_answers_fit_their_own_model():
    answer = ErrorAnswer.model_validate_json(error_answer("c" * 2000, "t", "internal", "m" * 999))
    assert answer.kind == "tool"
    with pytest.raises(ValidationError):
        ErrorAnswer.model_validate_json(error_answer("c", "t", "no such code"))


def test_default_rule_stays_far_below_the_caps(world):
    from twin.tools.limits import order_caps

    level = default_rule(world).level[0]
    assert (order_caps(world) > 50 * level[world.destination]).all()
