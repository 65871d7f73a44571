"""What the owner of a run says to the server: strict, bounded, no unknown field."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from twin.scenario.quantities import Model
from twin.tools.catalogue import Quantities, Text

Period = Annotated[int, Field(ge=0, le=10**9)]


class StartRun(Model):
    """Begins a run."""

    seed: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    """Of every random stream; default: the server's."""


class CloseWindow(Model):
    """Closes the window and lets its period run."""

    stopped: Annotated[tuple[Text, ...], Field(max_length=100_000)] = ()
    """Killed agents whose lanes stand still."""


class AgentName(Model):
    """Whose writes are refused, or accepted again."""

    agent: Text


class Approval(Model):
    """A person has approved exactly this order."""

    agent: Text
    key: Text
    period: Period
    wish: Quantities


class PlacedWrite(Model):
    """A write that took effect."""

    agent: Text
    key: Text
    period: Period
    wish: Quantities


class Closed(Model):
    """What a closed window brought."""

    period: Period
    placed: tuple[PlacedWrite, ...]


class Opened(Model):
    """The window that was opened; none when the horizon is over."""

    period: Period | None


class Started(Model):
    """A run that has begun."""

    run: Text
    key: Text
    """The owner's."""
    seed: int
    periods: int
    agents: tuple[Text, ...]
    world: Text
    """Names the resolved scenario."""


class Status(Model):
    """Where a run stands."""

    state: str
    period: int
    locks: int
    refused: int
    digest: str
    """Of the ledger, once the run is over."""
