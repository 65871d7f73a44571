"""Disruptions that belong to a scenario: scheduled ones, and those that come by chance."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool, model_validator

from twin.scenario.quantities import Days, Model, Name, PositiveDays, Share
from twin.scenario.times import RandomTime


class Targets(Model):
    """What a disruption strikes; at least one of them."""

    nodes: Annotated[tuple[Name, ...], Field(max_length=10_000)] = ()
    """Nodes that stop receiving, shipping and serving, or work at a part of their pace."""
    regions: Annotated[tuple[Name, ...], Field(max_length=1_000)] = ()
    """All nodes of these regions."""
    lanes: Annotated[tuple[str, ...], Field(max_length=10_000)] = ()
    """Lanes, written ``source -> destination``."""
    fleets: Annotated[tuple[Name, ...], Field(max_length=1_000)] = ()
    """Fleets that lose vehicles; those on the road finish their trip."""

    @model_validator(mode="after")
    def _strikes_something(self) -> Targets:
        if not (self.nodes or self.regions or self.lanes or self.fleets):
            raise ValueError("a disruption needs nodes, regions, lanes or fleets to strike")
        return self


class Window(Model):
    """A stretch of time, from the start of the run."""

    start: Days
    """Begin."""
    end: PositiveDays
    """End."""

    @model_validator(mode="after")
    def _ordered(self) -> Window:
        if self.end <= self.start:
            raise ValueError(f"end ({self.end:g} d) must be after start ({self.start:g} d)")
        return self


class Disruption(Model):
    """Something that goes wrong at known times, or by chance every ``mtbf`` for a ``mttr``."""

    targets: Targets
    """What it strikes."""
    windows: Annotated[tuple[Window, ...], Field(max_length=1_000)] = ()
    """Scheduled occurrences."""
    mtbf: RandomTime | None = None
    """Time between the end of one occurrence and the start of the next."""
    mttr: RandomTime | None = None
    """Time to repair: how long an occurrence lasts."""
    together: StrictBool = True
    """All targets are struck at the same times (a regional event); else each has its own luck."""
    spread: Share = 1.0
    """Chance that a target is struck by an occurrence."""
    remaining: Share = 0.0
    """Share of the capacity that still works; 0 is an outage."""
    price_factor: Annotated[float, Field(ge=0, le=1_000, strict=True)] = 1.0
    """Factor on what destinations pay on lanes that are struck, or that leave struck nodes."""

    @model_validator(mode="after")
    def _happens(self) -> Disruption:
        if (self.mtbf is None) != (self.mttr is None):
            raise ValueError("mtbf and mttr go together")
        if self.mtbf is None and not self.windows:
            raise ValueError("a disruption needs windows, or mtbf and mttr")
        return self
