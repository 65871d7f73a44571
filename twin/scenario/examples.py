"""An example of what a field accepts, for editors and for ``twin explain``."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from twin.scenario.fields import adapter, bounds_of, constraint, forms_of, literals, unit_tables
from twin.scenario.shape import Leaf, ListShape, Shape, UnionShape
from twin.scenario.wording import number, with_unit, written

SAMPLES = {"DURATION_D": "3 d", "MASS_KG": "40 kg", "RATE_BYTES_S": "64 KB/s", "SHARE": "10 %"}
"""An example of each table of units; another table shows its first unit."""
_EXAMPLES: dict[str, Any] = {
    "name": "two-stores",
    "description": "One warehouse feeds two stores.",
    "horizon": "120 d",
    "weekly": [0.6, 0.7, 0.8, 1.0, 1.3, 1.6, 1.0],
    "yearly": [0.9, 0.9, 1, 1, 1, 1.1, 1.1, 1, 1, 1, 1, 1.2],
    "file": "data/south_daily_sales.csv",
    "depot": "dc",
    "fleet": "trucks",
    "vehicles": 6,
    "stock": 300,
    "holding": 0.2,
    "penalty": 8,
    "mean": 20,
    "replenish": ["dc", "north"],
    "dispatch": ["trucks"],
}
"""Telling examples by field name, where the field accepts them."""


def example(info: FieldInfo, shape: Shape, name: str) -> Any:
    """A value the field accepts, or None where there is none to show."""
    if info.examples:
        return info.examples[0]
    if name in _EXAMPLES and _fits(shape, _EXAMPLES[name]):
        return _EXAMPLES[name]
    default = info.get_default()
    if default and isinstance(default, str | int | float) and not isinstance(default, bool):
        return written(default, shape)
    return sample(shape)


def sample(shape: Shape) -> Any:
    """A value a type accepts, or None where no simple one is known."""
    if isinstance(shape, UnionShape):
        return next((s for s in map(sample, shape.choices) if s is not None), None)
    forms = forms_of(shape)
    if forms.tables:
        name = forms.tables[-1]
        text = SAMPLES.get(name, f"1 {next(iter(unit_tables()[name]))}")
        return text if _fits(shape, text) else with_unit(_inside(shape), forms.tables)
    match shape:
        case ListShape(item=item):
            one = sample(item)
            return None if one is None else [one] * max(1, constraint(shape, "min_length") or 1)
        case Leaf(annotation=annotation):
            return _sample_leaf(shape, annotation)
        case _:
            return None


def _sample_leaf(shape: Leaf, annotation: Any) -> Any:
    words = literals(shape)
    if words:
        return words[0]
    if annotation in (int, float):
        inside = _inside(shape)
        return int(inside) if annotation is int else number(inside)
    return True if annotation is bool else None


def _fits(shape: Shape, value: object) -> bool:
    try:
        adapter(shape).validate_python(value)
    except ValidationError:
        return False
    return True


def _inside(shape: Shape) -> float:
    """A round number within the bounds."""
    bounds = bounds_of(shape)
    low = float(bounds.get("ge", bounds.get("gt", 0)))
    high = float(bounds.get("le", bounds.get("lt", 1e12)))
    return next((n for n in (10.0, 1.0, 100.0) if low < n < high), (low + high) / 2)
