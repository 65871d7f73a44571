"""Laws of reading scenario files: what is read, what is refused, and what a person is told."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twin.errors import Problem, ScenarioError
from twin.scenario import (
    Scenario,
    dump_yaml,
    from_mapping,
    load,
    load_document,
    read_sources,
    render,
)
from twin.scenario.capacity import Capacity
from twin.scenario.files import MAX_YAML_BYTES
from twin.scenario.nodes import to_data
from twin.scenario.quantities import Model, PoissonDemand, TraceDemand
from twin.scenario.yaml12 import parse, resolve

BAD = Path(__file__).parent / "data" / "bad"
GOOD = """\
kind: scenario
name: small
horizon: 4 d
nodes:
  plant: {kind: supplier}
  dc: {kind: warehouse, stock: 300}
  north:
    kind: store
    demand: {model: poisson, mean: 20}
lanes:
  plant -> dc: {lead_time: 3 d}
  dc -> north: {lead_time: 1 d}
"""
quick = settings(
    max_examples=50,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def writer(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
        return path

    return writer


def problems_of(path: Path, *overrides: str) -> tuple[Problem, ...]:
    with pytest.raises(ScenarioError) as caught:
        load(path, overrides)
    return caught.value.problems


def told(problems: tuple[Problem, ...], folder: Path) -> list[str]:
    lines = (str(problem).removeprefix(f"{problem.file}:") for problem in problems)
    return [line.replace(str(folder), "<folder>") for line in lines]


def data(text: str) -> Any:
    parsed = parse(text, "text")
    assert parsed.root is not None
    assert not parsed.problems
    return to_data(parsed.root)


@pytest.mark.parametrize("name", sorted(path.stem for path in BAD.glob("*.yaml")))
def test_a_wrong_scenario_is_told_in_the_expected_words(name: str) -> None:
    problems = problems_of(BAD / f"{name}.yaml")
    expected = (BAD / f"{name}.expected").read_text(encoding="utf-8").splitlines()
    assert told(problems, BAD) == expected


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_problem_has_a_place_in_its_file_and_the_caret_stands_under_it(path: Path) -> None:
    problems = problems_of(path)
    sources = read_sources(problems)
    for problem in problems:
        assert problem.line >= 1
        assert problem.column >= 1
        shown = render([problem], sources).splitlines()
        if path.stem in ("binary", "not_utf8"):
            assert shown == [str(problem)]
            continue
        line = sources[problem.file].splitlines()[problem.line - 1]
        assert shown[1].endswith(line)
        assert len(shown[2]) - 8 == problem.column


def test_problems_are_sorted_by_place() -> None:
    places = [(p.line, p.column) for p in problems_of(BAD / "several_problems.yaml")]
    assert places == sorted(places)
    assert len(places) >= 4


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"), ("yes", "yes"), ("010", 10), ("1e3", 1000.0), ("10:30", "10:30"),
        ("0o17", 15), ("0x1F", 31), ("~", None), ("", None), ("Null", None), ("TRUE", True),
        ("1_000", "1_000"), (".5", 0.5), ("1.", 1.0), ("-.inf", float("-inf")), ("+12", 12),
        ("2024-01-01", "2024-01-01"), ("1 d", "1 d"), ("=", "="), ("0b1", "0b1"),
        ("\u0661", "\u0661"),
    ],
)  # fmt: skip
def test_plain_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


def test_keys_are_text_as_written_and_quotes_and_tags_decide_types() -> None:
    assert data("NO: 1\n10: 2\n~: 3\n") == {"NO": 1, "10": 2, "~": 3}
    assert data("a: '10'\nb: !!str 10\nc: !!int '7'\nd: &x [1]\ne: *x\n") == {
        "a": "10", "b": "10", "c": 7, "d": [1], "e": [1],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: [" * 500, 1, None, "nested deeper than 64 levels"),
        ("[" * 200_000, 1, 66, "nested deeper than 64 levels"),
        ("- " * 200_000, 1, 131, "nested deeper than 64 levels"),
        ("a: &a [*a]", 1, 8, "refers to the value it stands in"),
        ("a: *b", 1, 4, "has no anchor above it"),
        ("a: 1\n---\nb: 2\n", 2, 1, "a second document starts here"),
        ("# nothing\n", None, None, "the file is empty"),
        ("a:\n\t- b", 2, 1, "a tab cannot indent YAML"),
        ("a: @b", 1, 4, "a value cannot begin with '@'"),
        ("a: 'b\n", 1, 4, "the quote that opens here is never closed"),
        ("a: b: c", 1, 5, "a ':' that YAML does not expect here"),
        ("a: 1\n  b: 2", 2, 4, "a ':' that YAML does not expect here"),
        ("a: 1\nb: \x07", 2, 4, "U+0007"),
        ("a: 1\n" * 9_000, 202, 1, "too many problems to go on"),
        ("a: !!int x", 1, 4, "not of the type !!int"),
        ("- 1\n- 2", 1, 1, "got a list, expected a map"),
        ("just text", 1, 1, "got 'just text', expected a map"),
    ],
)
def test_what_is_not_one_bounded_yaml_map_is_refused_at_its_place(
    write: Write, text: str, line: int | None, column: int | None, words: str
) -> None:
    problems = problems_of(write("x.yaml", text))
    first = next((p for p in problems if words in p.message), None)
    assert first is not None, problems
    assert first.line == (line or first.line)
    assert first.column == (column or first.column)


def test_aliases_of_aliases_cannot_hide_depth(write: Write) -> None:
    rows = "".join(f"a{i}: &a{i} {'[' * 9}*a{i - 1}{']' * 9}\n" for i in range(1, 20))
    assert "deeper" in problems_of(write("x.yaml", f"a0: &a0 []\n{rows}"))[0].message


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(write: Write) -> None:
    windows = write("x.yaml", "\ufeff" + GOOD.replace("\n", "\r\n"))
    assert load(windows).digest == load(write("y.yaml", GOOD)).digest


def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path) -> None:
    big = tmp_path / "big.yaml"
    big.write_bytes(b"#" * (MAX_YAML_BYTES + 1))
    for path, words in (
        (tmp_path, "directory"), (tmp_path / "no.yaml", "no such file"), (big, "larger"),
        (Path("/dev/zero"), "regular"), (Path("a\0b"), "cannot be read"),
    ):  # fmt: skip
        (problem,) = problems_of(path)
        assert words in problem.message
        assert problem.line == 1


@quick
@given(st.lists(st.sampled_from([*GOOD, *"{}[]*&!|>'\"%@\t", "->", "1e999", GOOD]), max_size=40))
def test_no_text_does_anything_but_load_or_raise_a_scenario_error(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes("".join(parts).encode())
    try:
        load(path)
        problems: tuple[Problem, ...] = ()
    except ScenarioError as error:
        problems = error.problems
    assert all(problem.line >= 1 and problem.column >= 1 for problem in problems)
    render(problems, read_sources(problems))


# extends


def test_a_file_is_laid_over_the_one_it_extends(write: Write) -> None:
    write("base/base.yaml", GOOD)
    text = (
        "extends: base/base.yaml\nname: over\nlanes: {dc->north: {capacity: 9}}\n"
        "nodes: {dc: {stock: null}, north: {demand: {model: normal, mean: 5, sd: 1}}}\n"
    )
    scenario = load(write("over.yaml", text))
    model = scenario.model
    assert (model.name, model.nodes["dc"].stock) == ("over", 0.0)
    assert list(model.lanes) == ["plant -> dc", "dc -> north"]
    assert model.lanes["dc -> north"].capacity == Capacity(units=9)
    assert [Path(file.path).name for file in scenario.files] == ["over.yaml", "base.yaml"]


def test_a_problem_lies_in_the_file_its_value_came_from(write: Write) -> None:
    base = write("base.yaml", GOOD.replace("stock: 300", "stock: -3"))
    over = write("over.yaml", "extends: base.yaml\nnodes:\n  dc: {capacity: -1}\n")
    places = [(Path(p.file), p.line, p.column, p.path) for p in problems_of(over)]
    assert places == [
        (over, 3, 18, "nodes.dc.capacity"),
        (base, 6, 32, "nodes.dc.stock"),
    ]


def test_files_that_extend_each_other_are_refused(write: Write) -> None:
    write("a.yaml", "extends: b.yaml\n")
    (problem,) = problems_of(write("b.yaml", "extends: a.yaml\n"))
    assert "circle: b.yaml -> a.yaml -> b.yaml" in problem.message
    for index in range(12):
        write(f"c{index}.yaml", f"extends: c{index + 1}.yaml\n")
    assert "more than 8 files" in problems_of(write("c.yaml", "extends: c0.yaml\n"))[0].message
    assert "no file" in problems_of(write("d.yaml", "extends: e.yaml\n"))[0].message


# overrides


@pytest.mark.parametrize(
    ("override", "same_as"),
    [
        ("nodes.dc.stock=400", ("stock: 300", "stock: 400")),
        ("lanes.dc->north.lead_time=2 d", ("lead_time: 1 d", "lead_time: 2 d")),
        ("lanes.'dc -> north'.lead_time = 48 h", ("lead_time: 1 d", "lead_time: 2 d")),
        ('"nodes".dc={kind: factory}', ("{kind: warehouse, stock: 300}", "{kind: factory}")),
        ("nodes.north.demand.mean=3", ("mean: 20", "mean: 3")),
        ("nodes.north.demand.weekly=[1,1,1,1,1,1,0]",
         ("mean: 20", "mean: 20, weekly: [1,1,1,1,1,1,0]")),
        ("tools.retries.attempts=1", ("kind: scenario", "tools: {retries: {attempts: 1}}")),
        ("nodes.dc.stock=~", ("stock: 300", "stock: 0")),
    ],
)  # fmt: skip
def test_an_override_means_what_the_edited_file_means(
    write: Write, override: str, same_as: tuple[str, str]
) -> None:
    edited = write("edited.yaml", GOOD.replace(*same_as))
    assert load(write("x.yaml", GOOD), [override]).digest == load(edited).digest


@pytest.mark.parametrize(
    ("override", "column", "words"),
    [
        ("nodes.dcc.stock=4", 7, "there is no 'dcc' in nodes (did you mean 'dc'?)"),
        ("nodes.dc.stok=4", 10, "there is no 'stok' in nodes.dc (did you mean 'stock'?)"),
        ("lanes.dc->nort.share=1", 7, "(did you mean 'dc -> north'?)"),
        ("horizn=4", 1, "(did you mean 'horizon'?)"),
        ("nodes.north.demand.sd=4", 20, "there is no 'sd' in nodes.north.demand"),
        ("nodes.dc.stock.crate=4", 16, "300 has no parts"),
        ("nodes.dc.stock=-4", 16, "got -4, expected at least 0"),
        ("nodes.dc.stock=[4", 16, "not closed"),
        ("nodes.dc.stock", 10, "not an override"),
        ("=3", 1, "not an override"),
        ("a\nb=3", 1, "one line"),
    ],
)
def test_a_wrong_override_is_named_with_its_column(
    write: Write, override: str, column: int, words: str
) -> None:
    (problem,) = problems_of(write("x.yaml", GOOD), override)
    assert problem.file == f"--set {override}"
    assert (problem.line, problem.column) == (1, column)
    assert words in str(problem)
    assert override.split("\n")[0] in render([problem], {})


# meaning


def mapping(**changes: Any) -> dict[str, Any]:
    nodes = {
        "plant": {"kind": "supplier"},
        "dc": {"kind": "warehouse"},
        "north": {"kind": "store", "demand": {"model": "constant", "mean": 2}},
    }
    lanes: dict[str, Any] = {"plant -> dc": {}, "dc -> north": {}}
    return {"name": "m", "horizon": 4, "nodes": nodes, "lanes": lanes, **changes}


def complaints(scenario: Mapping[str, object]) -> str:
    with pytest.raises(ScenarioError) as caught:
        from_mapping(scenario)
    return str(caught.value)


def test_a_wrong_value_does_not_hide_what_is_wrong_elsewhere() -> None:
    scenario = mapping(horizon="4.5 d", fleets={"vans": 3}, agents={"replenish": ["dc", "norht"]})
    scenario["nodes"]["dc"]["capacity"] = -1
    scenario["lanes"]["dc -> nroth"] = {"fleet": "vans"}
    text = complaints(scenario)
    for words in ("capacity: got -1", "unknown node 'nroth'", "unknown node 'norht'",
                  "whole number of periods", "fleets.vans: got 3"):  # fmt: skip
        assert words in text
    assert "unknown node 'dc'" not in text
    assert "unknown fleet" not in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"horizon": 20_000}, "expected at most 10,000"),
        ({"period": 3}, "whole number of periods of 3 d"),
        ({"nodes": {"a": {"kind": "warehouse"}}, "lanes": {}}, "nothing to simulate"),
        ({"agents": {"replenish": ["plant"]}}, "no lane leads to 'plant'"),
        ({"lanes": {"plant -> dc": {}, "plant -> north": {"share": 0.5}, "dc -> north": {}}},
         "shares are given for only some lanes into 'north'"),
        ({"lanes": {"plant -> dc": {"price": {"x": 1}}, "dc -> north": {}}}, "unknown product 'x'"),
        ({"nodes": {"a": {"kind": "supplier", "demand": {"model": "constant", "mean": 1}}},
          "lanes": {}}, "customers' demand at a supplier"),
    ],
)  # fmt: skip
def test_nonsense_in_valid_types_is_refused(changes: dict[str, Any], words: str) -> None:
    assert words in complaints(mapping(**changes))


def test_a_thousand_mistakes_are_listed_within_bounds() -> None:
    with pytest.raises(ScenarioError) as caught:
        from_mapping(mapping(nodes={f"n{i}": {} for i in range(2_000)}))
    assert len(caught.value.problems) == 251
    assert "more problems" in caught.value.problems[-1].message


def test_python_data_that_contains_itself_is_refused() -> None:
    scenario = mapping()
    scenario["nodes"]["dc"]["stock"] = scenario
    assert "nested deeper" in complaints(scenario)


def test_spaces_around_the_arrow_do_not_change_a_scenario() -> None:
    loose = from_mapping(mapping(lanes={"plant->dc": {}, " dc  ->  north ": {}}))
    assert loose.digest == from_mapping(mapping()).digest


# traces


def traced(write: Write, csv: str, extra: str = "") -> Path:
    write("demand.csv", csv)
    model = f"{{model: trace, file: demand.csv{extra}}}"
    return write("traced.yaml", GOOD.replace("{model: poisson, mean: 20}", model))


def test_a_trace_fills_in_its_values_and_is_part_of_the_digest(write: Write) -> None:
    first = load(traced(write, "day,units\n1,5\n2,6.5\n3,0\n4,1e1\n"))
    demand = first.model.nodes["north"].demand
    assert isinstance(demand, TraceDemand)
    assert demand.values == (5.0, 6.5, 0.0, 10.0)
    assert [Path(file.path).name for file in first.files] == ["traced.yaml", "demand.csv"]
    again = write("again/dump.yaml", dump_yaml(first))
    assert load(again).digest == first.digest
    changed = load(traced(write, "day,units\n1,5\n2,6.5\n3,0\n4,11\n"))
    assert changed.digest != first.digest


@pytest.mark.parametrize(
    ("csv", "extra", "place", "words"),
    [
        ("day,unit\n1,5\n", "", (1, 1), "'units' is missing (did you mean 'unit'?)"),
        ("day;units\n1;5\n", "", (1, 1), "separate the columns with commas"),
        ("units,units\n1,5\n", "", (1, 1), "there more than once"),
        ("day,units\n\n1,5\n2,x\n3,-1\n4,1\n", "", (4, 3), "got 'x', expected a number"),
        ("day,units\n1,5\n2,\n3,1\n4,1\n", "", (3, 3), "the number is missing"),
        ("day,units\n1\n", "", (2, 3), "the number is missing"),
        ("day,units\n1,nan\n", "", (2, 3), "got 'nan', expected a number"),
        ("day,units\n1,5\n2,6\n", "", (3, 1), "got 2 rows, expected at least 4"),
        ("day,units\n", ", wrap: true", (1, 1), "got 0 rows, expected at least 1"),
        ("", "", (1, 1), "the trace is empty"),
        ('day,units\n1,"5\n', "", (2, 1), "bad CSV"),
    ],
)
def test_a_problem_of_a_trace_lies_in_the_csv_file(
    write: Write, csv: str, extra: str, place: tuple[int, int], words: str
) -> None:
    problem = problems_of(traced(write, csv, extra))[0]
    assert Path(problem.file).name == "demand.csv"
    assert (problem.line, problem.column) == place
    assert words in str(problem)


def test_a_short_trace_may_start_over(write: Write) -> None:
    assert load(traced(write, "units\n5\n", ", wrap: true")).model.nodes["north"].demand


def test_a_trace_is_looked_up_beside_the_file_that_names_it(write: Write) -> None:
    write("base/demand.csv", "units\n1\n2\n3\n4\n")
    model = "{model: trace, file: demand.csv}"
    write("base/base.yaml", GOOD.replace("{model: poisson, mean: 20}", model))
    assert load(write("over.yaml", "extends: base/base.yaml\n")).model.nodes["north"].demand


# the digest, and other kinds of file

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


@quick
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


class Suite(Model):
    """A document of another kind."""

    kind: Literal["suite"]
    share: int | Literal["all"] = "all"
    cases: tuple[PoissonDemand | list[int], ...] = ()


def test_other_kinds_of_file_are_read_by_the_same_rules(write: Write) -> None:
    path = write("suite.yaml", "kind: suite\ncases: [[1], {model: poisson, mean: 2}]\n")
    suite, files = load_document(path, Suite, ["share=3"])
    assert (suite.share, len(suite.cases), len(files)) == (3, 2, 1)
    path = write("bad.yaml", "kind: suit\nshare: most\ncases:\n- {model: poisson, mean: -2}\n- 7\n")
    with pytest.raises(ScenarioError) as caught:
        load_document(path, Suite)
    assert told(caught.value.problems, path.parent) == [
        "1:7: kind: got 'suit', expected suite (did you mean 'suite'?)",
        "2:8: share: got 'most', expected a whole number or all",
        "4:26: cases[0].mean: got -2, expected at least 0",
        "5:3: cases[1]: got 7, expected a map or a list",
    ]


def test_loading_a_scenario_does_not_load_slow_libraries(write: Write) -> None:
    code = (
        "import sys; from twin.scenario import load; load(sys.argv[1]); "
        "print({'networkx', 'numpy', 'torch'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(write("x.yaml", GOOD))]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "set()"
