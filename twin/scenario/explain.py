"""Turns pydantic's validation errors into findings in plain words: got, expected, did you mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from twin.scenario.findings import Finding, Path, closest, did_you_mean, either, shown
from twin.scenario.quantities import Name
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
        if not isinstance(spot.shape, UnionShape) or _is_missing(details, spot):
            found[_worded(details, spot)] = None
        elif spot.path not in unions:
            unions.add(spot.path)
            found.update(dict.fromkeys(_union_findings(spot)))
    return tuple(found)


def _is_missing(details: ErrorDetails, spot: Spot) -> bool:
    """Tell a field that is not there from one whose value lacks something."""
    return details["type"] == "missing" and spot.value is None


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


def _literal(_: ErrorDetails, spot: Spot) -> Finding:
    options = [str(option) for option in get_args(spot.shape.annotation)]
    return _choice(spot.path, spot.value, options)


def _wrong_tag(_: ErrorDetails, spot: Spot) -> Finding:
    key, choices = _tags(spot)
    got = spot.value.get(key) if isinstance(spot.value, dict) else spot.value
    return _choice((*spot.path, key), got, choices)


def _choice(path: Path, got: object, options: list[str]) -> Finding:
    near = closest(got, options) if isinstance(got, str) else None
    hint = f"did you mean {shown(near)}?" if near else ""
    return Finding(path, f"got {shown(got)}, expected {either(options)}", hint)


def _no_tag(_: ErrorDetails, spot: Spot) -> Finding:
    key, choices = _tags(spot)
    message = f"the required field {shown(key)} is missing, expected {either(choices)}"
    near = closest(key, list(spot.value)) if isinstance(spot.value, dict) else None
    return Finding((*spot.path, key), message, f"is {shown(near)} meant for it?" if near else "")


def _tags(spot: Spot) -> tuple[str, list[str]]:
    assert isinstance(spot.shape, TaggedShape)
    return spot.shape.key, list(spot.shape.choices)


def _bound(words: str, key: str) -> Callable[[ErrorDetails, Spot], Finding]:
    def told(details: ErrorDetails, spot: Spot) -> Finding:
        limit = details.get("ctx", {}).get(key)
        number = f"{limit:,.15g}" if isinstance(limit, int | float) else str(limit)
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


def _pattern(details: ErrorDetails, spot: Spot) -> Finding:
    pattern = str(details.get("ctx", {}).get("pattern"))
    words = _NAMES if pattern in _patterns(shape_of(Name)) else f"text that matches {pattern}"
    return Finding(spot.path, f"got {shown(spot.value)}, expected {words}", at_key=spot.at_key)


def _patterns(shape: Shape) -> list[str]:
    return [str(getattr(item, "pattern", "")) for item in flat_metadata(shape)]


def _said_by_validator(details: ErrorDetails, spot: Spot) -> Finding:
    message = details["msg"].removeprefix("Value error, ")
    hint = _unit_hint(spot.value) if isinstance(spot.value, str) else ""
    return Finding(spot.path, message, hint, at_key=spot.at_key)


def _unit_hint(text: str) -> str:
    """Many write units out: ``3 days``."""
    match = _NUMBER_AND_WORD.match(text[:MAX_QUANTITY])
    unit = _LONG_UNITS.get(match[2].casefold()) if match else None
    return f"did you mean '{match[1]} {unit}'?" if match and unit else ""


MAX_QUANTITY = 64
_NAMES = "a name: no '>' in it, and no space at its start"
_NUMBER_AND_WORD = re.compile(r"\s*([-+]?[\d.]+)\s*([A-Za-z/%]+)\s*\Z")
_LONG_UNITS = {
    word: unit
    for unit, words in {
        "ms": "msec msecs millisecond milliseconds",
        "s": "sec second seconds",
        "min": "m minute minutes mins",
        "h": "hr hrs hour hours",
        "d": "day days",
        "w": "wk week weeks",
        "kg": "kgs kilo kilogram kilograms",
        "t": "ton tons tonne tonnes",
        "KB/s": "kb/s",
        "MB/s": "mb/s",
        "%": "percent",
    }.items()
    for word in words.split()
}
_WORDS: dict[str, Callable[[ErrorDetails, Spot], Finding]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_field,
    "literal_error": _literal,
    "union_tag_invalid": _wrong_tag,
    "union_tag_not_found": _no_tag,
    "greater_than": _bound("more than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "finite_number": lambda _, spot: Finding(
        spot.path, f"got {shown(spot.value)}, expected a finite number"
    ),
    "too_short": _count,
    "too_long": _count,
    "string_too_short": _length,
    "string_too_long": _length,
    "string_pattern_mismatch": _pattern,
    "value_error": _said_by_validator,
}
"""How each kind of pydantic error is told; other kinds keep pydantic's own words."""
