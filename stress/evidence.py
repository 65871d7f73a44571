"""Case results, indexed so that two policies can be compared seed by seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from stress.results import NOMINAL, CaseResult
from stress.statistics import Pairs, pairs
from twin.errors import UsageError

FLEET, BASELINE, CHAMPION = "fleet", "baseline", "champion"
Cell = tuple[str, int]
"""A fault family and a severity."""
CALM: Cell = (NOMINAL, 0)
BySeed = dict[int, CaseResult]


@dataclass(frozen=True)
class Evidence:
    """The cases of a campaign; each (policy, scenario, fault, severity, seed) counts once."""

    cases: tuple[CaseResult, ...]
    index: dict[tuple[str, str, Cell], BySeed] = field(repr=False)
    """The same cases by (policy, scenario, cell) and seed, crashed ones left out."""

    def sound(self, policy: str, scenario: str, cell: Cell = CALM) -> BySeed:
        """Cases of a cell that ran to their end, by seed."""
        return self.index.get((policy, scenario, cell), {})

    def of(self, policy: str) -> tuple[CaseResult, ...]:
        """All cases of a policy, crashed ones included."""
        return tuple(case for case in self.cases if case.policy == policy)

    def in_cell(self, policy: str, cell: Cell) -> tuple[CaseResult, ...]:
        """Cases of a policy under one fault and severity that ran to their end."""
        return tuple(c for s in self.scenarios for c in self.sound(policy, s, cell).values())

    def struck(self, *families: str) -> tuple[CaseResult, ...]:
        """Cases of the fleet under these families, at a severity above zero."""
        return tuple(c for c in self.of(FLEET) if c.fault in families and c.severity > 0)

    @cached_property
    def scenarios(self) -> tuple[str, ...]:
        """Names of the scenarios the fleet was run on."""
        return tuple(sorted({case.scenario for case in self.of(FLEET)}))

    @cached_property
    def families(self) -> tuple[str, ...]:
        """Fault families the fleet was put through, at a severity above zero."""
        fleet = self.of(FLEET)
        return tuple(sorted({c.fault for c in fleet if c.fault != NOMINAL and c.severity > 0}))

    def severities(self, family: str) -> tuple[int, ...]:
        """Severities above zero at which the fleet met a family."""
        return tuple(sorted({case.severity for case in self.struck(family)}))

    def nominal_pairs(self, reference: str) -> tuple[Pairs, ...]:
        """Costs of fleet and reference on the same undisturbed seeds, per scenario."""
        return tuple(self._paired(reference, scenario) for scenario in self.scenarios)

    def _paired(self, reference: str, scenario: str) -> Pairs:
        fleet, other = self.sound(FLEET, scenario), self.sound(reference, scenario)
        seeds = sorted(fleet.keys() & other.keys())
        return pairs(scenario, [fleet[s].cost for s in seeds], [other[s].cost for s in seeds])

    def stressed(self, reference: str, cell: Cell) -> tuple[StressedPairs, ...]:
        """Costs of fleet and reference, undisturbed and under one fault, per scenario it ran on."""
        found = (self._stressed(reference, scenario, cell) for scenario in self.scenarios)
        return tuple(group for group in found if group is not None)

    def _stressed(self, reference: str, scenario: str, cell: Cell) -> StressedPairs | None:
        runs = [self.sound(p, scenario, c) for c in (CALM, cell) for p in (FLEET, reference)]
        if not runs[2]:
            return None
        seeds = sorted(set.intersection(*(set(run) for run in runs)))
        calm_fleet, calm_other, fleet, other = ([run[s].cost for s in seeds] for run in runs)
        return StressedPairs(pairs(scenario, calm_fleet, calm_other), pairs(scenario, fleet, other))


@dataclass(frozen=True)
class StressedPairs:
    """The same seeds twice: undisturbed and under one fault."""

    calm: Pairs
    stressed: Pairs

    @property
    def lost(self) -> Pairs:
        """Pairs whose cost ratio less one is the share of cost by which the fleet's lead shrank.

        The reference's undisturbed cost, and that cost plus what the fault adds for the fleet
        beyond what it adds for the reference.
        """
        fleet_adds = self.stressed.challenger - self.calm.challenger
        reference_adds = self.stressed.baseline - self.calm.baseline
        base = self.calm.baseline
        return Pairs(self.calm.name, base + fleet_adds - reference_adds, base)


def gather(cases: Iterable[CaseResult]) -> Evidence:
    """Index cases; one that occurs twice with the same content counts once.

    Raises UsageError when two different results claim to be the same case.
    """
    unique: dict[tuple[str, str, Cell, int], CaseResult] = {}
    for case in cases:
        key = (case.policy, case.scenario, (case.fault, case.severity), case.seed)
        if unique.setdefault(key, case) != case:
            name = f"{case.policy}, {case.scenario}, {case.fault}/{case.severity}"
            raise UsageError("two results for one case", name, f"seed {case.seed} twice")
    index: dict[tuple[str, str, Cell], BySeed] = {}
    for (policy, scenario, cell, seed), case in unique.items():
        if not case.error:
            index.setdefault((policy, scenario, cell), {})[seed] = case
    return Evidence(tuple(unique.values()), index)


def smallest(groups: Sequence[Pairs]) -> int:
    """Pairs in the scenario that has the fewest; 0 where there is none."""
    return min((group.n for group in groups), default=0)
