"""A plan of attack: which faults strike, how severely, when, with what parameters, on which seed.

A plan says exactly as much as a stress suite of one case, and is played as that suite would be, so
that the file written of a failure replays the failure itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from stress.case import Parameter, Strike
from stress.spec import Compound, FaultPlan, Member, StressSuite
from stress.windows import WindowSpec
from twin.network.world import World

COMPOUND = "attack"
"""Name of the compound that several faults together make."""


@dataclass(frozen=True)
class Hit:
    """One fault of a plan; its window counts in periods and ends before ``last``."""

    family: str
    severity: int
    first: int
    last: int
    parameters: tuple[Parameter, ...] = ()
    """Those that are not at their default, sorted by name."""

    @property
    def effort(self) -> int:
        """What it takes: severity times the periods of its window."""
        return self.severity * (self.last - self.first)


@dataclass(frozen=True)
class Plan:
    """Everything the adversary decides about one case; each family at most once."""

    hits: tuple[Hit, ...]
    seed: int

    @property
    def effort(self) -> int:
        """Severity times periods, over all faults; the cheapest failure has the least."""
        return sum(hit.effort for hit in self.hits)

    @property
    def name(self) -> str:
        """What a person calls it: ``obs.stale/3 + channel.loss/1#1000002``."""
        struck = " + ".join(f"{hit.family}/{hit.severity}" for hit in self.hits)
        return f"{struck}#{self.seed}"

    def with_hit(self, index: int, hit: Hit) -> Plan:
        """The plan with another fault in one place."""
        return replace(self, hits=(*self.hits[:index], hit, *self.hits[index + 1 :]))


def suite_of(
    plan: Plan, terms: StressSuite, world: World, name: str, description: str = ""
) -> StressSuite:
    """The stress suite whose only struck case is the plan's; healing and recovery as in ``terms``.

    One fault is listed alone, several are a compound.
    """
    faults, compounds = {}, {}
    if len(plan.hits) == 1:
        (hit,) = plan.hits
        faults[hit.family] = FaultPlan(
            severities=(hit.severity,),
            window=window_of(hit, world),
            parameters=dict(hit.parameters),
        )
    else:
        members = {
            hit.family: Member(
                severity=hit.severity, window=window_of(hit, world), parameters=dict(hit.parameters)
            )
            for hit in plan.hits
        }
        most = max(hit.severity for hit in plan.hits)
        compounds[COMPOUND] = Compound(faults=members, severities=(most,))
    return StressSuite(
        name=name,
        description=description,
        nominal_seeds=1,
        seeds=1,
        first_seed=plan.seed,
        heal=terms.heal,
        recovery=terms.recovery,
        faults=faults,
        compounds=compounds,
    )


def hit_of(strike: Strike, world: World) -> Hit:
    """The fault of a case as a hit, its window rounded to whole periods of at least one."""
    first = round(strike.window.start_d / world.period_d)
    last = max(round(strike.window.end_d / world.period_d), first + 1)
    return Hit(strike.family, strike.severity, first, last, strike.parameters)


def window_of(hit: Hit, world: World) -> WindowSpec:
    """The window as a suite says it, in days that read back exactly."""
    return WindowSpec(start=_days(hit.first, world), end=_days(hit.last, world))


def _days(period: int, world: World) -> str:
    """A moment that reads back as exactly the same number of days."""
    days = period * world.period_d
    short = f"{days:g}"
    return f"{short if float(short) == days else repr(days)} d"
