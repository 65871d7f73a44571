"""JSON Schema (draft-07) of every kind of file, from the pydantic models, for editors.

A file that ``extends`` another may leave out anything and may say ``null`` to remove an entry, so
every model has two definitions: the whole, and a part (``...Part``) for such files. Shorthand is
spelt out: a field with units takes a number in base units or text such as ``3 d``.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from twin.errors import UsageError
from twin.scenario.environment import WHOLE_REFERENCE
from twin.scenario.examples import example
from twin.scenario.fields import (
    Forms,
    bounds_of,
    constraint,
    description,
    forms_of,
    literals,
    plain_words,
    unit_words,
)
from twin.scenario.findings import did_you_mean
from twin.scenario.quantities import Model
from twin.scenario.shape import (
    Leaf,
    ListShape,
    MapShape,
    ModelShape,
    Shape,
    TaggedShape,
    UnionShape,
)
from twin.scenario.wording import written

KINDS = {
    "scenario": "twin.scenario.model:ScenarioModel",
    "sweep": "twin.scenario.sweep:Sweep",
    "stress": "stress.spec:StressSuite",
    "gate": "stress.gate_model:GateModel",
    "training": "agents.learn.config:TrainConfig",
    "agent": "agents.outside.manifest:AgentManifest",
}
"""Models by kind of file; named, not imported, because they live in rooms above this one."""
KNOWN_NAMES = {
    "FaultPlan": "stress.catalogue:FAMILIES",
    "Member": "stress.catalogue:FAMILIES",
    "TrainingPlan": "stress.catalogue:TRAINING_FAMILIES",
}
"""Where the keys of a map of such models are listed, with what each stands for."""
DRAFT = "http://json-schema.org/draft-07/schema#"
NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
_EXTENDS = {
    "type": "string",
    "minLength": 1,
    "description": "Another file of the same kind, relative to this one, that this file is laid "
    "over: maps key by key, lists replaced, null removes an entry.",
    "examples": ["base.yaml"],
}
_TYPES: dict[Any, str] = {float: "number", int: "integer", bool: "boolean", str: "string"}
_KEYWORDS = {
    "gt": "exclusiveMinimum",
    "ge": "minimum",
    "lt": "exclusiveMaximum",
    "le": "maximum",
}
_LENGTHS = {
    ListShape: ("minItems", "maxItems"),
    MapShape: ("minProperties", "maxProperties"),
    Leaf: ("minLength", "maxLength"),
}

Fragment = dict[str, Any]


def model_of(kind: str) -> type[Model]:
    """The model of one kind of file; raises UsageError for a kind there is not."""
    if kind not in KINDS:
        raise UsageError("no such kind of file", "", repr(kind), "", f"{did_you_mean(kind, KINDS)}")
    model: type[Model] = _load(KINDS[kind])
    return model


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def schema_text(kind: str) -> str:
    """The schema of one kind of file, as it is kept in ``scenarios/schema/KIND.schema.json``."""
    return json.dumps(schema(model_of(kind)), indent=1, ensure_ascii=True) + "\n"


def schema(model: type[BaseModel]) -> Fragment:
    """The JSON Schema of files of one model."""
    whole, part = _Writer(), _Writer(part=True)
    root, own = whole.model(model), part.model(model)
    for writer, name in ((whole, root), (part, own)):
        properties = writer.definitions[name]["properties"]
        writer.definitions[name]["properties"] = {"extends": _EXTENDS, **properties}
    return {
        "$schema": DRAFT,
        "title": model.__name__,
        "description": plain_words(model.__doc__ or ""),
        "type": "object",
        "if": {"required": ["extends"]},
        "then": _reference(own),
        "else": _reference(root),
        "definitions": dict(sorted({**whole.definitions, **part.definitions}.items())),
    }


@dataclass
class _Writer:
    """Writes the definitions that one root needs."""

    part: bool = False
    """For a file that extends another: nothing is required, null is allowed anywhere."""
    names: dict[type[BaseModel], str] = field(default_factory=dict)
    definitions: dict[str, Fragment] = field(default_factory=dict)

    def model(self, model: type[BaseModel]) -> str:
        """The name of a model's definition, written on first use."""
        if model not in self.names:
            taken = set(self.names.values())
            name = model.__name__ + ("Part" if self.part else "")
            self.names[model] = f"{model.__module__}.{name}" if name in taken else name
            self.definitions[self.names[model]] = self._definition(model)
        return self.names[model]

    def _definition(self, model: type[BaseModel]) -> Fragment:
        shape = ModelShape(model, model)
        required = [name for name, info in model.model_fields.items() if info.is_required()]
        definition = {
            "title": model.__name__,
            "description": plain_words(model.__doc__ or ""),
            "type": "object",
            "properties": {
                name: self._property(name, info, shape.field(name))
                for name, info in model.model_fields.items()
            },
            "additionalProperties": False,
        }
        return definition if self.part or not required else {**definition, "required": required}

    def _property(self, name: str, info: FieldInfo, shape: Shape) -> Fragment:
        nullable = self.part or info.default is None or _is_optional(info.annotation)
        fragment = self._value(shape)
        fragment = _or_null(fragment) if nullable else fragment
        if "$ref" in fragment:
            fragment = {"allOf": [fragment]}
        text = f"{description(info, shape, name)} {unit_words(shape)}".rstrip()
        return {"description": text, **fragment, **_hints(name, info, shape)}

    def _value(self, shape: Shape) -> Fragment:
        """What one value may be, shorthand included."""
        forms = forms_of(shape)
        if isinstance(shape, Leaf):
            return _with_forms(shape, forms) if forms != Forms() else _leaf(shape)
        main = self._main(shape)
        if forms == Forms():
            return main
        return {"anyOf": [_scalar(forms, {}), *main.get("anyOf", [main])]}

    def _main(self, shape: Shape) -> Fragment:
        match shape:
            case ModelShape(model=model):
                return _reference(self.model(model))
            case TaggedShape(choices=choices):
                return {"anyOf": [_reference(self.model(c.model)) for c in choices.values()]}
            case UnionShape(choices=choices):
                several = {"anyOf": [*_flat(self._value(choice) for choice in choices)]}
                return _or_null(several) if _is_optional(shape.annotation) else several
            case ListShape(item=item):
                return {"type": "array", "items": self._value(item), **_lengths(shape)}
            case MapShape(key=key, value=value):
                return {"type": "object", **self._entries(key, value), **_lengths(shape)}
            case Leaf():
                return _leaf(shape)

    def _entries(self, key: Shape, value: Shape) -> Fragment:
        """Keys and values of a map: free names, or the names there are."""
        inner = _or_null(self._value(value)) if self.part else self._value(value)
        known = KNOWN_NAMES.get(value.model.__name__) if isinstance(value, ModelShape) else None
        if known is not None:
            own = {name: self._named(thing, inner) for name, thing in _load(known).items()}
            return {"properties": own, "additionalProperties": False}
        names = {k: v for k, v in _leaf(key).items() if k != "type"}
        checked = {"propertyNames": names} if names else {}
        return {"additionalProperties": inner, **checked}

    def _named(self, thing: type[BaseModel], inner: Fragment) -> Fragment:
        """An entry of a map of known names: what it stands for, and its own parameters."""
        own = {"parameters": _reference(self.model(thing))}
        return {
            "description": plain_words(thing.__doc__ or ""),
            "allOf": [inner],
            "properties": own,
        }


