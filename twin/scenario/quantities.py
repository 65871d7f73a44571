"""Field types shared by all YAML models: numbers with units, demand models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    model_validator,
)

from twin import units
from twin.errors import UsageError


class Model(BaseModel):
    """Base of everything read from a file: frozen, no unknown fields, no NaN or infinity."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )


def _reader(parse: Callable[[object], float]) -> BeforeValidator:
    def read(value: object) -> float:
        try:
            return parse(value)
        except UsageError as error:
            raise ValueError(f"{error.what}: got {error.got}, expected {error.expected}") from None

    return BeforeValidator(read)


Days = Annotated[float, _reader(units.duration_d), Field(ge=0, le=36_500)]
PositiveDays = Annotated[float, _reader(units.duration_d), Field(gt=0, le=36_500)]
Kilograms = Annotated[float, _reader(units.mass_kg), Field(ge=0, le=1e12)]
CubicMetres = Annotated[float, _reader(units.volume_m3), Field(ge=0, le=1e9)]
Kilometres = Annotated[float, _reader(units.distance_km), Field(ge=0, le=50_000)]
BytesPerSecond = Annotated[float, _reader(units.rate_bytes_s), Field(gt=0, le=1e15)]
_share = _reader(units.share)
Share = Annotated[float, _share, Field(ge=0, le=1)]
Growth = Annotated[float, _share, Field(ge=-0.99, le=10)]
Amount = Annotated[float, Field(ge=0, le=1e12, strict=True)]
PositiveAmount = Annotated[float, Field(gt=0, le=1e12, strict=True)]
Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=80,
        pattern=r"^[^\s>\x00-\x1f]([^>\x00-\x1f]*[^\s>\x00-\x1f])?$",
    ),
]
PerProduct = Amount | dict[Name, Amount]
"""One number for every product, or a map from product name to number."""


Weekly = Annotated[tuple[Amount, ...], Field(min_length=7, max_length=7)]
Hourly = Annotated[tuple[Amount, ...], Field(min_length=24, max_length=24)]
Yearly = Annotated[tuple[Amount, ...], Field(min_length=12, max_length=12)]


class DemandEvent(Model):
    """A promotion, a holiday, a strike: a stretch of time with more or less demand."""

    start: Days
    """Time from the start of the run to the event's begin."""
    end: PositiveDays
    """Time from the start of the run to the event's end."""
    factor: Annotated[float, Field(ge=0, le=1_000, strict=True)]
    """Multiplied into the mean; a period that the event fills in part takes its part of it."""

    @model_validator(mode="after")
    def _ordered(self) -> DemandEvent:
        if self.end <= self.start:
            raise ValueError(f"end ({self.end:g} d) must be after start ({self.start:g} d)")
        return self


class Pattern(Model):
    """What every demand model may carry; day 0 is a Monday, the first of January."""

    hourly: Hourly | None = None
    """Twenty-four factors, midnight first, multiplied into the mean; periods shorter than a day."""
    weekly: Weekly | None = None
    """Seven factors, Monday first, multiplied into the mean."""
    yearly: Yearly | None = None
    """Twelve factors, one per month of 365/12 d, multiplied into the mean."""
    trend: Growth = 0.0
    """Growth per year of 365 d, compounding, as a share: 0.1 or "10 %"; below zero it declines."""
    events: Annotated[tuple[DemandEvent, ...], Field(max_length=1_000)] = ()
    """Promotions and the like; where they overlap, their factors multiply."""


class ConstantDemand(Pattern):
    """The same demand every day (times the calendar factors)."""

    model: Literal["constant"]
    mean: Amount
    """Units per day."""


class PoissonDemand(Pattern):
    """Poisson demand."""

    model: Literal["poisson"]
    mean: Amount
    """Units per day."""


class NormalDemand(Pattern):
    """Normal demand, cut off at zero."""

    model: Literal["normal"]
    mean: Amount
    """Units per day."""
    sd: Amount
    """Standard deviation, units per day."""


class NegativeBinomialDemand(Pattern):
    """Negative binomial demand: overdispersed counts with variance mean + mean^2 / size."""

    model: Literal["negative_binomial"]
    mean: Amount
    """Units per day."""
    size: Annotated[float, Field(gt=0, le=1e9, strict=True)]
    """Dispersion: the smaller, the burstier."""


class GammaDemand(Pattern):
    """Gamma demand: never negative, skewed to the right."""

    model: Literal["gamma"]
    mean: Amount
    """Units per day."""
    cv: Annotated[float, Field(gt=0, le=10, strict=True)]
    """Coefficient of variation of a day's demand: standard deviation / mean."""


class UniformDemand(Pattern):
    """Uniform demand: the daily rate of a period lies anywhere between ``low`` and ``high``."""

    model: Literal["uniform"]
    low: Amount
    """Units per day."""
    high: Amount
    """Units per day."""

    @model_validator(mode="after")
    def _ordered(self) -> UniformDemand:
        if self.high < self.low:
            raise ValueError(f"high ({self.high:g}) must not be below low ({self.low:g})")
        return self

    @property
    def mean(self) -> float:
        """Units per day."""
        return (self.low + self.high) / 2


class CompoundPoissonDemand(Pattern):
    """Intermittent demand: customers come as a Poisson process, each wants a number of units.

    Calendar factors change how many customers come, not what each of them wants.
    """

    model: Literal["compound_poisson"]
    rate: Amount
    """Customers per day."""
    size: PositiveAmount
    """Mean units per customer."""
    size_cv: Annotated[float, Field(ge=0, le=10, strict=True)] | None = None
    """Coefficient of variation of the size, gamma; by default geometric on 1, 2, 3, ..."""

    @model_validator(mode="after")
    def _whole_sizes(self) -> CompoundPoissonDemand:
        if self.size_cv is None and self.size < 1:
            raise ValueError("a geometric size is at least 1 unit; give size_cv for smaller sizes")
        return self

    @property
    def mean(self) -> float:
        """Units per day."""
        return self.rate * self.size


class TraceDemand(Pattern):
    """Demand read from a column of a CSV file, one row per period."""

    model: Literal["trace"]
    file: Annotated[str, Field(min_length=1, max_length=1000)]
    """Path of the CSV file, relative to the scenario file."""
    column: Name = "units"
    """Column that holds the demand."""
    use: Literal["value", "mean"] = "value"
    """``value``: the recorded numbers are the demand; ``mean``: Poisson around them."""
    wrap: StrictBool = False
    """Start over when the trace is shorter than the horizon (otherwise that is an error)."""
    values: tuple[Amount, ...] = ()
    """Filled by the loader from the file; leave it out."""


Demand = Annotated[
    ConstantDemand
    | PoissonDemand
    | NormalDemand
    | NegativeBinomialDemand
    | GammaDemand
    | UniformDemand
    | CompoundPoissonDemand
    | TraceDemand,
    Field(discriminator="model"),
]


def is_demand(value: object) -> bool:
    """Tell a single demand model from a map of product names to demand models."""
    return isinstance(value, Pattern) or (isinstance(value, dict) and "model" in value)
