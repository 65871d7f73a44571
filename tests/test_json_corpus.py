"""JSONTestSuite (MIT, tests/data/json) through the answer path of every tool.

``y_`` is valid JSON, ``n_`` is not, ``i_`` may be either. None is an answer, so none may pass.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from agents.gateway.plausible import Bounds
from agents.gateway.schema import AnswerCheck, Label
from twin.engine.event import EventEngine
from twin.env.agents import agent_specs
from twin.errors import ToolBoundaryError
from twin.exogenous.path import draw_path
from twin.network.world import compile_world
from twin.scenario import load
from twin.tools.catalogue import CATALOGUE
from twin.tools.server import ToolServer
from twin.tools.wire import sealed

CORPUS = sorted((Path(__file__).parent / "data" / "json").glob("*.json"))
NOT_JSON = {Label.MALFORMED_JSON, Label.NOT_UTF8, Label.DUPLICATE_KEY, Label.OVERSIZE}
NAMES = [path.name for path in CORPUS]


def check_of(tool):
    return AnswerCheck.of(tool, "dc", (Bounds(1, 1e6),) * len(CATALOGUE[tool].fields))


def label_of(tool, body):
    """The label of an answer's failure, or None when it passes."""
    try:
        if CATALOGUE[tool].risk == "read":
            check_of(tool).read(body, "c", 0)
        else:
            check_of(tool).write(body, "c", 0, "0/k", [1.0] * len(CATALOGUE[tool].fields))
    except ToolBoundaryError as error:
        return Label(error.label)
    return None


def sound(tool):
    """A good answer of a tool, as text; its numbers are 1.0."""
    spec = CATALOGUE[tool]
    head = {"version": "1", "call": "c", "tool": tool, "entity": "dc", "unit": spec.unit}
    rest = {"as_of": 0, "is_error": False} | {name: [1.0] for name in spec.fields}
    write = {"key": "0/k", "effective": 0} if spec.risk == "write" else {}
    return json.dumps(head | rest | write)


def resealed(text):
    """The bytes of an answer as its sender would have sealed them."""
    return sealed(text if isinstance(text, bytes) else text.encode())


def test_the_corpus_is_there():
    assert {name[:2] for name in NAMES} == {"y_", "n_", "i_"}
    assert len(NAMES) > 200


@pytest.mark.parametrize("tool", CATALOGUE)
def test_a_sound_answer_passes(tool):
    assert label_of(tool, resealed(sound(tool))) is None


@pytest.mark.parametrize("path", CORPUS, ids=NAMES)
def test_no_corpus_file_passes_for_an_answer_and_each_gets_one_label(path):
    labels = {label_of(tool, path.read_bytes()) for tool in CATALOGUE}
    assert len(labels) == 1
    label = labels.pop()
    assert label is not None
    if path.name.startswith("n_"):
        assert label in NOT_JSON
    # A duplicate key is valid JSON to the suite, an ambiguity to us.
    if path.name.startswith("y_"):
        assert label in {Label.SCHEMA, Label.DUPLICATE_KEY}


@pytest.mark.parametrize("path", CORPUS, ids=NAMES)
def test_a_corpus_file_in_the_place_of_a_number_passes_only_as_that_number(path):
    for tool in CATALOGUE:
        changed = sound(tool).encode().replace(b"[1.0]", b"[" + path.read_bytes() + b"]", 1)
        body = resealed(changed)
        label = label_of(tool, body)
        if path.name.startswith("n_"):
            assert label is not None
        if label is None:
            assert type(json.loads(path.read_bytes())) in (int, float)
            assert CATALOGUE[tool].risk == "read"


def test_no_corpus_file_sent_as_a_request_has_an_effect():
    world = compile_world(load("scenarios/quickstart.yaml").model)
    engine = EventEngine(world, draw_path(world, 0))
    engine.advance()
    server = ToolServer(world, engine, agent_specs(world))
    server.open()
    for path in CORPUS:
        answer = json.loads(server.handle(0.0, path.read_bytes()))
        assert answer["is_error"]
        assert answer["kind"] == "protocol"
    assert server.take(0) == {}


def test_a_hidden_number_cannot_be_smuggled_past_the_guard_by_key_order():
    tool = "demand.read"
    for extra in ('"recent":[2.0]', '"as_of":0', '"is_error":false'):
        body = f"{sound(tool)[:-1]},{extra}}}".encode()
        assert label_of(tool, body) is Label.DUPLICATE_KEY


def test_numbers_that_pass_are_the_numbers_that_were_sent():
    numbers = check_of("inventory.read").read(resealed(sound("inventory.read")), "c", 0)
    assert np.array_equal(numbers, [1.0, 1.0])
