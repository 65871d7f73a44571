"""The stress suite: a YAML file that says which faults, how severe, when and on how many seeds.

faults      each family alone, rung by rung
compounds   several families at once, under a name
swarm       drawn sets of families, each at a drawn severity
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from stress.catalogue import FAMILIES, TRAINING_FAMILIES, Severity, parameter_findings
from stress.windows import Moment, WindowSpec
from twin.errors import UsageError
from twin.scenario.findings import Finding, did_you_mean, shown
from twin.scenario.findings import Path as DataPath
from twin.scenario.quantities import Model, Name, Share

MAX_CASES = 1_000_000
Parameters = dict[Name, bool | float | str]
Seeds = Annotated[int, Field(ge=1, le=100_000)]
Rungs = Annotated[tuple[Severity, ...], Field(min_length=1)]


def _known_family(name: str) -> str:
    if name not in FAMILIES:
        raise ValueError(f"unknown fault {shown(name)}; {did_you_mean(name, FAMILIES)}")
    return name


def _known_training_family(name: str) -> str:
    if name not in TRAINING_FAMILIES:
        hint = did_you_mean(name, TRAINING_FAMILIES)
        raise ValueError(f"unknown fault of training {shown(name)}; {hint}")
    return name


def _each_once(severities: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(severities)) < len(severities):
        raise ValueError("expected each severity to be listed once")
    return severities


Family = Annotated[str, AfterValidator(_known_family)]
TrainingFamily = Annotated[str, AfterValidator(_known_training_family)]
Severities = Annotated[Rungs, AfterValidator(_each_once)]


class FaultPlan(Model):
    """How one family of faults is applied."""

    severities: Severities = (1, 2, 3, 4, 5)
    """Which rungs of the ladder: 0 off, 1 trace, 2 mild, 3 moderate, 4 severe, 5 extreme."""
    window: WindowSpec = WindowSpec()
    seeds: Seeds | None = None
    """Seeds per severity; default: the suite's."""
    parameters: Parameters = Field(default={})
    """The fault's own parameters, see ``stress/catalogue/README.md``."""


class Member(Model):
    """One fault of a compound."""

    severity: Severity | None = None
    """A rung of its own; default: that of the compound."""
    window: WindowSpec | None = None
    """A window of its own; default: that of the compound."""
    parameters: Parameters = Field(default={})
    """The fault's own parameters."""


class Compound(Model):
    """Several faults at once."""

    faults: Annotated[dict[Family, Member], Field(min_length=1, max_length=100)]
    """Which, in the order in which they are applied."""
    severities: Severities = (1, 2, 3)
    """Rungs of all members that have none of their own."""
    window: WindowSpec = WindowSpec()
    seeds: Seeds | None = None
    """Seeds per severity; default: the suite's."""


class TrainingPlan(Model):
    """How one family of faults is applied to a training run."""

    severity: Severity = 3
    """The rung of its ladder, from the first update to the last."""


