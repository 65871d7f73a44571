"""Models of random durations, as written in a scenario: lead times, trip times."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from twin.scenario.quantities import Days, Model, PositiveDays
from twin.scenario.weighted import Weighted


class ConstantTime(Model):
    """Always the same duration."""

    model: Literal["constant"] = "constant"
    value: Days


class UniformTime(Model):
    """Uniform between ``low`` and ``high``."""

    model: Literal["uniform"]
    low: Days
    high: Days

    @model_validator(mode="after")
    def _ordered(self) -> UniformTime:
        if self.high < self.low:
            raise ValueError(f"high ({self.high:g} d) must not be below low ({self.low:g} d)")
        return self


class GammaTime(Model):
    """Gamma with the given mean and coefficient of variation."""

    model: Literal["gamma"]
    mean: PositiveDays
    cv: Annotated[float, Field(gt=0, le=10, strict=True)]
    """Coefficient of variation: standard deviation / mean."""


class LognormalTime(Model):
    """Lognormal with the given median and 95th percentile."""

    model: Literal["lognormal"]
    median: PositiveDays
    p95: PositiveDays

    @model_validator(mode="after")
    def _ordered(self) -> LognormalTime:
        if self.p95 < self.median:
            raise ValueError("p95 must not be below the median")
        return self


class TriangularTime(Model):
    """Triangular between ``low`` and ``high`` with its peak at ``mode``."""

    model: Literal["triangular"]
    low: Days
    mode: Days
    high: Days

    @model_validator(mode="after")
    def _ordered(self) -> TriangularTime:
        if not self.low <= self.mode <= self.high:
            raise ValueError(
                f"low ({self.low:g} d), mode ({self.mode:g} d) and high ({self.high:g} d)"
                " must not descend"
            )
        return self


class EmpiricalTime(Weighted):
    """One of the given durations, drawn with replacement."""

    model: Literal["empirical"]
    values: Annotated[tuple[Days, ...], Field(min_length=1, max_length=10_000)]
    """Durations that were observed."""


def _time_shorthand(value: Any) -> Any:
    """A bare duration is a constant one."""
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        return {"model": "constant", "value": value}
    return value


RandomTime = Annotated[
    Annotated[
        ConstantTime | UniformTime | TriangularTime | GammaTime | LognormalTime | EmpiricalTime,
        Field(discriminator="model"),
    ],
    BeforeValidator(_time_shorthand),
]
