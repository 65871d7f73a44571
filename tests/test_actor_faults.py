"""Laws of faults in what agents do: decisions lost, late, repeated or turned, agents away."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stress.catalogue import PeopleFault, build_fault
from stress.catalogue.actors import FaultyPolicy
from tests.struck_world import SHOP, WINDOW, Greedy, actor, decisions, struck_world
from twin.env.agents import agent_specs
from twin.env.rules import default_rule
from twin.exogenous.path import draw_path
from twin.network.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return struck_world()


def test_a_dropped_decision_is_none_at_all(world) -> None:
    wishes = decisions(actor(world, "act.drop"), world)
    assert None in wishes[5:15]
    assert all(wish in (None, float(t)) for t, wish in enumerate(wishes))


def test_a_delayed_decision_is_that_of_the_epoch_before(world) -> None:
    wishes = decisions(actor(world, "act.delay"), world)
    late = [t for t, wish in enumerate(wishes) if wish != t]
    assert late
    assert all(wishes[t] == t - 1 and 5 < t < 15 for t in late)


def test_a_stuck_actuator_repeats_itself_for_its_epochs(world) -> None:
    wishes = decisions(actor(world, "act.stuck", epochs=3), world)
    stuck = [t for t, wish in enumerate(wishes) if wish != t]
    assert len(stuck) >= 3
    assert all(wishes[t] == wishes[t - 1] for t in stuck)


def test_an_adversary_orders_nothing_or_several_times_as_much(world) -> None:
    wishes = decisions(actor(world, "act.adversarial"), world)
    assert {wish / t for t, wish in enumerate(wishes) if t and wish is not None} <= {0.0, 1.0, 3.0}
    starved = decisions(actor(world, "act.adversarial", goal="starve"), world)
    assert 0.0 in starved[5:15]


def test_a_paused_agent_wakes_with_its_old_decision(world) -> None:
    wishes = decisions(actor(world, "actor.pause"), world)
    away = [t for t, wish in enumerate(wishes) if wish is None]
    woken = [t for t in range(1, 15) if wishes[t] is not None and wishes[t - 1] is None]
    assert away
    assert all(wishes[t] < t for t in woken)


def test_a_crashed_agent_says_nothing_and_comes_back(world) -> None:
    wishes = decisions(actor(world, "actor.crash"), world)
    assert None in wishes[5:15]
    assert None not in wishes[:5] + wishes[15:]


def test_a_byzantine_agent_may_send_what_no_gateway_may_pass_on(world) -> None:
    made = actor(world, "actor.byzantine")
    sent = [wish for seed in range(8) for wish in _reseeded(made, seed, world)]
    assert any(math.isnan(wish) for wish in sent if wish is not None)
    assert any(wish < 0 for wish in sent if wish is not None)


def _reseeded(made: FaultyPolicy, seed: int, world: World) -> list[float | None]:
    made.reset(seed)
    spec = next(spec for spec in agent_specs(world) if spec.name == SHOP)
    found = []
    for t in range(world.periods):
        observation = np.full(spec.size, 4.0)
        observation[spec.slices["clock"].start] = t
        wish = made.act({SHOP: observation})[SHOP]
        found.append(float(wish[0]) if len(wish) else None)
    return found


def test_killed_agents_are_silent_and_revived_before_the_end(world) -> None:
    from agents.gateway.episode import run_through_tools

    fault = build_fault("actor.kill_switch")
    assert isinstance(fault, PeopleFault)
    incident = fault.incident(5, WINDOW)
    rule = default_rule(world)
    outcome = run_through_tools(
        world, draw_path(world, 2), Greedy(), rule, 2, trace=True, incidents=[incident]
    )
    killed = [d.epoch for d in outcome.trace if d.verdict == "killed"]
    assert outcome.kills == incident.fired > 0
    assert killed
    assert all(5 <= epoch < 15 for epoch in killed)
    assert not outcome.violations
