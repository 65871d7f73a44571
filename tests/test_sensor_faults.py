"""Laws of faults in what agents see: noise, bias, stale, frozen, lost and spoofed numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.struck_world import actor, decisions, layer, shown, stock, struck_world, transit
from twin.env.agents import agent_specs
from twin.env.policy import RulePolicy
from twin.env.rules import default_rule
from twin.network.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return struck_world()


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_noise_has_the_relative_deviation_of_its_ladder(world, distribution) -> None:
    made = layer(world, "obs.noise", 4, distribution=distribution)
    errors = np.array([shown(made, stock(100.0), k)[0] / 100.0 - 1 for k in range(2_000)])
    assert errors.std() == pytest.approx(0.10, rel=0.1)
    assert abs(errors.mean()) < 0.01


def test_a_reading_that_is_asked_for_twice_is_the_same_twice(world) -> None:
    made = layer(world, "obs.noise", 5)
    assert shown(made, stock(10.0, 7.0), 3) == shown(made, stock(10.0, 7.0), 3)


def test_a_bias_is_the_same_every_day(world) -> None:
    made = layer(world, "obs.bias", 5, direction="down")
    assert {shown(made, stock(100.0), k)[0] for k in range(20)} == {80.0}


def test_a_stale_reading_is_an_old_one_that_claims_to_be_new(world) -> None:
    made = layer(world, "obs.stale", 2)
    for t in range(3, 9):
        seen = shown(made, stock(float(t), as_of=t), t, float(t))
        assert seen == [float(t if t < 5 else t - 2)]


def test_an_honest_stale_reading_says_so(world) -> None:
    made = layer(world, "obs.stale", 2, honest=True)
    made.answer(transit(3, 3.0), stock(3.0, as_of=3))
    answer = json.loads(made.answer(transit(5, 5.0), stock(5.0, as_of=5)) or b"")
    assert (answer["as_of"], answer["on_hand"]) == (3, [3.0])


def test_a_frozen_sensor_jumps_to_the_truth_now_and_then(world) -> None:
    made = layer(world, "obs.freeze", 2)
    seen = [shown(made, stock(float(t), as_of=t), t, float(t))[0] for t in range(5, 12)]
    assert seen == [5, 5, 5, 8, 8, 8, 11]


@pytest.mark.parametrize(("fill", "value"), [("zero", 0.0), ("mean", 2.0), ("last", 7.0)])
def test_a_dropped_number_is_filled_in(world, fill, value) -> None:
    made = layer(world, "obs.dropout", 5, fill=fill)
    made.answer(transit(5, 5.0), stock(7.0, 7.0, 7.0, as_of=5))
    numbers = [x for k in range(50) for x in shown(made, stock(1.0, 2.0, 3.0), k)]
    lost = [x for x, true in zip(numbers, [1.0, 2.0, 3.0] * 50, strict=True) if x != true]
    assert set(lost) == {value}
    assert 40 < len(lost) < 110


@pytest.mark.parametrize("attacker", ["random", "search", "learned"])
def test_a_spoofed_number_stays_within_epsilon(world, attacker) -> None:
    wishes = decisions(actor(world, "obs.spoof", 5, attacker=attacker), world)
    for t, wish in enumerate(wishes):
        assert wish is not None
        assert abs(wish - t) <= 0.2 * t + 1e-9
    assert wishes[:5] == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_an_attacker_that_searches_moves_decisions_more_than_one_that_does_not(world) -> None:
    policy = RulePolicy(world, default_rule(world))
    moved = {}
    for attacker in ("random", "search"):
        made = actor(world, "obs.spoof", 5, policy, attacker=attacker)
        spec = agent_specs(world)[0]
        total = 0.0
        for t in range(5, 15):
            observation = np.full(spec.size, 10.0)
            observation[spec.slices["clock"]] = 0.0
            observation[spec.slices["clock"].start] = t
            sound = policy.act({spec.name: observation})[spec.name]
            total += float(np.abs(made.act({spec.name: observation})[spec.name] - sound).sum())
        moved[attacker] = total
    assert moved["search"] > 1.2 * moved["random"]
