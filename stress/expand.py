"""From a suite to its cases: undisturbed ones, faults alone, compounds, the swarm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from stress.case import Case, Parameter, PolicyRef, Recovery, ScenarioRef, Strike
from stress.catalogue import Window, build_fault
from stress.contestants import world_of
from stress.spec import Compound, Parameters, StressSuite, Swarm
from stress.windows import moment_d
from twin.errors import NothingSelectedError, UsageError
from twin.exogenous.streams import stream
from twin.network.world import World
from twin.scenario.findings import did_you_mean

SWARM = "swarm"
COMPOUND = "compound."


@dataclass(frozen=True)
class Campaign:
    """What is to be run."""

    suite: StressSuite
    scenarios: tuple[ScenarioRef, ...]
    policies: tuple[PolicyRef, ...]
    fallback: str
    """JSON of the ordering rule that takes over where an agent cannot act."""


def expand(campaign: Campaign) -> tuple[Case, ...]:
    """All cases: undisturbed ones first, then fault by fault; policies of a seed side by side.

    A fault that a scenario has no place for is left out, as ``left_out`` says. Raises
    NothingSelectedError without a policy or a scenario, UsageError for two of one name, for
    parameters that do not fit their fault, and for a window that is empty.
    """
    _each_once("policies", [policy.name for policy in campaign.policies])
    _each_once("scenarios", [scenario.name for scenario in campaign.scenarios])
    cases = [case for scenario in campaign.scenarios for case in _nominal(campaign, scenario)]
    for scenario in campaign.scenarios:
        world = world_of(scenario)
        recovery = _recovery(campaign.suite, world)
        for name, severity, seed, drawn in _struck(campaign.suite, world):
            strikes = tuple(s for s in drawn if not build_fault(s.family).lacks(world))
            cases.extend(
                Case(scenario, policy, campaign.fallback, seed, name, severity, strikes, recovery)
                for policy in campaign.policies
                if strikes
            )
    return tuple(cases)


def left_out(campaign: Campaign) -> tuple[str, ...]:
    """The faults that mean nothing in a scenario, each with the reason."""
    suite = campaign.suite
    named = [*suite.faults, *(f for c in suite.compounds.values() for f in c.faults)]
    named += suite.swarm.kinds if suite.swarm else ()
    found = [
        f"{family} in {scenario.name}: {reason}"
        for scenario in campaign.scenarios
        for family in dict.fromkeys(named)
        if (reason := build_fault(family).lacks(world_of(scenario)))
    ]
    trained = [
        f"{name}: it strikes a training run (twin train --harden)" for name in suite.training
    ]
    return (*found, *trained)


def strikes_of(suite: StressSuite, world: World, case: str) -> tuple[Strike, ...]:
    """The faults of the first case called ``NAME/SEVERITY``.

    Raises NothingSelectedError, with a suggestion, when a suite has no such case.
    """
    known: dict[str, tuple[Strike, ...]] = {}
    for name, severity, _, strikes in _struck(suite, world):
        known.setdefault(f"{name}/{severity}", strikes)
    if case not in known:
        raise NothingSelectedError("no such case", "--case", case, "", did_you_mean(case, known))
    return known[case]


def strike_ladders(
    suite: StressSuite, world: World
) -> dict[str, list[tuple[int, tuple[Strike, ...]]]]:
    """The faults of every entry of a suite but the swarm: by severity, mildest first."""
    found: dict[str, dict[int, tuple[Strike, ...]]] = {}
    for name, severity, _, strikes in _struck(suite.model_copy(update={"swarm": None}), world):
        found.setdefault(name, {})[severity] = strikes
    return {name: sorted(rungs.items()) for name, rungs in found.items()}


def _each_once(what: str, names: Sequence[str]) -> None:
    if not names:
        raise NothingSelectedError(f"a campaign without {what}")
    if len(set(names)) < len(names):
        raise UsageError(f"two {what} have the same name", "", ", ".join(names))


def _nominal(campaign: Campaign, scenario: ScenarioRef) -> Iterator[Case]:
    seeds = _seeds(campaign.suite, campaign.suite.nominal_seeds)
    for seed, policy in product(seeds, campaign.policies):
        yield Case(scenario, policy, campaign.fallback, seed)


def _seeds(suite: StressSuite, count: int) -> range:
    return range(suite.first_seed, suite.first_seed + count)


def _recovery(suite: StressSuite, world: World) -> Recovery:
    stated_d = moment_d(suite.recovery.within, world.periods * world.period_d)
    return Recovery(stated_d + through_d(world), suite.recovery.band)


def through_d(world: World) -> float:
    """Days that goods need from the first source to the last node, by the slowest way."""
    reached = np.zeros(len(world.nodes))
    lead = [(world.lead_periods(j) + world.order_lag[j]) for j in range(len(world.lanes))]
    for depth in sorted(set(world.depth[world.source].tolist())):
        for j in np.flatnonzero(world.depth[world.source] == depth):
            i = world.destination[j]
            reached[i] = max(reached[i], reached[world.source[j]] + lead[j])
    return float(reached.max(initial=0.0)) * world.period_d


Struck = tuple[str, int, int, tuple[Strike, ...]]
"""Name, severity, seed and faults of the cases of all policies."""


def _struck(suite: StressSuite, world: World) -> Iterator[Struck]:
    yield from _alone(suite, world)
    for name, compound in suite.compounds.items():
        yield from _together(suite, world, f"{COMPOUND}{name}", compound)
    if suite.swarm is not None:
        yield from _drawn(suite, world, suite.swarm)


def _alone(suite: StressSuite, world: World) -> Iterator[Struck]:
    for family, plan in suite.faults.items():
        window = plan.window.of(world, suite.heal)
        parameters = _sorted_parameters(family, plan.parameters)
        for severity, seed in product(plan.severities, _seeds(suite, plan.seeds or suite.seeds)):
            yield family, severity, seed, (Strike(family, severity, window, parameters),)


def _together(suite: StressSuite, world: World, name: str, compound: Compound) -> Iterator[Struck]:
    for severity in compound.severities:
        strikes = tuple(
            Strike(
                family,
                severity if member.severity is None else member.severity,
                (member.window or compound.window).of(world, suite.heal),
                _sorted_parameters(family, member.parameters),
            )
            for family, member in compound.faults.items()
        )
        for seed in _seeds(suite, compound.seeds or suite.seeds):
            yield name, severity, seed, strikes


def _drawn(suite: StressSuite, world: World, swarm: Swarm) -> Iterator[Struck]:
    window = swarm.window.of(world, suite.heal)
    for seed in _seeds(suite, swarm.draws):
        yield SWARM, swarm.cap, seed, swarm_strikes(swarm, window, seed)


def swarm_strikes(swarm: Swarm, window: Window, seed: int) -> tuple[Strike, ...]:
    """The faults of one set: a stream of its own for every kind, at least one kind in it."""
    luck = {kind: stream(seed, f"swarm/{kind}").random(2) for kind in swarm.kinds}
    chosen = [kind for kind in swarm.kinds if luck[kind][0] < swarm.probability]
    chosen = chosen or [min(swarm.kinds, key=lambda kind: float(luck[kind][0]))]
    return tuple(Strike(kind, 1 + int(luck[kind][1] * swarm.cap), window) for kind in chosen)


def _sorted_parameters(family: str, parameters: Parameters) -> tuple[Parameter, ...]:
    build_fault(family, parameters)
    return tuple(sorted(parameters.items()))
