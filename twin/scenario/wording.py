"""Writes values of a model as a person would write them in YAML: units, shorthand, no defaults."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from twin.scenario.capacity import Capacity
from twin.scenario.fields import Forms, forms_of, literals, unit_tables
from twin.scenario.shape import (
    Leaf,
    ListShape,
    MapShape,
    ModelShape,
    Shape,
    TaggedShape,
    UnionShape,
)


def with_unit(value: float, tables: tuple[str, ...]) -> str:
    """A number in base units as a person would write it.

    >>> with_unit(15 / 1440, ("DURATION_D",)), with_unit(7.0, ("DURATION_D",))
    ('15 min', '7 d')
    """
    table = {u: f for name in tables for u, f in unit_tables()[name].items() if u != "w"}
    if not table:
        return f"{value:.12g}"
    base = next((unit for unit, factor in table.items() if factor == 1), next(iter(table)))
    fitting = [unit for unit, factor in table.items() if abs(value) >= factor * (1 - 1e-9)]
    smallest = min(table, key=table.__getitem__)
    unit = max(fitting, key=table.__getitem__) if fitting else base if value == 0 else smallest
    return f"{value / table.get(unit, 1.0):.12g} {unit}".strip()


def written(value: Any, shape: Shape) -> Any:
    """A value of a model as a person would write it in YAML: units, shorthand, no defaults."""
    if isinstance(value, BaseModel):
        return _written_model(value, shape)
    if isinstance(value, dict):
        return {
            k: written(v, shape.value if isinstance(shape, MapShape) else Leaf(Any))
            for k, v in value.items()
        }
    if isinstance(value, list | tuple):
        item = shape.item if isinstance(shape, ListShape) else Leaf(Any)
        return [written(part, item) for part in value]
    if isinstance(value, float) and not isinstance(shape, UnionShape):
        tables = forms_of(shape).tables
        return with_unit(value, tables) if tables else number(value)
    return number(value) if isinstance(value, float) else value


def number(value: float) -> float | int:
    """A float as it would be typed: whole ones without a point."""
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def _written_model(value: BaseModel, shape: Shape) -> Any:
    own = ModelShape(type(value), type(value))
    parts = {
        name: written(getattr(value, name), own.field(name))
        for name, info in type(value).model_fields.items()
        if len(literals(own.field(name))) == 1 or getattr(value, name) != info.get_default()
    }
    if isinstance(value, Capacity) and len(parts) == 1:
        return next(iter(parts.values()))
    free = [name for name in type(value).model_fields if not literals(own.field(name))]
    forms = forms_of(shape) if isinstance(shape, TaggedShape) else Forms()
    if forms.number and len(free) == 1:
        return written(getattr(value, free[0]), own.field(free[0]))
    return parts


def flow(value: Any) -> str:
    """Plain data on one line, as it would stand in a flow map; not quoted.

    >>> flow({"model": "gamma", "mean": "3 d", "wrap": True})
    '{model: gamma, mean: 3 d, wrap: true}'
    """
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case dict():
            return f"{{{', '.join(f'{key}: {flow(part)}' for key, part in value.items())}}}"
        case list() | tuple():
            return f"[{', '.join(map(flow, value))}]"
        case float():
            return f"{value:.12g}"
        case _:
            return str(value)
