"""What an architecture's fleet is besides its cost: who contributes, and what faults take away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.credit.replay import Game
from agents.credit.shapley import shapley
from stress.case import Case, PolicyRef, ScenarioRef, Strike, rule_text
from stress.catalogue import Window
from stress.run_case import run_case
from twin.env.policy import Policy
from twin.env.rules import OrderingRule
from twin.network.world import World
from twin.scenario import Scenario

Floats = NDArray[np.float64]
FAULTS = ("obs.stale", "tool.error", "channel.loss", "world.lead_time", "world.demand_surge")
"""Answers of yesterday, tools that fail, messages that are lost, late goods, a wave of demand."""
SEVERITY = 3
FIRST_PART, LAST_PART = 0.2, 0.8
"""Shares of the horizon between which faults strike."""


def balance(world: World, policy: Policy, rule: OrderingRule, seeds: Sequence[int]) -> float:
    """How evenly agents contribute: 1 where all do alike, 1 / agents where one does everything.

    The exponential of the entropy of the positive Shapley values' shares, over the number of
    agents; 0 where nobody contributes.
    """
    value = shapley(Game(world, policy, rule), seeds).shapley.mean(axis=0)
    return evenness(value)


def evenness(value: Floats) -> float:
    """Effective number of contributors over the number of all.

    >>> evenness(np.array([1.0, 1.0, 1.0, -1.0]))
    0.75
    """
    positive = value[value > 0]
    if not positive.size:
        return 0.0
    share = positive / positive.sum()
    return round(float(np.exp(-(share * np.log(share)).sum()) / value.size), 12)


def fall(
    scenario: Scenario, world: World, bundle: Path, rule: OrderingRule, seeds: Sequence[int]
) -> float:
    """How much of what the fleet saves faults take away, as a share of the static policy's cost.

    Both play the same faults on the same seeds behind the tools; mean over faults that have a place
    in the scenario.
    """
    ref, fallback = ScenarioRef.of(scenario), rule_text(world, rule)
    fleet, static = PolicyRef.of_bundle("fleet", bundle), PolicyRef.of_rule("static", world, rule)

    def saved(*strikes: Strike) -> float:
        cost = [
            [_cost(ref, who, fallback, seed, strikes) for seed in seeds] for who in (static, fleet)
        ]
        before, after = np.mean(cost, axis=1)
        return float((before - after) / abs(before))

    days = world.model.horizon
    window = Window(FIRST_PART * days, LAST_PART * days)
    calm = saved()
    hit = [saved(Strike(family, SEVERITY, window)) for family in FAULTS]
    return calm - float(np.mean(hit))


def _cost(
    ref: ScenarioRef, who: PolicyRef, fallback: str, seed: int, strikes: tuple[Strike, ...]
) -> float:
    case = Case(ref, who, fallback, seed)
    for strike in strikes:
        case = Case.struck(ref, who, fallback, seed, strike)
    result = run_case(case)
    if result.error:
        raise RuntimeError(f"{case.label}: {result.error}")
    return result.cost