def _hints(name: str, info: FieldInfo, shape: Shape) -> Fragment:
    """Default and example; the fields of a nested model show their own defaults."""
    hints: Fragment = {}
    default = info.get_default(call_default_factory=False)
    if not info.is_required() and default is not None:
        value = written(default, shape)
        if value not in ({}, []):
            hints["default"] = value
    shown = example(info, shape, name)
    if shown is not None and not literals(shape):
        hints["examples"] = [shown]
    return hints


def _is_optional(annotation: Any) -> bool:
    return type(None) in getattr(annotation, "__args__", ())


def _reference(name: str) -> Fragment:
    return {"$ref": f"#/definitions/{name}"}


def _flat(fragments: Iterable[Fragment]) -> Iterable[Fragment]:
    for fragment in fragments:
        yield from fragment["anyOf"] if set(fragment) == {"anyOf"} else [fragment]


def _leaf(shape: Shape) -> Fragment:
    """A scalar without units; a number may also come from the environment."""
    words = literals(shape)
    if words:
        return {"enum": list(words)}
    kind = _TYPES.get(shape.annotation)
    if kind is None:
        return {}
    if kind == "string":
        pattern = constraint(shape, "pattern")
        return {"type": kind, **_lengths(shape), **({"pattern": pattern} if pattern else {})}
    return {"type": [kind, "string"], **_bounds(shape), "pattern": WHOLE_REFERENCE}


def _with_forms(shape: Shape, forms: Forms) -> Fragment:
    return _scalar(forms, _bounds(shape)) if forms.number or forms.tables else _leaf(shape)


def _scalar(forms: Forms, bounds: Fragment) -> Fragment:
    """A number in base units, or text with a unit."""
    types = ["number"] if forms.number else []
    if forms.text:
        return {"type": [*types, "string"], **bounds}
    units = "|".join(forms.units)
    suffix = rf"\s*({units})?" if units else ""
    pattern = rf"^\s*{NUMBER}{suffix}\s*$|\$\{{.*\}}"
    return {"type": [*types, "string"], **bounds, "pattern": pattern}


def _bounds(shape: Shape) -> Fragment:
    return {_KEYWORDS[key]: limit for key, limit in bounds_of(shape).items()}


def _lengths(shape: Shape) -> Fragment:
    least, most = _LENGTHS[type(shape)]
    found = {least: constraint(shape, "min_length"), most: constraint(shape, "max_length")}
    return {key: limit for key, limit in found.items() if limit is not None}


def _or_null(fragment: Fragment) -> Fragment:
    """The same, or null."""
    if not fragment:
        return fragment
    if "enum" in fragment:
        return {**fragment, "enum": [*fragment["enum"], None]}
    if "anyOf" in fragment:
        others = [part for part in fragment["anyOf"] if part != {"type": "null"}]
        return {**fragment, "anyOf": [*others, {"type": "null"}]}
    if "$ref" in fragment:
        return {"anyOf": [fragment, {"type": "null"}]}
    kinds = fragment["type"]
    return {**fragment, "type": [*([kinds] if isinstance(kinds, str) else kinds), "null"]}
