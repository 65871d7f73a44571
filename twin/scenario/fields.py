"""What a field takes: forms, units, bounds, default and an example, read off the models' types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from twin import units
from twin.scenario.shape import (
    ListShape,
    MapShape,
    ModelShape,
    Shape,
    TaggedShape,
    flat_metadata,
    whole_annotation,
)

BOUNDS = {
    "gt": "greater_than",
    "ge": "greater_than_equal",
    "lt": "less_than",
    "le": "less_than_equal",
}
_NONSENSE = "one thing"
_COMMON = {
    "kind": "What this file, or this thing, is.",
    "name": "Name shown in reports and in the names of runs.",
    "description": "Free text: what this is about.",
    "currency": "Currency of all money: three capital letters, as in ISO 4217.",
    "model": "Which distribution or model this is.",
    "value": "The value itself.",
    "low": "Least value.",
    "high": "Greatest value.",
    "mode": "Most likely value.",
    "mean": "Mean.",
    "sd": "Standard deviation.",
    "median": "Half of the values are below it.",
    "p95": "95 % of the values are below it.",
    "start": "When it begins.",
    "end": "When it ends.",
    "seeds": "How many random seeds.",
}
"""Words for fields that mean the same in every model and carry no docstring of their own."""


@dataclass(frozen=True)
class Forms:
    """Scalars that a field accepts besides what its type says."""

    number: bool = False
    tables: tuple[str, ...] = ()
    """Names of the unit tables of ``twin.units`` whose units it accepts."""
    text: bool = False
    """Any text."""

    @property
    def units(self) -> dict[str, float]:
        """Every unit accepted, with its factor."""
        return {unit: f for name in self.tables for unit, f in unit_tables()[name].items()}


@cache
def unit_tables() -> dict[str, Mapping[str, float]]:
    """The tables of ``twin.units`` by name."""
    return {
        name: table
        for name, table in vars(units).items()
        if name.isupper() and isinstance(table, dict)
    }


def forms_of(shape: Shape) -> Forms:
    """Find out which shorthand a type accepts, by trying: readers of units are plain functions."""
    read = any(isinstance(item, BeforeValidator) for item in flat_metadata(shape))
    if not read and not isinstance(shape, ModelShape | TaggedShape):
        return Forms()
    validator = adapter(shape)
    if _accepts(validator, _NONSENSE):
        return Forms(_accepts(validator, 1.0), (), text=True)
    tables = tuple(
        name
        for name, table in unit_tables().items()
        if all(_accepts(validator, f"1 {unit}") for unit in table)
    )
    return Forms(_accepts(validator, 1.0), tables)


def adapter(shape: Shape) -> TypeAdapter[Any]:
    """Validates one value; a tag is told apart inside the readers of shorthand, not around them."""
    build: Any = Annotated
    if not isinstance(shape, TaggedShape):
        return TypeAdapter(whole_annotation(shape))
    tagged = build[shape.annotation, Field(discriminator=shape.key)]
    readers = tuple(item for item in flat_metadata(shape) if isinstance(item, BeforeValidator))
    return TypeAdapter(build[(tagged, *readers)] if readers else tagged)


def _accepts(validator: TypeAdapter[Any], value: object) -> bool:
    """Whether a value has an accepted form; that it may be out of bounds does not matter."""
    try:
        validator.validate_python(value)
    except ValidationError as error:
        return all(details["type"] in BOUNDS.values() for details in error.errors())
    return True


def bounds_of(shape: Shape) -> dict[str, float]:
    """The bounds of a number, by pydantic's names: gt, ge, lt, le; the last one said holds."""
    return {
        key: getattr(item, key)
        for item in flat_metadata(shape)
        for key in BOUNDS
        if getattr(item, key, None) is not None
    }


def constraint(shape: Shape, name: str) -> Any:
    """One constraint of a type, such as ``min_length`` or ``pattern``, or None."""
    found = (getattr(item, name, None) for item in flat_metadata(shape))
    return next((value for value in found if value is not None), None)


def literals(shape: Shape) -> tuple[Any, ...]:
    """The words a field may hold, or nothing where they are free."""
    annotation = shape.annotation
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def description(info: FieldInfo, shape: Shape, name: str) -> str:
    """What a field means: its docstring, else that of its model, else the common words."""
    text = info.description or _model_words(shape) or _COMMON.get(name, "")
    return plain_words(text) or f"{name.replace('_', ' ').capitalize()}."


def _model_words(shape: Shape) -> str:
    match shape:
        case ModelShape(model=model):
            return model.__doc__ or ""
        case MapShape(value=value):
            return f"By name. {words}" if (words := _model_words(value)) else ""
        case ListShape(item=item):
            return _model_words(item)
        case _:
            return ""


def plain_words(text: str) -> str:
    """A docstring on one line, with single back quotes."""
    return re.sub(r"\s+", " ", text.replace("``", "`")).strip()


def unit_words(shape: Shape) -> str:
    """The units a field takes, as a sentence; nothing where it takes none."""
    forms = forms_of(shape)
    if not forms.tables:
        return ""
    bare = next((unit for unit, factor in forms.units.items() if factor == 1), "a share of 1")
    return f"Units: {', '.join(forms.units)}; a number without a unit is {bare}."
