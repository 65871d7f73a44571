"""Explains one field of a file: what it means, what it takes, its default, an example."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from twin.errors import UsageError
from twin.scenario.examples import example
from twin.scenario.fields import (
    bounds_of,
    constraint,
    description,
    forms_of,
    literals,
    plain_words,
)
from twin.scenario.findings import closest, did_you_mean, dotted, either
from twin.scenario.overrides import path_parts
from twin.scenario.shape import (
    Leaf,
    ListShape,
    MapShape,
    ModelShape,
    Shape,
    TaggedShape,
    UnionShape,
    describe,
)
from twin.scenario.wording import flow, written

ANY = "*"
"""Stands for any name of a map, or any place of a list."""
MAX_DEPTH = 12
_WORDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


@dataclass(frozen=True)
class Explanation:
    """What there is to say about one field; texts are empty where there is nothing."""

    path: str
    owner: str
    """The model the field belongs to, such as ``GammaTime``."""
    meaning: str
    takes: str
    unit: str
    bounds: str
    default: str
    example: str
    parts: tuple[tuple[str, str], ...]
    """Fields of a map, or models to choose from, with a sentence each."""


@dataclass(frozen=True)
class _Found:
    """A place in the models: path with ``*`` for free names, and the field it ends in."""

    path: tuple[str, ...]
    shape: Shape
    owner: type[BaseModel]
    name: str = ""

    @property
    def info(self) -> FieldInfo | None:
        return self.owner.model_fields.get(self.name)


def explain_field(model: type[BaseModel], text: str) -> tuple[Explanation, ...]:
    """Explain the field that a path such as ``nodes.*.capacity`` leads to, in every model it is in.

    Names of nodes, lanes and the like may stand in the path, or ``*``. A field's bare name is
    looked up everywhere. Raises UsageError, with the likeliest field, when there is none.
    """
    parts = path_parts(text)
    root = _Found((), ModelShape(model, model), model)
    if len(parts) == 1 and parts[0] not in model.model_fields:
        found = [place for place in _everywhere(root) if place.path[-1] == parts[0]]
    else:
        found = _follow(root, parts)
    if not found:
        raise UsageError("there is no such field", "", repr(text), "", _advice(root, parts))
    return _merged([_explained(place) for place in found])


def _merged(explanations: list[Explanation]) -> tuple[Explanation, ...]:
    """What is the same in several models is said once, with all their names."""
    owners: dict[Explanation, dict[str, None]] = {}
    for one in explanations:
        owners.setdefault(replace(one, owner=""), {})[one.owner] = None
    return tuple(replace(one, owner=", ".join(names)) for one, names in owners.items())


def explain_root(model: type[BaseModel]) -> dict[str, str]:
    """The fields at the top of a file, with a sentence each."""
    return _parts(ModelShape(model, model))


def _follow(root: _Found, parts: tuple[str, ...]) -> list[_Found]:
    places = [root]
    for part in parts:
        places = _steps(places, part)
    return places


def _steps(places: list[_Found], part: str) -> list[_Found]:
    """Where one more part leads: to named fields, else into maps and lists."""
    ends = [(place, end) for place in places for end in _alternatives(place.shape)]
    named = [
        _Found((*place.path, part), end.field(part), end.model, part)
        for place, end in ends
        if isinstance(end, ModelShape) and part in end.model.model_fields
    ]
    known = [f for _, end in ends if isinstance(end, ModelShape) for f in end.model.model_fields]
    if named or (part != ANY and closest(part, known)):
        return named
    return [_entry(place, end) for place, end in ends if isinstance(end, MapShape | ListShape)]


def _entry(place: _Found, end: MapShape | ListShape) -> _Found:
    shape = end.value if isinstance(end, MapShape) else end.item
    return _Found((*place.path, ANY), shape, place.owner, place.name)


def _alternatives(shape: Shape) -> Iterator[Shape]:
    """The shapes a value may have, unions opened."""
    match shape:
        case TaggedShape(choices=choices):
            yield from choices.values()
        case UnionShape(choices=several):
            for choice in several:
                yield from _alternatives(choice)
        case _:
            yield shape


def _everywhere(place: _Found, depth: int = 0) -> Iterator[_Found]:
    """Every field below a place, depth first."""
    if depth > MAX_DEPTH:
        return
    for end in _alternatives(place.shape):
        if isinstance(end, ModelShape):
            for name in end.model.model_fields:
                below = _Found((*place.path, name), end.field(name), end.model, name)
                yield below
                yield from _everywhere(below, depth + 1)
        elif isinstance(end, MapShape | ListShape):
            yield from _everywhere(_entry(place, end), depth + 1)


def _advice(root: _Found, parts: tuple[str, ...]) -> str:
    """The closest field at the first part that leads nowhere, or fields of that name elsewhere."""
    places = [root]
    for index, part in enumerate(parts):
        onward = _steps(places, part)
        if not onward:
            return _advice_at(root, places, part, parts[:index])
        places = onward
    return ""


def _advice_at(root: _Found, places: list[_Found], part: str, above: tuple[str, ...]) -> str:
    ends = [end for place in places for end in _alternatives(place.shape)]
    known = [f for end in ends if isinstance(end, ModelShape) for f in end.model.model_fields]
    known = list(dict.fromkeys(known))
    if not known:
        return f"{dotted(above)} has no fields of its own."
    every = list(dict.fromkeys(place.path[-1] for place in _everywhere(root)))
    near = closest(part, known) or (closest(part, every) if not above else None)
    if near is None:
        return f"{did_you_mean(part, known).capitalize()}."
    paths = [dotted(p.path) for p in _everywhere(root) if p.path[-1] == near]
    shown = [dotted((*above, near))] if near in known else list(dict.fromkeys(paths))
    return f"Did you mean {either(shown[:4])}?"


def _explained(place: _Found) -> Explanation:
    info, shape = place.info, place.shape
    own = info if info is not None and place.path[-1] == place.name else None
    meaning = description(own, shape, place.name) if own else _doc(shape)
    return Explanation(
        path=dotted(place.path),
        owner=place.owner.__name__,
        meaning=meaning,
        takes=_takes(own, shape),
        unit=_unit(shape),
        bounds=_bounds(shape),
        default=_default(own, shape),
        example=_example(own, shape, place.name),
        parts=tuple(_parts(shape).items()),
    )


def _doc(shape: Shape) -> str:
    models = [end.model for end in _alternatives(shape) if isinstance(end, ModelShape)]
    return plain_words(models[0].__doc__ or "") if len(models) == 1 else "One entry."


def _takes(info: FieldInfo | None, shape: Shape) -> str:
    words = describe(shape)
    forms = forms_of(shape)
    if not isinstance(shape, Leaf) and forms.tables:
        words = f"{words}, or one {describe(Leaf(float))} with a unit for short".replace(
            "one a", "one"
        )
    optional = info is not None and not info.is_required() and info.default is None
    return f"{words}, or nothing" if optional else words


def _unit(shape: Shape) -> str:
    units = forms_of(shape).units
    if not units:
        return ""
    base = next((unit for unit, factor in units.items() if factor == 1), "a share of 1")
    return f"{either(list(units))} (bare: {base})"


def _bounds(shape: Shape) -> str:
    if isinstance(shape, UnionShape):
        return next((text for text in map(_bounds, shape.choices) if text), "")
    words = [f"{_WORDS[key]} {limit:.12g}" for key, limit in bounds_of(shape).items()]
    least, most = constraint(shape, "min_length"), constraint(shape, "max_length")
    what = "characters" if isinstance(shape, Leaf) else "entries"
    if least is not None and least == most:
        words.append(f"exactly {least:,} {what}")
    elif most is not None:
        words.append(f"{least or 0:,} to {most:,} {what}")
    return ", ".join(words)


def _example(info: FieldInfo | None, shape: Shape, name: str) -> str:
    value = example(info, shape, name) if info else None
    return "" if value is None else f"{name}: {flow(value)}"


def _default(info: FieldInfo | None, shape: Shape) -> str:
    if info is None:
        return ""
    if info.is_required():
        return "required"
    value = info.get_default()
    if isinstance(value, BaseModel):
        value = written(value, shape)
        return flow(value) if value else "its fields' defaults"
    return "none" if value is None or value in ({}, (), "") else flow(written(value, shape))


def _parts(shape: Shape) -> dict[str, str]:
    if isinstance(shape, ModelShape):
        return {
            name: _first_sentence(description(info, shape.field(name), name))
            for name, info in shape.model.model_fields.items()
        }
    tagged = [s for s in getattr(shape, "choices", ()) if isinstance(s, TaggedShape)]
    if isinstance(shape, TaggedShape):
        return {tag: _choice(choice) for tag, choice in shape.choices.items()}
    if isinstance(shape, MapShape | ListShape):
        return _parts(shape.value if isinstance(shape, MapShape) else shape.item)
    return _parts(tagged[0]) if tagged else {}


def _choice(shape: ModelShape) -> str:
    fields = [n for n in shape.model.model_fields if not literals(shape.field(n))]
    return f"{_first_sentence(plain_words(shape.model.__doc__ or ''))} Fields: {', '.join(fields)}."


def _first_sentence(text: str) -> str:
    head, stop, _ = text.partition(". ")
    return head + stop.strip()
