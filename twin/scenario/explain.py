"""Turns pydantic's validation errors into findings in plain words: got, expected, did you mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from twin.scenario.findings import Finding, Path, did_you_mean, either, shown
from twin.scenario.shape import (
    Leaf,
    ListShape,
    MapShape,
    ModelShape,
    Shape,
    TaggedShape,
    UnionShape,
    base_unit,
    describe,
    flat_metadata,
    intended,
    shape_of,
    whole_annotation,
)

MAX_ERRORS = 1_000
"""Pydantic errors looked at; more of them are not read by anybody."""


@dataclass(frozen=True)
class Spot:
    """Where an error lies: its path in the data, what is there, and what was expected."""

    path: Path
    shape: Shape
    value: Any
    at_key: bool = False


def validation_findings(
    error: ValidationError, model: type[BaseModel], data: Any
) -> tuple[Finding, ...]:
    """Findings of a failed ``model.model_validate(data)``, each mistake once."""
    return _findings(error, ModelShape(model, model), data, ())


def _findings(error: ValidationError, shape: Shape, data: Any, base: Path) -> tuple[Finding, ...]:
    found: dict[Finding, None] = {}
    unions: set[Path] = set()
    for details in islice(error.errors(include_url=False), MAX_ERRORS):
        spot = _walk(shape, details["loc"], data, base)
        if not isinstance(spot.shape, UnionShape):
            found[_worded(details, spot)] = None
        elif spot.path not in unions:
            unions.add(spot.path)
            found.update(dict.fromkeys(_union_findings(spot)))
    return tuple(found)


def _union_findings(spot: Spot) -> tuple[Finding, ...]:
    """Validate again by the alternative that was meant, so that only its errors are told."""
    assert isinstance(spot.shape, UnionShape)
    branch = intended(spot.shape, spot.value)
    if branch is not None:
        adapter: TypeAdapter[Any] = TypeAdapter(whole_annotation(branch))
        try:
            adapter.validate_python(spot.value)
        except ValidationError as error:
            if not _only_wrong_type(error, branch):
                return _findings(error, branch, spot.value, spot.path)
    return (_mismatch(spot),)


def _only_wrong_type(error: ValidationError, branch: Shape) -> bool:
    return isinstance(branch, Leaf) and any(
        details["type"].endswith(("_type", "_parsing")) for details in error.errors()
    )


def _walk(shape: Shape, loc: Path, data: Any, path: Path) -> Spot:
    """Follow an error's location through shape and data; union and tag labels are skipped."""
    for index, part in enumerate(loc):
        match shape:
            case UnionShape():
                return Spot(path, shape, data)
            case TaggedShape():
                if part not in shape.choices:
                    return Spot(path, shape, data)
                shape = shape.choices[str(part)]
                continue
            case MapShape() if loc[index + 1 : index + 2] == ("[key]",):
                return Spot((*path, part), shape.key, part, at_key=True)
        if not isinstance(data, dict | list | tuple):
            return Spot(
                path, shape if isinstance(shape, Leaf) else _inner(shape, loc[index:]), data
            )
        path = (*path, part)
        data = _item(data, part)
        if isinstance(shape, ModelShape) and part not in shape.model.model_fields:
            return Spot(path, shape, data)
        shape = _step(shape, part)
    return Spot(path, shape, data)


def _inner(shape: Shape, loc: Path) -> Shape:
    """The shape at the end of a location inside a shorthand (a scalar that stands for a map)."""
    for part in loc:
        if isinstance(shape, TaggedShape):
            shape = shape.choices.get(str(part), shape)
        elif not isinstance(shape, ModelShape) or part in shape.model.model_fields:
            shape = _step(shape, part)
    return shape


def _item(data: Any, part: str | int) -> Any:
    if isinstance(data, dict):
        return data.get(part)
    return data[part] if isinstance(part, int) and 0 <= part < len(data) else None


def _step(shape: Shape, part: str | int) -> Shape:
    match shape:
        case ModelShape():
            return shape.field(str(part))
        case MapShape(value=value):
            return value
        case ListShape(item=item):
            return item
        case _:
            return Leaf(Any)


