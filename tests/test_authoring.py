"""Help for authors: explain, diff, the picture of a network, values from the environment."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import twin
from twin.cli import run
from twin.commands import TEMPLATES
from twin.errors import ScenarioError, UsageError
from twin.network.layout import layered
from twin.network.svg import network_svg
from twin.network.world import compile_world
from twin.scenario import from_mapping, load
from twin.scenario.difference import difference
from twin.scenario.guide import explain_field
from twin.scenario.model import ScenarioModel
from twin.scenario.sweep import Sweep, load_sweep, load_variant, variants

ROOT = Path(__file__).parent.parent
SWEEP = ROOT / "scenarios" / "sweeps" / "quickstart_trucks.yaml"
QUICKSTART = ROOT / "scenarios" / "quickstart.yaml"
SMALL = """\
kind: scenario
name: small
horizon: 5 d
nodes:
  plant: {kind: supplier}
  shop:  {kind: store, stock: 3, demand: {model: trace, file: sales.csv}}
lanes:
  plant -> shop: {lead_time: 1 d}
"""


def words(*overrides):
    return [c.words for c in difference(load(QUICKSTART), load(QUICKSTART, overrides))]


def written(folder, name, text, rows=(1, 2, 3, 4, 5)):
    folder.mkdir(exist_ok=True)
    (folder / "sales.csv").write_text("units\n" + "".join(f"{row}\n" for row in rows))
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_a_scenario_does_not_differ_from_itself(capsys):
    assert words() == []
    assert run(["diff", str(QUICKSTART), str(QUICKSTART)]) == 0
    assert "no difference" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("nodes.dc.stock=400", "nodes.dc.stock: 300 -> 400"),
        ("lanes.dc->north.lead_time=36 h", "lanes.dc -> north.lead_time: 1 d -> 1.5 d"),
        ("nodes.dc.capacity=null", "nodes.dc.capacity: 1500 -> none"),
        ("tools.retries.budget=0.2", "tools.retries.budget: 10 % -> 20 %"),
        (
            "lanes.dc->north.lead_time={model: gamma, mean: 2 d, cv: 0.5}",
            "lanes.dc -> north.lead_time: 1 d -> {model: gamma, mean: 2 d, cv: 0.5}",
        ),
    ],
)
def test_a_changed_field_is_said_in_words(override, said):
    assert words(override) == [said]


def test_added_and_removed_entries_and_changed_order_are_said():
    nodes = {"a": {"kind": "supplier"}, "b": {"kind": "warehouse"}, "c": {"kind": "warehouse"}}
    base = {"name": "x", "horizon": 1, "lanes": {"a -> b": {}, "a -> c": {}}}
    before = from_mapping({**base, "nodes": nodes})
    after = from_mapping({**base, "nodes": dict(reversed(nodes.items()))})
    fewer = from_mapping({**base, "nodes": nodes, "lanes": {"a -> b": {}}})
    assert [c.words for c in difference(before, after)] == ["the order of nodes changed"]
    assert [c.words for c in difference(before, fewer)] == ["lane a -> c removed"]
    more = from_mapping({**base, "nodes": {**nodes, "d": {"kind": "factory", "capacity": 4}}})
    said = ["node d added: {kind: factory, capacity: 4}"]
    assert [c.words for c in difference(before, more)] == said


def test_a_data_file_with_other_content_is_named(tmp_path):
    before = load(written(tmp_path / "a", "s.yaml", SMALL))
    after = load(written(tmp_path / "b", "s.yaml", SMALL, rows=(1, 2, 9, 4, 5)))
    (change,) = difference(before, after)
    assert change.words.startswith("shop's demand file sales.csv changed (sha256 ")
    assert "1 of 5 rows differ, the first is row 3" in change.words
    assert change.kind == "file"
    assert change.before != change.after
    assert change.after == {file.sha256 for file in after.files if "sales" in file.path}.pop()


def test_differences_are_told_as_json_too(capsys):
    assert run(["diff", str(QUICKSTART), str(QUICKSTART), "--set", "name=b", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert not told["same"]
    assert told["changes"][0]["path"] == "name"


def test_an_explanation_has_unit_bounds_default_and_example():
    (told,) = explain_field(ScenarioModel, "tools.retries.base")
    assert told.default == "200 ms"
    assert told.bounds == "more than 0, at most 36500"
    assert told.unit.endswith("(bare: d)")
    assert told.meaning
    assert told.example


def test_names_and_the_star_explain_the_same():
    star = explain_field(ScenarioModel, "lanes.*.capacity")
    assert explain_field(ScenarioModel, "lanes.dc -> north.capacity") == star
    assert explain_field(ScenarioModel, "fleets.trucks.round_trip")[0].parts


def test_a_bare_name_is_looked_up_everywhere():
    told = explain_field(ScenarioModel, "holding")
    assert {one.path for one in told} >= {"nodes.*.holding", "lanes.*.holding"}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("nodes.dc.capcity", "nodes.dc.capacity"),
        ("nodes.*.demand.maen", "nodes.*.demand.mean"),
        ("horizn", "horizon"),
        ("vehicels", "fleets.*.vehicles"),
    ],
)
def test_a_misspelt_field_gets_a_suggestion(typed, meant):
    with pytest.raises(UsageError) as caught:
        explain_field(ScenarioModel, typed)
    assert meant in caught.value.fix


@pytest.mark.parametrize("kind", ["scenario", "sweep", "stress", "gate", "training"])
def test_every_field_can_be_explained(kind, capsys):
    assert run(["explain", "--kind", kind, "--json"]) == 0
    for name in json.loads(capsys.readouterr().out):
        assert run(["explain", name, "--kind", kind]) == 0
        assert "default" in capsys.readouterr().out


def test_a_picture_shows_every_node_and_lane_and_is_always_the_same():
    model = load(QUICKSTART).model
    text = network_svg(model, compile_world(model))
    assert text == network_svg(model, compile_world(model))
    drawn = "".join(ET.fromstring(text).itertext())
    assert all(name in drawn for name in model.nodes)
    assert all(f"{lane}: lead time" in drawn for lane in model.lanes)


def test_a_network_too_large_to_draw_is_refused():
    chain = [(place, place + 1) for place in range(99)]
    skipping = [(0, 99)] * 60
    with pytest.raises(UsageError, match="too large to draw"):
        layered(100, [*chain, *skipping])


def test_names_are_escaped_in_a_picture():
    name = 'a"<script&\u00e9'
    nodes = {name: {"kind": "supplier"}, "b": {"kind": "warehouse"}}
    model = from_mapping(
        {"name": "<x&y", "horizon": 1, "nodes": nodes, "lanes": {f"{name} -> b": {}}}
    ).model
    root = ET.fromstring(network_svg(model, compile_world(model)))
    assert name in "".join(root.itertext())


def test_a_picture_goes_to_a_file_or_to_stdout(tmp_path, capsys):
    assert run(["show", str(QUICKSTART), "--graph", "-"]) == 0
    shown = capsys.readouterr().out
    assert run(["show", str(QUICKSTART), "--graph", str(tmp_path / "n.svg")]) == 0
    assert (tmp_path / "n.svg").read_text(encoding="utf-8") == shown
    assert run(["show", str(QUICKSTART), "--graph", str(tmp_path / "no" / "n.svg")]) == 2


def with_stock(tmp_path, text):
    return written(tmp_path, "env.yaml", SMALL.replace("stock: 3", f'stock: "{text}"'))


def test_an_unset_variable_takes_its_default_and_a_set_one_wins(tmp_path, monkeypatch):
    path = with_stock(tmp_path, "${TWIN_STOCK:-12}")
    monkeypatch.delenv("TWIN_STOCK", raising=False)
    assert load(path).model.nodes["shop"].stock == 12
    monkeypatch.setenv("TWIN_STOCK", "7.5")
    assert load(path).model.nodes["shop"].stock == 7.5
    monkeypatch.setenv("TWIN_STOCK", "")
    assert load(path).model.nodes["shop"].stock == 12


def test_inside_text_a_variable_stays_text(tmp_path, monkeypatch):
    monkeypatch.setenv("TWIN_DAYS", "2")
    text = SMALL.replace("1 d}", "'${TWIN_DAYS} d'}").replace("name: small", "name: a$${b}")
    scenario = load(written(tmp_path, "env.yaml", text))
    assert scenario.model.lanes["plant -> shop"].lead_time.value == 2.0
    assert scenario.name == "a${b}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${TWIN_NOT_SET}", "the environment variable TWIN_NOT_SET is not set"),
        ("${TWIN-NOT}", "no reference that can be read"),
        ("${A:-${B}}", "no reference that can be read"),
        ("${TWIN_LONG}", "is not one line of at most 1,000 characters"),
        ("${TWIN_LINES}", "is not one line of at most 1,000 characters"),
    ],
)
def test_a_reference_that_cannot_be_filled_is_a_problem_with_its_place(
    text, message, tmp_path, monkeypatch
):
    monkeypatch.setenv("TWIN_LONG", "x" * 1001)
    monkeypatch.setenv("TWIN_LINES", "a\nb")
    with pytest.raises(ScenarioError) as caught:
        load(with_stock(tmp_path, text))
    problem = caught.value.problems[0]
    assert message in problem.message
    assert (problem.line, problem.column) == (6, 31)


def test_what_a_variable_holds_is_not_looked_at_again(tmp_path, monkeypatch):
    monkeypatch.setenv("TWIN_NAME", "${HOME}")
    path = written(tmp_path, "env.yaml", SMALL.replace("small", "${TWIN_NAME}"))
    assert load(path).name == "${HOME}"


def test_a_sweep_combines_excludes_and_includes_in_order():
    found = [variant.overrides for variant in variants(load_sweep(SWEEP))]
    assert len(found) == 3 * 2 - 1 + 1
    assert found[0] == ("fleets.trucks.vehicles=6", "nodes.dc.stock=200")
    assert ("fleets.trucks.vehicles=10", "nodes.dc.stock=200") not in found
    assert found[-1] == ("fleets.trucks.vehicles=16",)


def test_a_variant_is_the_scenario_with_its_overrides():
    sweep = load_sweep(SWEEP)
    last = load_variant(sweep, SWEEP, variants(sweep)[-1])
    assert last.model.fleets["trucks"].vehicles == 16
    assert last.name == "quickstart-trucks-6"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"matrix": {"a": [*range(20)], "b": [*range(20)]}}, "got 401 variants"),
        ({"matrix": {}, "include": []}, "a sweep needs a matrix"),
        ({"exclude": [{"c": 1}]}, "has to name paths of the matrix"),
        ({"matrix": {"a": []}}, "at least 1"),
    ],
)
def test_a_sweep_has_a_cap_and_means_something(change, message):
    data = {"kind": "sweep", "name": "s", "scenario": "x.yaml", "include": [{"a": 1}]}
    with pytest.raises(ValueError, match=message):
        Sweep.model_validate({**data, "matrix": {"a": [1]}, **change})


def test_the_variants_of_a_sweep_are_written_as_scenarios(tmp_path, capsys):
    assert run(["sweep", str(SWEEP), "--out", str(tmp_path / "all"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    files = sorted((tmp_path / "all").iterdir())
    assert [load(file).digest for file in files] == [row["digest"] for row in told]


def test_a_wrong_path_in_a_sweep_is_a_problem(tmp_path, capsys):
    text = SWEEP.read_text().replace("nodes.dc.stock:", "nodes.dc.stok:")
    wrong = text.replace("../quickstart.yaml", str(QUICKSTART))
    (tmp_path / "s.yaml").write_text(wrong)
    assert run(["sweep", str(tmp_path / "s.yaml"), "--out", str(tmp_path / "all")]) == 3
    assert "did you mean 'stock'" in capsys.readouterr().err
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_is_a_scenario_that_runs(template, tmp_path):
    file = tmp_path / "my network.yaml"
    assert run(["new", str(file), "--template", template]) == 0
    scenario = load(file)
    assert scenario.name == "my network"
    ledger = twin.simulate(scenario, seed=1)
    assert 0.5 < ledger.sold.sum() / ledger.demand.sum() <= 1.0
