"""Plant four faults at every agent of a trained fleet: whom do the audit and the screen name?

    python -m tests.benchmarks.credit runs/<id>

    copycat     decides what the static policy decides
    frozen      decides the same on every day: its mean decision
    saboteur    a third of what it would decide
    free rider  the static policy's decision, a little more one day and a little less the next

An agent counts as named by leave-one-out where the team is better off without it beyond doubt.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from agents.baselines import rule_from_json
from agents.checkpoint.bundle import load_policy
from agents.credit.audit import audit
from agents.credit.record import Audit
from agents.credit.replay import Game
from agents.runs import open_run
from agents.stages import STATIC
from twin.env.agents import AgentSpec
from twin.env.policy import Policy, RulePolicy
from twin.network.world import compile_world
from twin.scenario import load

Floats = NDArray[np.float64]
Change = Callable[[Floats, Floats, Floats], Floats]
"""From an observation, the fleet's decision and the static policy's to the planted decision."""
SEEDS = range(2_000_000, 2_000_128)
RESTLESS = 0.02
"""Share of its decision by which a free rider moves."""


class Planted:
    """A fleet with one agent spoilt."""

    takes_columns = True

    def __init__(self, policy: Policy, static: RulePolicy, agent: str, change: Change) -> None:
        self.name = f"{policy.name} with a fault at {agent}"
        self._policy = policy
        self._static = static
        self._agent = agent
        self._change = change

    def reset(self, seed: int) -> None:
        """Start a new episode."""
        self._policy.reset(seed)

    def act(self, observations: Mapping[str, Floats]) -> dict[str, Floats]:
        """The fleet's decisions, one of them spoilt."""
        found = self._policy.act(observations)
        if self._agent in found:
            seen = observations[self._agent]
            default = self._static.act({self._agent: seen})[self._agent]
            found[self._agent] = self._change(seen, found[self._agent], default)
        return found


def faults(game: Game, spec: AgentSpec) -> dict[str, Change]:
    """The four faults for one agent."""
    mean = usual_decision(game, spec)

    def restless(seen: Floats, wish: Floats, default: Floats) -> Floats:
        sign = 2 * (spec.period(seen) % 2) - 1
        moved: Floats = default * (1 + RESTLESS * sign)
        return np.round(moved) if spec.role == "dispatch" else moved

    return {
        "copycat": lambda seen, wish, default: default,
        "frozen": lambda seen, wish, default: 0 * wish + mean.reshape(-1, *(1,) * (wish.ndim - 1)),
        "saboteur": lambda seen, wish, default: wish / 3,
        "free rider": restless,
    }


def usual_decision(game: Game, spec: AgentSpec) -> Floats:
    """What a frozen agent decides: the mean flow of each lane, or half of the vehicles."""
    world = game.world
    if spec.role == "dispatch":
        half = np.full(len(spec.lanes), np.ceil(world.fleets[spec.index].vehicles / 2))
        return np.concatenate([half, np.zeros(len(spec.lanes))])
    flow = world.throughput[world.destination[spec.lanes]] * world.share[spec.lanes, None]
    found: Floats = flow.ravel()
    return found


def main(folder: Path) -> None:
    """Print the table for the fleet of a run."""
    run = open_run(folder)
    world = compile_world(load(folder / "scenario.yaml").model)
    rows = run.read_json("baselines.json")
    rule = rule_from_json(world, rows[STATIC]["rule"])
    game = Game(world, load_policy(run.bundle, world), rule)
    static = RulePolicy(world, rule)
    table = Table("fault", "at", "verdict", "value", "audit names", "leave-one-out names", "s")
    add(table, "none", "", audit(game, SEEDS))
    named, screened = [], []
    for spec in game.players:
        for fault, change in faults(game, spec).items():
            planted = Planted(game.policy, static, spec.name, change)
            found = audit(replace(game, policy=planted), SEEDS)
            add(table, fault, spec.name, found)
            named.append((spec.name, {row.agent for row in found.blamed}))
            screened.append((spec.name, flagged(found)))
    console = Console(width=150)
    console.print(table)
    for who, rows in (("the audit", named), ("leave-one-out", screened)):
        hits = sum(culprit in blamed for culprit, blamed in rows)
        alone = sum(blamed == {culprit} for culprit, blamed in rows)
        console.print(f"{who} names the culprit in {hits} of {len(rows)}, and only it in {alone}")


def flagged(found: Audit) -> set[str]:
    """Agents without which the team is better off beyond doubt."""
    return {row.agent for row in found.agents if row.leave_one_out.high < 0}


def add(table: Table, fault: str, where: str, found: Audit) -> None:
    """One line of the table."""
    own = next((row for row in found.agents if row.agent == where), None)
    table.add_row(
        fault,
        where,
        "" if own is None else f"{own.verdict} {own.reason}",
        "" if own is None or own.shapley is None else f"{own.shapley.value:.3g}",
        ", ".join(row.agent for row in found.blamed) or "nobody",
        ", ".join(sorted(flagged(found))) or "nobody",
        f"{found.seconds:.1f}",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