def _worded(details: ErrorDetails, spot: Spot) -> Finding:
    words = _WORDS.get(details["type"])
    if words is not None:
        return words(details, spot)
    if details["type"].endswith(("_type", "_parsing", "_from_float")):
        return _mismatch(spot)
    message = details["msg"]
    return Finding(spot.path, f"got {shown(spot.value)}: {message[:1].lower()}{message[1:]}")


def _mismatch(spot: Spot) -> Finding:
    return Finding(spot.path, f"got {shown(spot.value)}, expected {describe(spot.shape)}")


def _missing(_: ErrorDetails, spot: Spot) -> Finding:
    name = shown(spot.path[-1] if spot.path else "")
    return Finding(
        spot.path, f"the required field {name} is missing, expected {describe(spot.shape)}"
    )


def _unknown_field(_: ErrorDetails, spot: Spot) -> Finding:
    known = list(spot.shape.model.model_fields) if isinstance(spot.shape, ModelShape) else []
    name = str(spot.path[-1])
    hint = did_you_mean(name, known)
    return Finding(spot.path, f"unknown field {shown(name)}", hint, at_key=True)


def _literal(details: ErrorDetails, spot: Spot) -> Finding:
    options = [str(o) for o in get_args(spot.shape.annotation)]
    hint = did_you_mean(str(spot.value), options) if isinstance(spot.value, str) else ""
    hint = "" if hint.startswith("known") else hint
    return Finding(spot.path, f"got {shown(spot.value)}, expected {either(options)}", hint)


def _wrong_tag(details: ErrorDetails, spot: Spot) -> Finding:
    key, choices = _tags(spot)
    got = spot.value.get(key) if isinstance(spot.value, dict) else spot.value
    hint = did_you_mean(str(got), choices)
    hint = "" if hint.startswith("known") else hint
    return Finding((*spot.path, key), f"got {shown(got)}, expected {either(choices)}", hint)


def _no_tag(_: ErrorDetails, spot: Spot) -> Finding:
    key, choices = _tags(spot)
    message = f"the required field {shown(key)} is missing, expected {either(choices)}"
    hint = ""
    if isinstance(spot.value, dict):
        hint = did_you_mean(key, list(spot.value))
        hint = f"is {hint.split()[3].rstrip('?')} meant for it?" if "did" in hint else ""
    return Finding((*spot.path, key), message, hint)


def _tags(spot: Spot) -> tuple[str, list[str]]:
    assert isinstance(spot.shape, TaggedShape)
    return spot.shape.key, list(spot.shape.choices)


def _bound(words: str, key: str) -> Callable[[ErrorDetails, Spot], Finding]:
    def told(details: ErrorDetails, spot: Spot) -> Finding:
        limit = details.get("ctx", {}).get(key)
        number = f"{limit:.15g}" if isinstance(limit, int | float) else str(limit)
        unit = f" {base_unit(spot.shape)}".rstrip()
        message = f"got {shown(spot.value)}, expected {words} {number}{unit}"
        return Finding(spot.path, message, at_key=spot.at_key)

    return told


def _count(details: ErrorDetails, spot: Spot) -> Finding:
    limits = {type(m).__name__: m for m in flat_metadata(spot.shape)}
    least = getattr(limits.get("MinLen"), "min_length", None)
    most = getattr(limits.get("MaxLen"), "max_length", None)
    size = len(spot.value) if isinstance(spot.value, list | tuple | dict) else 0
    if least == most:
        span = f"exactly {least:,}"
    elif details["type"] == "too_short":
        span = f"at least {least or 1:,}"
    else:
        span = f"at most {most or 0:,}"
    return Finding(spot.path, f"got {size:,} entries, expected {span}", at_key=True)


def _length(details: ErrorDetails, spot: Spot) -> Finding:
    context = details.get("ctx", {})
    span = f"at least {context.get('min_length')}"
    if details["type"] == "string_too_long":
        span = f"at most {context.get('max_length'):,}"
    message = f"got {shown(spot.value)}, expected text of {span} characters"
    return Finding(spot.path, message.replace("1 characters", "1 character"), at_key=spot.at_key)


_NAME_PATTERN = next(
    str(getattr(item, "pattern", ""))
    for item in flat_metadata(shape_of(dict[str, Any]).__class__ and shape_of(str))
    or [type("Pattern", (), {"pattern": ""})]
)
