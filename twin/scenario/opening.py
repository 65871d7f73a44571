"""Opening hours of nodes and lanes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from twin.scenario.quantities import Days, Model

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Closure(Model):
    """A stretch of time in which a place stays closed: a holiday, a stocktaking."""

    start: Days
    """Time from the start of the run to the first closed moment."""
    end: Days
    """Time from the start of the run to the reopening."""

    @model_validator(mode="after")
    def _ordered(self) -> Closure:
        if self.end <= self.start:
            raise ValueError(f"end ({self.end:g} d) must be after start ({self.start:g} d)")
        return self


class Opening(Model):
    """When a place works; a period is open when its epoch falls into the opening hours."""

    days: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)] = WEEKDAYS
    """Weekdays on which it opens; day 0 is a Monday."""
    opens: Annotated[Days, Field(lt=1)] = 0.0
    """Time of day at which it opens, such as "6 h"."""
    closes: Annotated[Days, Field(gt=0, le=1)] = 1.0
    """Time of day at which it closes."""
    closed: Annotated[tuple[Closure, ...], Field(max_length=1_000)] = ()
    """Holidays and the like."""

    @model_validator(mode="after")
    def _ordered(self) -> Opening:
        if self.closes <= self.opens:
            raise ValueError(f"closes ({self.closes:g} d) must be after opens ({self.opens:g} d)")
        return self
