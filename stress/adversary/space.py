"""What the adversary may choose from: every fault a world has a place for, and its parameters.

Parameters are read off the fault's own model, so that a new fault is attacked with at once: words
and switches are choices, numbers with two bounds a range, others a range around their default.
``mode`` is one or all; numbers whose default is zero stay there (zero switches them off).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray
from pydantic.fields import FieldInfo

from stress.catalogue import FAMILIES, build_fault
from stress.catalogue.base import LEVELS, ROUNDING
from twin.errors import NothingSelectedError, UsageError
from twin.network.world import World
from twin.scenario.findings import did_you_mean

Value = bool | float | str
Floats = NDArray[np.float64]
SEVERITIES = range(1, LEVELS)
STRETCH = 4.0
"""A number without two narrow bounds is searched from its default over this to it times this."""
DIGITS = 3
"""Significant digits of a drawn number, so that a file shows what was played."""
ELSEWHERE = ("value",)
"""Parameters that only count for modes that are not searched."""


@dataclass(frozen=True)
class Choice:
    """A parameter that takes one of some values; the default is the first."""

    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Range:
    """A parameter that takes any number between two."""

    name: str
    default: float
    low: float
    high: float
    whole: bool = False

    def rounded(self, value: float) -> float:
        """A value inside the bounds, as it may stand in a file."""
        inside = min(max(value, self.low), self.high)
        if self.whole:
            return round(inside)
        return min(max(float(f"{inside:.{DIGITS}g}"), self.low), self.high)


Dimension = Choice | Range


@dataclass(frozen=True)
class Space:
    """Everything a plan may be."""

    families: tuple[str, ...]
    dimensions: dict[str, tuple[Dimension, ...]]
    """Parameters by family."""
    periods: int
    """Faults strike in the periods before this one; what follows is healed."""
    seeds: tuple[int, ...]
    most: int
    """Faults at once."""
    seen: dict[int, Floats] = field(default_factory=dict, compare=False)
    """What an undisturbed episode looks like by seed (``stress.adversary.seen``), where asked."""

    @classmethod
    def of(
        cls,
        world: World,
        heal: float,
        seeds: Sequence[int],
        most: int = 3,
        families: Sequence[str] = (),
    ) -> Space:
        """The space over a world.

        Raises UsageError for an unknown family, NothingSelectedError where the world has a place
        for none of them, or nothing is left before the healing.
        """
        for name in families:
            if name not in FAMILIES:
                raise UsageError(
                    "unknown fault", "--fault", repr(name), "", did_you_mean(name, FAMILIES)
                )
        wanted = [name for name in FAMILIES if not families or name in families]
        fitting = tuple(name for name in wanted if not build_fault(name).lacks(world))
        periods = int(world.periods * (1 - heal) + ROUNDING)
        if not fitting or periods < 1:
            raise NothingSelectedError("there is nothing to attack with", world.model.name)
        found = {name: _dimensions(name) for name in fitting}
        return cls(fitting, found, periods, tuple(seeds), min(most, len(fitting)))


def _dimensions(family: str) -> tuple[Dimension, ...]:
    fields = FAMILIES[family].model_fields
    found = (_dimension(name, field) for name, field in fields.items() if name not in ELSEWHERE)
    return tuple(dimension for dimension in found if dimension is not None)


def _dimension(name: str, field: FieldInfo) -> Dimension | None:
    default = field.default
    if isinstance(default, bool):
        return Choice(name, (default, not default))
    if isinstance(default, str):
        words = ("one", "all") if name == "mode" else _words(field.annotation)
        others = tuple(word for word in words if word != default)
        return Choice(name, (default, *others)) if others else None
    return _range(name, float(default), field)


def _words(annotation: Any) -> tuple[str, ...]:
    """The words that a type allows, those of its alternatives included."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(word for part in get_args(annotation) for word in _words(part))


def _range(name: str, default: float, field: FieldInfo) -> Range | None:
    low, high = _bounds(field)
    whole = field.annotation is int
    if high <= 1 and low > float("-inf") and not whole:
        return Range(name, default, low, high)
    if default <= 0:
        return None
    low, high = max(low, default / STRETCH), min(high, default * STRETCH)
    return Range(name, default, low, high, whole) if low < high else None


def _bounds(field: FieldInfo) -> tuple[float, float]:
    """The numbers a field allows; an open bound is moved inwards by a thousandth of the default."""
    low, high, nudge = float("-inf"), float("inf"), abs(float(field.default)) / 1_000
    for bound in field.metadata:
        if isinstance(bound, Ge):
            low = float(bound.ge)  # type: ignore[arg-type]
        elif isinstance(bound, Gt):
            low = float(bound.gt) + nudge  # type: ignore[arg-type]
        elif isinstance(bound, Le):
            high = float(bound.le)  # type: ignore[arg-type]
        elif isinstance(bound, Lt):
            high = float(bound.lt) - nudge  # type: ignore[arg-type]
    return low, high
