"""The JSON Schemas: as committed, true of every shipped file, and as strict as the models."""

import json
import re
from pathlib import Path

import pytest

from twin.cli import run
from twin.scenario.nodes import to_data
from twin.scenario.schema import KINDS, model_of, schema, schema_text
from twin.scenario.yaml12 import parse

ROOT = Path(__file__).parent.parent
SCENARIOS = ROOT / "scenarios"
FOLDER = SCENARIOS / "schema"
SHIPPED = sorted(SCENARIOS.rglob("*.yaml"))
MODELINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")
SCHEMAS = {kind: schema(model_of(kind)) for kind in KINDS}
TYPES = {
    "null": type(None),
    "boolean": bool,
    "string": str,
    "array": list,
    "object": dict,
    "number": (int, float),
    "integer": int,
}
SAYS_NOTHING = {"$schema", "title", "description", "default", "examples", "definitions"}


def valid(value, fragment, root):
    """Just enough of draft-07; an unknown keyword is an error."""
    return all(holds(word, arg, value, fragment, root) for word, arg in fragment.items())


def holds(word, arg, value, fragment, root):
    if word in SAYS_NOTHING or word in ("then", "else"):
        return True
    if word == "$ref":
        return valid(value, root["definitions"][arg.removeprefix("#/definitions/")], root)
    if word in ("allOf", "anyOf"):
        return (all if word == "allOf" else any)(valid(value, part, root) for part in arg)
    if word == "if":
        return valid(value, fragment["then" if valid(value, arg, root) else "else"], root)
    if word == "enum":
        return value in arg
    if word == "type":
        return any(is_type(value, name) for name in ([arg] if isinstance(arg, str) else arg))
    return RULES[word](arg, value, fragment, root)


def is_type(value, name):
    whole = not isinstance(value, bool) or name == "boolean"
    return isinstance(value, TYPES[name]) and whole


def for_type(name, law):
    return lambda arg, value, *rest: not is_type(value, name) or law(arg, value, *rest)


def extra(arg, value, fragment, root):
    others = [part for key, part in value.items() if key not in fragment.get("properties", {})]
    return not others if arg is False else all(valid(part, arg, root) for part in others)


def known(arg, value, fragment, root):
    return all(valid(value[key], part, root) for key, part in arg.items() if key in value)


RULES = {
    "minimum": for_type("number", lambda arg, value, *_: value >= arg),
    "maximum": for_type("number", lambda arg, value, *_: value <= arg),
    "exclusiveMinimum": for_type("number", lambda arg, value, *_: value > arg),
    "exclusiveMaximum": for_type("number", lambda arg, value, *_: value < arg),
    "minLength": for_type("string", lambda arg, value, *_: len(value) >= arg),
    "maxLength": for_type("string", lambda arg, value, *_: len(value) <= arg),
    "pattern": for_type("string", lambda arg, value, *_: re.search(arg, value) is not None),
    "minItems": for_type("array", lambda arg, value, *_: len(value) >= arg),
    "maxItems": for_type("array", lambda arg, value, *_: len(value) <= arg),
    "items": for_type("array", lambda arg, value, _, root: all(valid(v, arg, root) for v in value)),
    "minProperties": for_type("object", lambda arg, value, *_: len(value) >= arg),
    "maxProperties": for_type("object", lambda arg, value, *_: len(value) <= arg),
    "required": for_type("object", lambda arg, value, *_: set(arg) <= set(value)),
    "propertyNames": for_type(
        "object", lambda arg, value, _, root: all(valid(key, arg, root) for key in value)
    ),
    "properties": for_type("object", known),
    "additionalProperties": for_type("object", extra),
}


def read(path):
    parsed = parse(path.read_text(encoding="utf-8"), str(path))
    assert not parsed.problems
    return to_data(parsed.root)


def accepts(kind, data):
    return valid(data, SCHEMAS[kind], SCHEMAS[kind])


def quickstart():
    return read(SCENARIOS / "quickstart.yaml")


@pytest.mark.parametrize("kind", KINDS)
def test_the_committed_schema_is_the_one_the_models_give(kind):
    committed = (FOLDER / f"{kind}.schema.json").read_text(encoding="utf-8")
    assert committed == schema_text(kind), "run: twin schema --out scenarios/schema"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_file_names_its_schema_and_fits_it(path):
    match = MODELINE.match(path.read_text(encoding="utf-8"))
    assert match, "its first line must be '# yaml-language-server: $schema=...'"
    data = read(path)
    kind = data.get("kind", "scenario")
    assert (path.parent / match[1]).resolve() == FOLDER / f"{kind}.schema.json"
    assert accepts(kind, data)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_described_and_its_default_and_examples_fit(kind):
    root = SCHEMAS[kind]
    for name, definition in root["definitions"].items():
        assert definition["description"], name
        for key, field in definition["properties"].items():
            assert field["description"], f"{name}.{key}"
            shown = [
                *field.get("examples", []),
                *([field["default"]] if "default" in field else []),
            ]
            assert all(valid(value, field, root) for value in shown), f"{name}.{key}: {shown}"


@pytest.mark.parametrize("kind", KINDS)
def test_only_draft_07_is_spoken_and_references_stand_alone(kind):
    def walk(part):
        if isinstance(part, dict):
            assert not {"$defs", "const", "discriminator", "oneOf", "prefixItems"} & set(part)
            assert "$ref" not in part or set(part) == {"$ref"}
            for below in part.values():
                walk(below)
        elif isinstance(part, list):
            for below in part:
                walk(below)

    walk(SCHEMAS[kind])
    assert SCHEMAS[kind]["$schema"].endswith("draft-07/schema#")


@pytest.mark.parametrize(
    "lead_time",
    ["36 h", 2, 1.5, "${LEAD:-3} d", {"model": "gamma", "mean": "2 d", "cv": 0.4}],
)
def test_shorthand_is_accepted(lead_time):
    data = quickstart()
    data["lanes"]["dc -> north"]["lead_time"] = lead_time
    assert accepts("scenario", data)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("horizon", "120 zz"),
        ("horizon", -1),
        ("currency", "euro"),
        ("horizn", "120 d"),
        ("convention", "other"),
        ("nodes", {}),
        ("nodes", {"dc": {"kind": "warehouse", "stok": 3}}),
        ("nodes", {"dc": {"stock": 3}}),
        ("lanes", {"a -> b": {"lead_time": "3 kg"}}),
        ("lanes", {"a -> b": {"capacity": None, "share": 2}}),
        ("integral", 1),
    ],
)
def test_what_the_models_refuse_the_schema_refuses(field, value):
    data = quickstart()
    assert accepts("scenario", data)
    assert not accepts("scenario", {**data, field: value})


def test_a_file_that_extends_another_may_leave_out_and_remove():
    part = {"extends": "base.yaml", "nodes": {"dc": {"stock": 4}, "north": None}}
    assert accepts("scenario", part)
    assert not accepts("scenario", {**part, "nodes": {"dc": {"stok": 4}}})
    assert not accepts("scenario", {"nodes": {"dc": {"stock": 4}}})


def test_faults_are_completed_by_name():
    suite = read(SCENARIOS / "stress" / "standard.yaml")
    assert accepts("stress", suite)
    assert not accepts("stress", {**suite, "faults": {"tool.malformd": {}}})


def test_schemas_are_written_where_they_are_asked_for(tmp_path, capsys):
    assert run(["schema", "gate"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "GateModel"
    assert run(["schema", "--out", str(tmp_path / "new")]) == 0
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == sorted(
        f"{kind}.schema.json" for kind in KINDS
    )
    assert run(["schema", "scenaro"]) == 2
