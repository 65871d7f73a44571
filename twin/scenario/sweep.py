"""Matrix sweeps: one file that stands for many variants of a scenario, within a cap.

    kind: sweep
    scenario: quickstart.yaml
    matrix:
      fleets.trucks.vehicles: [6, 8]
      nodes.dc.stock: [200, 300]
    exclude: [{fleets.trucks.vehicles: 6, nodes.dc.stock: 200}]
    include: [{fleets.trucks.vehicles: 12}]

A variant is a list of overrides, as on the command line.
"""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from twin.scenario.loader import Scenario, load, load_document
from twin.scenario.quantities import Model, Name

MAX_VARIANTS = 10_000
Setting = Annotated[str, Field(min_length=1, max_length=1_000)]
Value = float | int | bool | str | list[Any] | dict[str, Any] | None
Settings = dict[Setting, Value]
Values = Annotated[tuple[Value, ...], Field(min_length=1, max_length=1_000)]


class Sweep(Model):
    """A sweep file: every combination of the matrix, less what is excluded, plus what is included.

    Paths are written as for ``--set``.
    """

    kind: Literal["sweep"]
    """What this file is."""
    name: Name
    """Name of the sweep; variants are numbered."""
    description: Annotated[str, Field(max_length=10_000)] = ""
    """Why these variants."""
    scenario: Annotated[str, Field(min_length=1, max_length=1_000)]
    """Path of the scenario that is varied, relative to this file."""
    matrix: Annotated[dict[Setting, Values], Field(max_length=32)] = Field(default={})
    """Values by path, such as ``nodes.dc.stock: [200, 300]``; all are combined."""
    exclude: Annotated[tuple[Settings, ...], Field(max_length=1_000)] = ()
    """Combinations to leave out: those that hold all the values of an entry."""
    include: Annotated[tuple[Settings, ...], Field(max_length=1_000)] = ()
    """Variants on top of the combinations, by their own settings alone."""
    cap: Annotated[int, Field(ge=1, le=MAX_VARIANTS, strict=True)] = 256
    """Most combinations and included variants together; more are refused."""

    @model_validator(mode="after")
    def _within_the_cap(self) -> Sweep:
        if self.size > self.cap:
            raise ValueError(f"got {self.size:,} variants, expected at most the cap, {self.cap:,}")
        if not self.size:
            raise ValueError("a sweep needs a matrix or included variants")
        for entry in self.exclude:
            if not entry or not entry.keys() <= self.matrix.keys():
                raise ValueError("what is excluded has to name paths of the matrix")
        return self

    @property
    def size(self) -> int:
        """Combinations of the matrix before exclusion, and included variants."""
        combined = math.prod(map(len, self.matrix.values())) if self.matrix else 0
        return combined + len(self.include)


@dataclass(frozen=True)
class Variant:
    """One scenario of a sweep: its name, and the overrides that make it."""

    name: str
    overrides: tuple[str, ...]


def load_sweep(path: str | os.PathLike[str]) -> Sweep:
    """Read a sweep file; raises ScenarioError with every problem found."""
    return load_document(path, Sweep)[0]


def variants(sweep: Sweep) -> tuple[Variant, ...]:
    """The variants in order: the last path of the matrix runs fastest, the included come last."""
    paths = tuple(sweep.matrix)
    combined = [dict(zip(paths, row, strict=True)) for row in product(*sweep.matrix.values())]
    kept = [row for row in combined if row and not _excluded(row, sweep)]
    every: list[Settings] = [*kept, *sweep.include]
    return tuple(
        Variant(f"{sweep.name}-{number:0{len(str(len(every)))}d}", _overrides(settings))
        for number, settings in enumerate(every, 1)
    )


def file_name(variant: Variant) -> str:
    """A file name for a variant: its name, with anything but letters, digits and - replaced."""
    return f"{re.sub(r'[^A-Za-z0-9-]', '_', variant.name)}.yaml"


def load_variant(sweep: Sweep, file: str | os.PathLike[str], variant: Variant) -> Scenario:
    """The scenario of one variant of the sweep in ``file``; raises ScenarioError."""
    path = os.path.join(os.path.dirname(os.fspath(file)), sweep.scenario)
    name = f"name={json.dumps(variant.name)}"
    return load(os.path.normpath(path), (*variant.overrides, name))


def _excluded(row: Settings, sweep: Sweep) -> bool:
    return any(all(row[path] == value for path, value in entry.items()) for entry in sweep.exclude)


def _overrides(settings: Settings) -> tuple[str, ...]:
    return tuple(f"{path}={json.dumps(value)}" for path, value in settings.items())