class Swarm(Model):
    """Random sets of faults: every kind is in or out by the toss of a coin."""

    draws: Seeds = 50
    """How many sets; each strikes on a seed of its own, the same one for every policy."""
    probability: Share = 0.5
    """Probability that a kind is in a set."""
    cap: Annotated[int, Field(ge=1, le=5)] = 3
    """Severities are drawn uniformly from 1 to this."""
    faults: Annotated[tuple[Family, ...], Field(max_length=100)] = ()
    """The kinds to draw from; default: all there are."""
    window: WindowSpec = WindowSpec()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds to draw from."""
        return tuple(dict.fromkeys(self.faults)) or tuple(FAMILIES)


class SteadyState(Model):
    """What undisturbed episodes must show before anything is stressed, besides keeping all laws."""

    min_fill_rate: Share = 0.0
    """Least mean fill rate of every policy."""
    max_cost_ratio: Annotated[float, Field(gt=0, le=1_000)] | None = None
    """Most that a policy may cost on average, in multiples of the static baseline."""


class RecoverySpec(Model):
    """What has to be true again after the last fault is healed (invariant 28)."""

    within: Moment = "10 %"
    """Time for backlog and service to come back: a share of the horizon, or days. It counts from
    when goods ordered at the moment of healing can have come all the way through the network."""
    band: Share = 0.2
    """How far from the undisturbed run of the same seed they may still be."""


class StressSuite(Model):
    """Everything a campaign does besides the scenario and the policies."""

    kind: Literal["stress"] = "stress"
    name: Name
    description: Annotated[str, Field(max_length=10_000)] = ""
    nominal_seeds: Seeds = 20
    """Undisturbed episodes per policy."""
    seeds: Seeds = 5
    """Episodes per policy, fault and severity."""
    first_seed: Annotated[int, Field(ge=0, le=2**53)] = 1_000_000
    """All policies and faults use the seeds from here on, so that results are paired."""
    heal: Annotated[Share, Field(ge=0.05, le=0.9)] = 0.2
    """Share of the horizon, at its end, in which every fault is healed."""
    steady_state: SteadyState = SteadyState()
    """Where undisturbed episodes do not show this, the campaign stops before the first fault."""
    recovery: RecoverySpec = RecoverySpec()
    """What has to be true in the rest of that share."""
    faults: Annotated[dict[Family, FaultPlan], Field(max_length=100)] = Field(default={})
    """Families that strike alone."""
    compounds: Annotated[dict[Name, Compound], Field(max_length=1_000)] = Field(default={})
    """Families that strike together, by a name of your own."""
    swarm: Swarm | None = None
    """Families that strike together as they are drawn."""
    training: Annotated[dict[TrainingFamily, TrainingPlan], Field(max_length=100)] = Field(
        default={}
    )
    """Families that strike a training run that is hardened by the suite, not episodes."""

    @model_validator(mode="after")
    def _bounded(self) -> StressSuite:
        if self.cases_per_policy > MAX_CASES:
            raise ValueError(f"got {self.cases_per_policy:,} cases, expected at most {MAX_CASES:,}")
        return self

    @property
    def cases_per_policy(self) -> int:
        """How many episodes each policy plays."""
        plans: list[FaultPlan | Compound] = [*self.faults.values(), *self.compounds.values()]
        struck = sum(len(plan.severities) * (plan.seeds or self.seeds) for plan in plans)
        return self.nominal_seeds + struck + (self.swarm.draws if self.swarm else 0)

    def on_more_seeds(self, times: int) -> StressSuite:
        """The same suite with so many times the stressed episodes; undisturbed ones stay.

        Raises UsageError when that is more than a campaign may have.
        """
        if times == 1:
            return self
        data = self.model_dump()
        data["seeds"] *= times
        for plan in (*data["faults"].values(), *data["compounds"].values()):
            plan["seeds"] = plan["seeds"] and plan["seeds"] * times
        if data["swarm"]:
            data["swarm"]["draws"] *= times
        try:
            return StressSuite.model_validate(data)
        except ValidationError as error:
            raise UsageError(
                "too many stressed episodes", "--times", str(times), str(error.errors()[0]["msg"])
            ) from None

    def findings(self) -> Iterator[Finding]:
        """What is wrong with the parameters of its faults, each with its place in the file."""
        for family, plan in self.faults.items():
            yield from _parameters(family, plan.parameters, ("faults", family))
        for name, compound in self.compounds.items():
            for family, member in compound.faults.items():
                where = ("compounds", name, "faults", family)
                yield from _parameters(family, member.parameters, where)


def _parameters(family: str, parameters: Parameters, where: DataPath) -> Iterator[Finding]:
    for finding in parameter_findings(family, parameters):
        path = (*where, "parameters", *finding.path)
        yield Finding(path, finding.message, finding.hint, finding.at_key)
