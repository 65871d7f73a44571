"""Field types shared by all YAML models: numbers with units, random quantities, demand models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

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
BytesPerSecond = Annotated[float, _reader(units.rate_bytes_s), Field(gt=0, le=1e15)]
Share = Annotated[float, _reader(units.share), Field(ge=0, le=1)]
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


def _time_shorthand(value: Any) -> Any:
    """A bare duration is a constant one."""
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        return {"model": "constant", "value": value}
    return value


RandomTime = Annotated[
    Annotated[ConstantTime | UniformTime | GammaTime | LognormalTime, Field(discriminator="model")],
    BeforeValidator(_time_shorthand),
]

Weekly = Annotated[tuple[Amount, ...], Field(min_length=7, max_length=7)]
Yearly = Annotated[tuple[Amount, ...], Field(min_length=12, max_length=12)]


class Pattern(Model):
    """Calendar factors every demand model may carry; day 0 is a Monday, the first of January."""

    weekly: Weekly | None = None
    """Seven factors, Monday first, multiplied into the mean."""
    yearly: Yearly | None = None
    """Twelve factors, one per month of 365/12 d, multiplied into the mean."""


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
    ConstantDemand | PoissonDemand | NormalDemand | NegativeBinomialDemand | TraceDemand,
    Field(discriminator="model"),
]
DEMAND_MODELS = ("constant", "poisson", "normal", "negative_binomial", "trace")


def is_demand(value: object) -> bool:
    """Tell a single demand model from a map of product names to demand models."""
    return isinstance(value, Pattern) or (isinstance(value, dict) and "model" in value)
