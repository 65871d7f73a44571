"""Laws of the digest: it is of the content, and a dumped scenario keeps it."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.profiles import laws
from tests.scenario_files import BAD, GOOD, Write, mapping
from twin.errors import ScenarioError
from twin.scenario import Scenario, dump_yaml, from_mapping, load


def test_spaces_around_the_arrow_do_not_change_a_scenario() -> None:
    loose = from_mapping(mapping(lanes={"plant->dc": {}, " dc  ->  north ": {}}))
    assert loose.digest == from_mapping(mapping()).digest


names = st.one_of(
    st.sampled_from(["NO", "yes", "1e3", "010", "~", "0x1F", "a.b", "é", "- a", "a: b", "#", "{"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=">"), min_size=1)
    .map(lambda text: text.strip()[:20].strip())
    .filter(lambda text: text and not text.endswith("-")),
)
amounts = st.floats(0, 1e12)
demand_models = st.one_of(
    st.fixed_dictionaries({"model": st.just("poisson"), "mean": amounts}),
    st.fixed_dictionaries({"model": st.just("normal"), "mean": amounts, "sd": amounts}),
    st.fixed_dictionaries(
        {"model": st.just("constant"), "mean": amounts},
        optional={"weekly": st.lists(amounts, min_size=7, max_size=7)},
    ),
)
times = st.one_of(
    st.floats(0, 9), st.just("36 h"), st.just({"model": "gamma", "mean": "2 d", "cv": 0.3})
)


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    own, product = draw(st.lists(names, min_size=3, max_size=6, unique=True)), draw(names)
    nodes: dict[str, Any] = {own[0]: {"kind": "supplier"}}
    lanes: dict[str, Any] = {}
    for index, name in enumerate(own[1:], start=1):
        demand = draw(
            st.one_of(st.none(), demand_models, demand_models.map(lambda d: {product: d}))
        )
        stock = draw(st.one_of(amounts, st.just(-0.0), amounts.map(lambda a: {product: a})))
        nodes[name] = {"kind": "store", "stock": stock, "demand": demand}
        source = own[draw(st.integers(0, index - 1))]
        lanes[f"{source} -> {name}"] = {"lead_time": draw(times), "price": draw(amounts)}
    return {
        "name": draw(names),
        "description": draw(st.text(max_size=30)),
        "horizon": draw(st.integers(1, 10_000)),
        "integral": draw(st.booleans()),
        "products": {product: {"weight": "2 t"}},
        "nodes": nodes,
        "lanes": lanes,
    }


@laws(50)
@given(networks())
def test_the_dump_of_a_scenario_loads_to_the_same_digest(
    tmp_path_factory: pytest.TempPathFactory, network: dict[str, Any]
) -> None:
    scenario = from_mapping(network)
    path = tmp_path_factory.getbasetemp() / "dump.yaml"
    path.write_bytes(dump_yaml(scenario).encode())
    again = load(path)
    assert again.model == scenario.model
    assert again.digest == scenario.digest


def test_the_digest_is_of_the_content(write: Write) -> None:
    first = load(write("a.yaml", GOOD))
    assert load(write("b.yaml", "# a comment\n" + GOOD)).digest == first.digest
    swapped = GOOD.replace("  dc: {kind: warehouse, stock: 300}\n", "").replace(
        "lanes:\n", "  dc: {kind: warehouse, stock: 300}\nlanes:\n"
    )
    assert load(write("c.yaml", swapped)).digest != first.digest


def test_a_scenario_and_its_errors_pickle(write: Write) -> None:
    scenario = load(write("x.yaml", GOOD))
    copy = pickle.loads(pickle.dumps(scenario))
    assert isinstance(copy, Scenario)
    assert (copy, copy.name) == (scenario, "small")
    with pytest.raises(ScenarioError) as caught:
        load(BAD / "cycle.yaml")
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems
