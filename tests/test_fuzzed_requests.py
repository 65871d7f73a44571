"""The other way in: whatever an agent sends, over its pipe or to the server, is read or refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.outside.messages import wish_of
from tests.fuzz.answers import other_numbers, spliced, wrong_in_one_field
from tests.profiles import laws
from twin.engine.event import EventEngine
from twin.env.agents import agent_specs
from twin.errors import ToolBoundaryError
from twin.exogenous.path import draw_path
from twin.network.world import compile_world
from twin.scenario import load
from twin.tools.scope import WRITE_TOOL
from twin.tools.server import ToolServer

WORLD = compile_world(load("scenarios/quickstart.yaml", ("horizon=8 d",)).model)
SPECS = agent_specs(WORLD)
CAP = 4_096
PERIOD = 0


def sound(spec) -> bytes:
    """A request that an agent may make."""
    head = {"version": "1", "call": "c", "agent": spec.name, "entity": spec.entity}
    write = {"tool": WRITE_TOOL[spec.role], "period": PERIOD, "key": f"{PERIOD}/k"}
    lanes = len(spec.lanes)
    if spec.role == "dispatch":
        numbers = {"vehicles": [1.5] * lanes, "min_load": [0.0] * lanes}
    else:
        numbers = {"quantities": [1.5] * (lanes * spec.products)}
    return json.dumps(head | write | numbers, separators=(",", ":")).encode()


@st.composite
def requests(draw):
    """An agent, and a request of it that is damaged, wrong in one place, or noise."""
    spec = draw(st.sampled_from(SPECS))
    base = sound(spec)
    how = draw(st.sampled_from((spliced, wrong_in_one_field, other_numbers, None)))
    return spec, draw(st.binary(max_size=64)) if how is None else draw(how(base))


def server() -> ToolServer:
    engine = EventEngine(WORLD, draw_path(WORLD, 0))
    engine.advance()
    found = ToolServer(WORLD, engine, SPECS)
    found.open()
    return found


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_sound_request_is_a_wish_and_has_an_effect(spec) -> None:
    assert wish_of(spec, PERIOD, sound(spec), CAP) is not None
    tools = server()
    assert not json.loads(tools.handle(0.0, sound(spec)))["is_error"]
    assert set(tools.take(PERIOD)) == {spec.name}


@given(requests())
@laws(800)
def test_over_a_pipe_it_is_a_wish_of_its_agent_or_refused(found) -> None:
    spec, line = found
    try:
        wish = wish_of(spec, PERIOD, line, CAP)
    except ToolBoundaryError:
        return
    said = json.loads(line)
    if wish is None:
        assert said["type"] == "pass"
        return
    assert (said["agent"], said["period"], said["entity"]) == (spec.name, PERIOD, spec.entity)
    assert wish.shape == wish_of(spec, PERIOD, sound(spec), CAP).shape
    assert np.isfinite(wish).all()
    assert wish.min() >= 0


@given(st.lists(requests(), min_size=10, max_size=10))
@laws(60)
def test_at_the_server_it_is_answered_and_what_takes_effect_is_within_the_scope(found) -> None:
    tools = server()
    for _, body in found:
        answer = json.loads(tools.handle(0.0, body))
        assert answer["is_error"] in (True, False)
    for agent, wish in tools.take(PERIOD).items():
        assert np.isfinite(wish).all()
        assert wish.min() >= 0
        assert (wish <= tools.scope[agent].most).all()
