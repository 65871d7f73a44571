"""The stress suite: a YAML file that says which faults, how severe, when and on how many seeds."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from stress.catalogue import FAMILIES, build_fault
from stress.catalogue.base import Fault, Severity, Window
from twin import units
from twin.errors import UsageError
from twin.network.world import World
from twin.scenario.findings import did_you_mean, shown
from twin.scenario.quantities import Model, Name, Share

_PERCENT = re.compile(r"\s*[\d.]+\s*%\s*\Z")
MAX_CASES = 1_000_000


def _moment(value: Any) -> Any:
    """Check a moment as it stands in the file; it is resolved when the horizon is known."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("expected a share of the horizon such as 25 %, or a time such as 30 d")
    text = str(value) if isinstance(value, str) else f"{value:g} d"
    try:
        at = units.share(text) if _PERCENT.match(text) else units.duration_d(text)
    except UsageError as error:
        raise ValueError(f"{error.what}: got {error.got}, expected such as 25 % or 30 d") from None
    if at < 0 or (_PERCENT.match(text) and at > 1):
        raise ValueError(f"got {text}, expected a moment inside the horizon")
    return text


Moment = Annotated[str, BeforeValidator(_moment)]
"""``25 %`` of the horizon, or ``30 d`` from its start (a bare number is days)."""


def moment_d(text: str, horizon_d: float) -> float:
    """Days from the start of a moment.

    >>> moment_d("25 %", 120.0), moment_d("36 h", 120.0)
    (30.0, 1.5)
    """
    if _PERCENT.match(text):
        return units.share(text) * horizon_d
    return units.duration_d(text)


class WindowSpec(Model):
    """When a fault may strike."""

    start: Moment = "25 %"
    end: Moment = "75 %"

    def of(self, world: World, heal: float) -> Window:
        """The window in days; it never reaches into the healed share at the end.

        Raises UsageError when nothing is left of it.
        """
        horizon = world.periods * world.period_d
        start = moment_d(self.start, horizon)
        end = min(moment_d(self.end, horizon), horizon * (1 - heal))
        if end <= start:
            raise UsageError(
                "the fault's window is empty",
                "window",
                f"{start:g} d to {end:g} d, healed after {horizon * (1 - heal):g} d",
                "an end after the start",
            )
        return Window(start, end)


class FaultPlan(Model):
    """How one family of faults is applied."""

    severities: tuple[Severity, ...] = (1, 2, 3, 4, 5)
    """Which rungs of the ladder: 0 off, 1 trace, 2 mild, 3 moderate, 4 severe, 5 extreme."""
    window: WindowSpec = WindowSpec()
    seeds: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Seeds per severity; default: the suite's."""
    parameters: dict[Name, float | str] = Field(default={})
    """The fault's own parameters, see ``stress/catalogue/README.md``."""

    @model_validator(mode="after")
    def _each_once(self) -> FaultPlan:
        if not self.severities or len(set(self.severities)) < len(self.severities):
            raise ValueError("expected at least one severity, each listed once")
        return self


def _known_family(name: str) -> str:
    if name not in FAMILIES:
        raise ValueError(f"unknown fault {shown(name)}; {did_you_mean(name, FAMILIES)}")
    return name


class StressSuite(Model):
    """Everything a campaign does besides the scenario and the policies."""

    kind: Literal["stress"] = "stress"
    name: Name
    description: Annotated[str, Field(max_length=10_000)] = ""
    nominal_seeds: Annotated[int, Field(ge=1, le=100_000)] = 20
    """Undisturbed episodes per policy."""
    seeds: Annotated[int, Field(ge=1, le=100_000)] = 5
    """Episodes per policy, fault and severity."""
    first_seed: Annotated[int, Field(ge=0, le=2**53)] = 1_000_000
    """All policies and faults use the seeds from here on, so that results are paired."""
    heal: Annotated[Share, Field(ge=0.05, le=0.9)] = 0.2
    """Share of the horizon, at its end, in which every fault is healed."""
    faults: Annotated[
        dict[Annotated[str, AfterValidator(_known_family)], FaultPlan], Field(max_length=100)
    ] = Field(default={})

    @model_validator(mode="after")
    def _buildable(self) -> StressSuite:
        for family, plan in self.faults.items():
            try:
                build_fault(family, plan.parameters)
            except UsageError as error:
                raise ValueError(str(error)) from None
        if self.cases_per_policy > MAX_CASES:
            raise ValueError(f"got {self.cases_per_policy:,} cases, expected at most {MAX_CASES:,}")
        return self

    @property
    def cases_per_policy(self) -> int:
        """How many episodes each policy plays."""
        struck = sum(len(p.severities) * (p.seeds or self.seeds) for p in self.faults.values())
        return self.nominal_seeds + struck

    def fault(self, family: str) -> Fault:
        """The fault of one family with the suite's parameters."""
        return build_fault(family, self.faults[family].parameters)
