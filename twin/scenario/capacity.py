"""Limits that count units, weight or volume, whichever binds first."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from twin import units
from twin.errors import UsageError
from twin.scenario.quantities import CubicMetres, Kilograms, Model, PositiveAmount

LIMITS = ("units", "weight", "volume")


class Capacity(Model):
    """Room for goods; a bare number counts units, ``"24 t"`` weight, ``"80 m3"`` volume."""

    units: PositiveAmount | None = None
    """Most units, all products together."""
    weight: Annotated[Kilograms, Field(gt=0)] | None = None
    """Most kilograms, by the products' weight."""
    volume: Annotated[CubicMetres, Field(gt=0)] | None = None
    """Most cubic metres, by the products' volume."""

    @model_validator(mode="after")
    def _limits_something(self) -> Capacity:
        if self.units is None and self.weight is None and self.volume is None:
            raise ValueError("a capacity needs units, weight or volume")
        return self

    def short(self) -> float | dict[str, float]:
        """As a file would say it: units alone are a bare number."""
        given = {name: value for name in LIMITS if (value := getattr(self, name)) is not None}
        return given["units"] if list(given) == ["units"] else given


def _shorthand(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"units": float(value)}
    if not isinstance(value, str):
        return value
    for field, parse in (("weight", units.mass_kg), ("volume", units.volume_m3)):
        try:
            return {field: parse(value)}
        except UsageError:
            continue
    raise ValueError(f"not a capacity: got {value!r}, expected units, '24 t' or '80 m3'")


AnyCapacity = Annotated[Capacity, BeforeValidator(_shorthand)]
