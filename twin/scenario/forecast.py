"""Forecasts of demand that agents may read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from twin.scenario.quantities import Model

Count = Annotated[int, Field(ge=1, le=365, strict=True)]


class NaiveForecast(Model):
    """The last demand that is known comes again."""

    model: Literal["naive"]
    horizon: Count = 7
    """Periods ahead whose total is forecast."""


class MovingAverageForecast(Model):
    """The mean of the last periods goes on."""

    model: Literal["moving_average"]
    horizon: Count = 7
    """Periods ahead whose total is forecast."""
    window: Count = 7
    """Periods that are averaged."""


class ExponentialSmoothingForecast(Model):
    """A level that follows demand: level += alpha x (demand - level), Brown 1959."""

    model: Literal["exponential_smoothing"]
    horizon: Count = 7
    """Periods ahead whose total is forecast."""
    alpha: Annotated[float, Field(gt=0, le=1, strict=True)] = 0.2
    """Weight of the latest demand."""


class PerfectForecast(Model):
    """What will really be demanded, times a lognormal error."""

    model: Literal["perfect"]
    horizon: Count = 7
    """Periods ahead whose total is forecast."""
    error: Annotated[float, Field(ge=0, le=2, strict=True)] = 0.0
    """Standard deviation of the error's logarithm; the error has mean 1."""


Forecast = Annotated[
    NaiveForecast | MovingAverageForecast | ExponentialSmoothingForecast | PerfectForecast,
    Field(discriminator="model"),
]
