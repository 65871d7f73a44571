"""The shape that a pydantic model expects of plain data: used to name fields and to explain errors.

Pydantic's errors on a union list every alternative. Walking the shape next to the data tells which
alternative was meant, so that one mistake gives one problem.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from twin.scenario import quantities
from twin.scenario.findings import either

Metadata = tuple[Any, ...]


@dataclass(frozen=True)
class Leaf:
    """A scalar (or anything this walk does not look into)."""

    annotation: Any
    metadata: Metadata = ()


@dataclass(frozen=True)
class ModelShape:
    """A map with named fields."""

    model: type[BaseModel]
    annotation: Any
    metadata: Metadata = ()

    def field(self, name: str) -> Shape:
        """What the field expects."""
        info = self.model.model_fields[name]
        tag = (FieldInfo(discriminator=info.discriminator),) if info.discriminator else ()
        return shape_of(info.annotation, (*info.metadata, *tag))


@dataclass(frozen=True)
class MapShape:
    """A map from free names to values of one shape."""

    key: Shape
    value: Shape
    annotation: Any
    metadata: Metadata = ()


@dataclass(frozen=True)
class ListShape:
    """A list of values of one shape."""

    item: Shape
    annotation: Any
    metadata: Metadata = ()


@dataclass(frozen=True)
class TaggedShape:
    """One of several models, told apart by the field ``key``."""

    key: str
    choices: dict[str, ModelShape]
    annotation: Any
    metadata: Metadata = ()


@dataclass(frozen=True)
class UnionShape:
    """One of several shapes that nothing tells apart but the data."""

    choices: tuple[Shape, ...]
    annotation: Any
    metadata: Metadata = ()


Shape = Leaf | ModelShape | MapShape | ListShape | TaggedShape | UnionShape


def shape_of(annotation: Any, metadata: Metadata = ()) -> Shape:
    """The shape of a type annotation."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return shape_of(arguments[0], (*arguments[1:], *metadata))
    if origin in (Union, types.UnionType):
        return _union(annotation, arguments, metadata)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return ModelShape(annotation, annotation, metadata)
    if origin in (dict, Mapping) and len(arguments) == 2:
        return MapShape(shape_of(arguments[0]), shape_of(arguments[1]), annotation, metadata)
    if origin in (list, tuple, set, frozenset, Sequence) and arguments:
        alike = origin is not tuple or arguments[1:] == (...,)
        return ListShape(shape_of(arguments[0]) if alike else Leaf(Any), annotation, metadata)
    return Leaf(annotation, metadata)


def _union(annotation: Any, arguments: tuple[Any, ...], metadata: Metadata) -> Shape:
    choices = [argument for argument in arguments if argument is not type(None)]
    key = next((d for d in (getattr(m, "discriminator", None) for m in metadata) if d), None)
    if len(choices) == 1:
        return shape_of(choices[0], metadata)
    if isinstance(key, str):
        return TaggedShape(key, _tags(key, choices), annotation, metadata)
    return UnionShape(tuple(shape_of(choice) for choice in choices), annotation, metadata)


def _tags(key: str, choices: list[Any]) -> dict[str, ModelShape]:
    shapes = [shape for shape in map(shape_of, choices) if isinstance(shape, ModelShape)]
    return {
        str(tag): shape
        for shape in shapes
        for tag in get_args(shape.model.model_fields[key].annotation)
    }


def whole_annotation(shape: Shape) -> Any:
    """The annotation with its metadata, for validating one value by itself."""
    build: Any = Annotated
    return build[(shape.annotation, *shape.metadata)] if shape.metadata else shape.annotation


def flat_metadata(shape: Shape) -> list[Any]:
    """Constraints and validators, taken out of the FieldInfo objects that hold them."""
    flat: list[Any] = []
    for item in shape.metadata:
        flat.extend(item.metadata if isinstance(item, FieldInfo) else [item])
    return flat


def most_entries(model: type[BaseModel]) -> dict[str, int]:
    """The most entries of each field of a model that is a map by name and has a limit."""
    limits = {}
    for name, info in model.model_fields.items():
        sizes = [getattr(item, "max_length", None) for item in info.metadata]
        if get_origin(info.annotation) is dict and any(sizes):
            limits[name] = min(size for size in sizes if size)
    return limits


_QUANTITIES = (
    (quantities.Days, "d", "a duration such as 3 d"),
    (quantities.PositiveDays, "d", "a duration such as 3 d"),
    (quantities.Kilograms, "kg", "a mass such as 40 kg"),
    (quantities.BytesPerSecond, "B/s", "a data rate such as 64 KB/s"),
    (quantities.Share, "", "a share such as 10 %"),
)
_SCALARS = {float: "a number", int: "a whole number", bool: "true or false", str: "text"}


def _quantity(shape: Shape) -> tuple[str, str] | None:
    readers = {m.func for m in flat_metadata(shape) if isinstance(m, BeforeValidator)}
    for annotation, unit, words in _QUANTITIES:
        if readers & {m.func for m in get_args(annotation) if isinstance(m, BeforeValidator)}:
            return unit, words
    return None


def base_unit(shape: Shape) -> str:
    """The unit of the numbers of a field with units, such as ``d``; else nothing."""
    found = _quantity(shape)
    return found[0] if found else ""


def describe(shape: Shape) -> str:
    """What is expected, as the end of the sentence "expected ..."."""
    match shape:
        case TaggedShape(key=key, choices=choices):
            return f"a map with {key} ({either(choices)})"
        case UnionShape(choices=choices):
            return either(list(dict.fromkeys(describe(choice) for choice in choices)))
        case ListShape():
            return "a list"
        case ModelShape():
            return "a map"
        case MapShape():
            return "a map by name"
        case Leaf(annotation=annotation):
            return _describe_leaf(shape, annotation)


def _describe_leaf(shape: Shape, annotation: Any) -> str:
    found = _quantity(shape)
    if found:
        return found[1]
    if get_origin(annotation) is Literal:
        return either([str(option) for option in get_args(annotation)])
    return _SCALARS.get(annotation, "another value") if isinstance(annotation, type) else "a value"


def intended(shape: UnionShape, value: object) -> Shape | None:
    """The alternative that ``value`` was most likely meant to be, if its form tells."""
    if isinstance(value, dict):
        return _intended_map(shape, value)
    wanted = ListShape if isinstance(value, list | tuple) else Leaf
    fitting = [choice for choice in shape.choices if isinstance(choice, wanted)]
    return fitting[0] if len(fitting) == 1 else None


def _intended_map(shape: UnionShape, value: dict[str, Any]) -> Shape | None:
    tagged = [choice for choice in shape.choices if isinstance(choice, TaggedShape)]
    maps = [choice for choice in shape.choices if isinstance(choice, MapShape)]
    models = [choice for choice in shape.choices if isinstance(choice, ModelShape)]
    nested = bool(value) and all(isinstance(part, dict) for part in value.values())
    if tagged and (tagged[0].key in value or not maps or not nested):
        return tagged[0]
    if maps:
        return maps[0]
    return max(models, key=lambda m: len(value.keys() & m.model.model_fields.keys()), default=None)
