"""What changed from one scenario to another, in words: fields, entries, order, data files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from pydantic import BaseModel

from twin.scenario.files import FileHash
from twin.scenario.findings import clip, dotted
from twin.scenario.loader import Scenario
from twin.scenario.quantities import TraceDemand
from twin.scenario.shape import Leaf, MapShape, ModelShape, Shape, TaggedShape, UnionShape
from twin.scenario.wording import flow, written

MAX_WORDS = 200
"""Characters of one value in the words of a change."""
_NOUNS = {"nodes": "node", "lanes": "lane", "products": "product", "fleets": "fleet"}


@dataclass(frozen=True)
class Change:
    """One change: where, what kind (changed, added, removed, order, file), and in words."""

    path: str
    kind: str
    before: str
    after: str
    words: str


def difference(a: Scenario, b: Scenario) -> tuple[Change, ...]:
    """Every change from ``a`` to ``b``, in the order of the fields."""
    root = ModelShape(type(a.model), type(a.model))
    return tuple(_Comparison(a, b).values(a.model, b.model, root, ()))


@dataclass(frozen=True)
class _Comparison:
    a: Scenario
    b: Scenario

    def values(self, a: Any, b: Any, shape: Shape, path: tuple[str, ...]) -> Iterator[Change]:
        """Changes between two values of one place."""
        if isinstance(a, BaseModel) and type(a) is type(b):
            yield from self._models(a, b, shape, path)
        elif isinstance(a, dict) and isinstance(b, dict):
            yield from self._maps(a, b, shape, path)
        elif a != b:
            yield _changed(path, _words(a, shape), _words(b, shape))

    def _models(
        self, a: BaseModel, b: BaseModel, shape: Shape, path: tuple[str, ...]
    ) -> Iterator[Change]:
        before, after = _words(a, shape), _words(b, shape)
        if isinstance(shape, TaggedShape) and not before.startswith("{") and before != after:
            yield _changed(path, before, after)
            return
        own = ModelShape(type(a), type(a))
        for name in type(a).model_fields:
            if not (isinstance(a, TraceDemand) and name == "values"):
                below = (*path, name)
                yield from self.values(getattr(a, name), getattr(b, name), own.field(name), below)
        if isinstance(a, TraceDemand) and isinstance(b, TraceDemand):
            yield from self._traces(a, b, path)

    def _maps(
        self, a: dict[str, Any], b: dict[str, Any], shape: Shape, path: tuple[str, ...]
    ) -> Iterator[Change]:
        inner = _entry_shape(shape)
        for name in a:
            if name not in b:
                yield _entry("removed", (*path, name), _words(a[name], inner), "")
            else:
                yield from self.values(a[name], b[name], inner, (*path, name))
        for name in b:
            if name not in a:
                yield _entry("added", (*path, name), "", _words(b[name], inner))
        before, after = [n for n in a if n in b], [n for n in b if n in a]
        if before != after:
            words = f"the order of {dotted(path)} changed"
            yield Change(dotted(path), "order", ", ".join(before), ", ".join(after), words)

    def _traces(self, a: TraceDemand, b: TraceDemand, path: tuple[str, ...]) -> Iterator[Change]:
        """A data file of the same name that holds something else."""
        before, after = _sha(self.a.files, a.file), _sha(self.b.files, b.file)
        if before == after and a.values == b.values:
            return
        what = f"{path[1]}'s demand file {b.file}" if len(path) > 1 else b.file
        short = f"sha256 {before[:12] or '?'} -> {after[:12] or '?'}"
        words = f"{what} changed ({short}; {_compared(a.values, b.values)})"
        yield Change(dotted((*path, "file")), "file", before, after, words)


def _compared(a: tuple[float, ...], b: tuple[float, ...]) -> str:
    """How far two traces differ; rows count from 1, below the header."""
    rows = [row for row, pair in enumerate(zip_longest(a, b), 1) if pair[0] != pair[1]]
    if not rows:
        return "the column that is read is the same"
    return f"{len(rows):,} of {max(len(a), len(b)):,} rows differ, the first is row {rows[0]:,}"


def _sha(files: tuple[FileHash, ...], name: str) -> str:
    """The hash of the file that a trace names, or nothing where it was not read from a file."""
    wanted = os.path.normpath(name).replace(f"..{os.sep}", "")
    ends = (file for file in files if f"{os.sep}{file.path}".endswith(f"{os.sep}{wanted}"))
    found = next(ends, None)
    return found.sha256 if found else ""


def _entry_shape(shape: Shape) -> Shape:
    if isinstance(shape, UnionShape):
        shape = next((choice for choice in shape.choices if isinstance(choice, MapShape)), shape)
    return shape.value if isinstance(shape, MapShape) else Leaf(Any)


def _changed(path: tuple[str, ...], before: str, after: str) -> Change:
    return Change(
        dotted(path),
        "changed",
        before,
        after,
        f"{dotted(path)}: {clip(before, MAX_WORDS)} -> {clip(after, MAX_WORDS)}",
    )


def _entry(kind: str, path: tuple[str, ...], before: str, after: str) -> Change:
    noun = _NOUNS.get(path[0]) if len(path) == 2 else None
    name = f"{noun} {path[1]}" if noun else dotted(path)
    value = f": {clip(after, MAX_WORDS)}" if after else ""
    return Change(dotted(path), kind, before, after, f"{name} {kind}{value}")


def _words(value: Any, shape: Shape) -> str:
    return flow(written(value, shape))
